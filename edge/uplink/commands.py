"""A command of the cloud as it arrives: believed only with a good signature of the pinned cloud key.

A retained one is never obeyed: it would act again at each reconnection. What a genuine command may do
(expiry, device, node, once only) is for the manual layer of `edge.control` to judge.
"""

import logging
from collections.abc import Callable

import msgspec

from shared.messages import PAYLOAD_BYTES_MAX, Command, CommandAck, SignedMessage, encode
from shared.signatures import BadSignature, Purpose, verify

logger = logging.getLogger(__name__)

REASON_LENGTH_MAX = 300

_signed_decoder = msgspec.json.Decoder(SignedMessage)
_command_decoder = msgspec.json.Decoder(Command)

Act = Callable[[Command], CommandAck]
"""Judge a genuine command and put its lease into force; the same id gets the same answer and acts once."""


class CommandDesk:
    """Takes commands from either uplink and gives the answers."""

    def __init__(self, *, cloud_key: str | None, act: Act) -> None:
        self.refused = 0
        self._cloud_key = cloud_key
        self._act = act

    def receive(self, payload: bytes, *, retained: bool) -> CommandAck | None:
        """The answer to a command message; None where not even its id can be read."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            return self._refuse(None, f"larger than {PAYLOAD_BYTES_MAX} bytes")
        try:
            signed = _signed_decoder.decode(payload)
            command = _command_decoder.decode(signed.body)
        except msgspec.MsgspecError as error:
            return self._refuse(None, f"unreadable: {error}")
        if retained:
            return self._refuse(command.id, "a retained command is never obeyed")
        return self._judge(command, bytes(signed.body), signed.signature)

    def obey(self, command: Command, signature: str) -> CommandAck | None:
        """The answer to a command that came in parts, over HTTP: signed are the bytes it has over MQTT."""
        return self._judge(command, encode(command), signature)

    def _judge(self, command: Command, signed: bytes, signature: str) -> CommandAck | None:
        if self._cloud_key is None:
            return self._refuse(command.id, "this device is not enrolled and knows no cloud key")
        try:
            verify(self._cloud_key, Purpose.COMMAND, signed, signature)
        except BadSignature as error:
            return self._refuse(command.id, str(error))
        answer = self._act(command)
        if not answer.accepted:
            return self._refuse(command.id, answer.reason)
        return answer

    def _refuse(self, command_id: str | None, reason: str) -> CommandAck | None:
        self.refused += 1
        logger.warning("command refused id=%s reason=%s", command_id, reason)
        if command_id is None:
            return None
        return CommandAck(id=command_id, accepted=False, reason=reason[:REASON_LENGTH_MAX])
