"""Manual commands: leases of one node each, 30 min, signed by the service's key.

A newer command for a node takes the older one's place. A command is in force until it expires, is replaced,
or the agent refuses it. An idle command stops: once the agent has heard it, it is in force for `STOP_S` and
automatic control resumes; until then it waits, for an agent that is away must not go on when it comes back.
"""

from collections.abc import Collection

import msgspec
from nacl.signing import SigningKey

from cloud.devices import storage
from cloud.devices.storage import CommandRow
from cloud.kit.store import ReadTx, WriteTx
from shared.clock import Clock, from_micros
from shared.ids import new_id
from shared.messages import STOP_S, Action, Command, CommandAck, SignedMessage, encode
from shared.signatures import Purpose, sign

LEASE_S = 30 * 60
STOP_US = round(STOP_S * 1e6)


class Commands:
    """Leases and their answers; every method joins the caller's transaction."""

    def __init__(self, clock: Clock, signing_key: SigningKey) -> None:
        self._clock = clock
        self._signing_key = signing_key

    async def lease(
        self, tx: WriteTx, device_id: str, node_uid: str, action: Action, peer_uid: str | None = None
    ) -> Command:
        """Ask a node to do something for 30 min; what was asked of it before no longer counts."""
        now_us = self._clock.now_us()
        row = CommandRow(
            id=new_id("cmd", self._clock),
            device_id=device_id,
            node_uid=node_uid,
            action=action,
            peer_uid=peer_uid,
            issued_at_us=now_us,
            expires_at_us=now_us + LEASE_S * 1_000_000,
        )
        await storage.replace_commands(tx, device_id, node_uid, now_us, stopped_before_us=now_us - STOP_US)
        await storage.add_command(tx, row)
        return _command(row)

    async def active_commands(self, tx: ReadTx, device_id: str) -> list[Command]:
        """The commands in force, oldest first; at most one per node."""
        now_us = self._clock.now_us()
        rows = await storage.commands_in_force(tx, device_id, now_us, stopped_before_us=now_us - STOP_US)
        return [_command(row) for row in rows]

    async def stop(self, tx: WriteTx, device_id: str, node_uids: Collection[str] = ()) -> list[Command]:
        """Idle commands for every node that a command in force moves, and for `node_uids`, in that order."""
        moving = [
            command.node_uid
            for command in await self.active_commands(tx, device_id)
            if command.action is not Action.IDLE
        ]
        nodes = dict.fromkeys([*moving, *node_uids])
        return [await self.lease(tx, device_id, node_uid, Action.IDLE) for node_uid in nodes]

    async def command_answered(
        self, tx: WriteTx, answer: CommandAck, *, device_id: str | None = None
    ) -> bool:
        """Note the agent's first answer; False where there is no such command left to answer.

        `device_id` is who answered, where that is known: nobody answers for another.
        """
        return await storage.answer_command(
            tx,
            answer.id,
            device_id=device_id,
            accepted=answer.accepted,
            answer=answer.reason,
            now_us=self._clock.now_us(),
        )

    async def stop_heard(self, tx: WriteTx, stop: Command) -> None:
        """Note that an agent which sends no answers was told an idle command."""
        answer = CommandAck(id=stop.id, accepted=True, reason="told over HTTP")
        await self.command_answered(tx, answer, device_id=stop.device_id)

    def sign_command(self, command: Command) -> SignedMessage:
        """The command as it travels: its raw bytes and the service's signature over them."""
        body = encode(command)
        return SignedMessage(body=msgspec.Raw(body), signature=sign(self._signing_key, Purpose.COMMAND, body))


def _command(row: CommandRow) -> Command:
    return Command(
        id=row.id,
        device_id=row.device_id,
        node_uid=row.node_uid,
        action=row.action,
        peer_uid=row.peer_uid,
        issued_at=from_micros(row.issued_at_us),
        expires_at=from_micros(row.expires_at_us),
    )
