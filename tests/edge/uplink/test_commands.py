"""Which command messages are believed, before anybody asks what they want."""

from datetime import timedelta

import msgspec
import pytest
from msgspec import Raw
from nacl.signing import SigningKey

from edge.uplink.commands import CommandDesk
from shared.clock import ManualClock
from shared.messages import PAYLOAD_BYTES_MAX, Action, Command, CommandAck, SignedMessage, encode
from shared.signatures import Purpose, public_key_of, sign

KEY = SigningKey(bytes(32))
CLOCK = ManualClock()


def _command(command_id: str = "cmd_1") -> Command:
    now = CLOCK.now()
    return Command(
        id=command_id,
        device_id="rpi",
        node_uid="NODE_A",
        action=Action.DISCHARGE,
        issued_at=now,
        expires_at=now + timedelta(minutes=30),
    )


def _message(key: SigningKey = KEY, purpose: Purpose = Purpose.COMMAND) -> bytes:
    body = encode(_command())
    return encode(SignedMessage(body=Raw(body), signature=sign(key, purpose, body)))


@pytest.fixture
def acted() -> list[Command]:
    return []


@pytest.fixture
def desk(acted: list[Command]) -> CommandDesk:
    def act(command: Command) -> CommandAck:
        acted.append(command)
        return CommandAck(id=command.id, accepted=True, reason="leased")

    return CommandDesk(cloud_key=public_key_of(KEY), act=act)


def test_a_genuine_command_is_passed_on(desk: CommandDesk, acted: list[Command]) -> None:
    answer = desk.receive(_message(), retained=False)

    assert answer == CommandAck(id="cmd_1", accepted=True, reason="leased")
    assert acted == [_command()]


def test_a_retained_command_is_never_obeyed(desk: CommandDesk, acted: list[Command]) -> None:
    answer = desk.receive(_message(), retained=True)

    assert answer is not None
    assert (answer.accepted, "retained" in answer.reason) == (False, True)
    assert (acted, desk.refused) == ([], 1)


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(_message(SigningKey(bytes([1]) * 32)), id="another key"),
        pytest.param(_message(purpose=Purpose.ACK), id="signed for another purpose"),
        pytest.param(_message().replace(b"NODE_A", b"NODE_B"), id="changed on the way"),
        pytest.param(
            encode(SignedMessage(body=Raw(encode(_command())), signature="")), id="without a signature"
        ),
    ],
)
def test_a_command_without_the_cloud_s_signature_is_refused(
    desk: CommandDesk, acted: list[Command], payload: bytes
) -> None:
    answer = desk.receive(payload, retained=False)

    assert answer == CommandAck(id="cmd_1", accepted=False, reason="bad command signature")
    assert acted == []


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no fields"),
        pytest.param(b'{"body": {"id": "x"}, "signature": "s"}', id="half a command"),
        pytest.param(_message()[:-1] + b', "more": 1}', id="unknown field"),
        pytest.param(b" " * (2 * 1024 * 1024), id="2 MB"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
    ],
)
def test_what_is_no_command_is_counted_and_not_answered(
    desk: CommandDesk, acted: list[Command], payload: bytes
) -> None:
    assert desk.receive(payload, retained=False) is None
    assert (acted, desk.refused) == ([], 1)


def test_the_size_limit_is_that_of_the_wire_contract(desk: CommandDesk) -> None:
    assert desk.receive(_message() + b" " * (PAYLOAD_BYTES_MAX - len(_message())), retained=False)
    assert desk.receive(_message() + b" " * PAYLOAD_BYTES_MAX, retained=False) is None


def test_without_a_cloud_key_every_command_is_refused(acted: list[Command]) -> None:
    desk = CommandDesk(cloud_key=None, act=lambda c: pytest.fail("acted"))

    answer = desk.receive(_message(), retained=False)

    assert answer is not None
    assert "not enrolled" in answer.reason


def test_a_command_that_came_in_parts_is_checked_over_the_same_bytes(
    desk: CommandDesk, acted: list[Command]
) -> None:
    body = encode(_command())
    again = msgspec.json.decode(body, type=Command)

    answer = desk.obey(again, sign(KEY, Purpose.COMMAND, body))
    refused = desk.obey(_command("cmd_2"), sign(KEY, Purpose.COMMAND, body))

    assert answer is not None
    assert answer.accepted
    assert refused == CommandAck(id="cmd_2", accepted=False, reason="bad command signature")
