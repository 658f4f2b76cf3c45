"""What is said on the WebSocket, and when it is worth connecting again. Knows no connection.

Updates are numbered by `seq`. A stream that lost its connection asks for what lies above the last number it
saw, so nothing is missed and nothing told twice.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from websockets.frames import Close

from terra_lumina.errors import NotFoundError, StreamClosedError, TerraLuminaError, UnexpectedAnswerError
from terra_lumina.retrying import TOO_MANY_REQUESTS, TRANSIENT

STREAM_PATH = "/ws"
BACKOFF_S = 0.5
BACKOFF_MAX_S = 30.0
TOKEN_ENDED = 4401
"""The close code of this API for a token that is no longer good."""
RETRIED_CLOSES = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014})
"""WebSocket close codes after which connecting again helps: going away, lost, failed, restarting, full."""


class Update(Struct, frozen=True, kw_only=True):
    """Something new on a channel."""

    type: str
    """`portfolio_update`, `project_update`; `reset`: too much was missed to be told, read the state anew."""
    data: dict[str, Any]
    seq: int


class _Message(Struct):
    type: str
    data: Any = None
    seq: int | None = None
    after: int | None = None
    message: str = ""
    code: str = ""


class Stream:
    """One stream over all its connections."""

    def __init__(
        self, *, portfolio: bool, projects: Iterable[str], after: int | None, random: Callable[[], float]
    ) -> None:
        """Raises:
        ValueError: nothing is subscribed to.
        """
        self._channels: list[dict[str, str]] = [{"channel": "portfolio"}] if portfolio else []
        self._channels += [{"channel": "project", "project_id": project_id} for project_id in projects]
        if not self._channels:
            raise ValueError("subscribe to the portfolio or to a project")
        self._seq = after
        """Up to here everything was told; None: nothing yet."""
        self._random = random
        self._failures = 0
        self._missed: dict[int, Update] | None = None
        """What channels catch up with, one after another, by `seq`; None: all of them have."""

    def greeting(self, token: str) -> list[str]:
        """What is said first on a new connection, in this order; the ping's answer ends the catching up."""
        self._missed = {}
        after = {} if self._seq is None else {"after": self._seq}
        said: list[dict[str, Any]] = [{"type": "auth", "token": token}]
        said += [{"type": "subscribe", **channel, **after} for channel in self._channels]
        said.append({"type": "ping"})
        return [msgspec.json.encode(message).decode() for message in said]

    def heard(self, said: str | bytes) -> list[Update]:
        """What is new by it, in order of `seq`.

        Raises:
            NotFoundError: a project does not exist.
            UnexpectedAnswerError: it is no message, or the service says that ours was none.
        """
        try:
            message = msgspec.json.decode(said, type=_Message)
        except msgspec.MsgspecError as error:
            raise UnexpectedAnswerError(f"stream: {error}") from error
        if message.type == "error":
            raise _error(message)
        if message.type == "pong":
            self._failures = 0
            missed, self._missed = self._missed or {}, None
            return [update for seq in sorted(missed) for update in self._new(missed[seq])]
        if message.type == "subscribed" and self._seq is None:
            self._seq = message.after
        seq = message.after if message.type == "reset" else message.seq
        if seq is None or not (message.type == "reset" or message.type.endswith("_update")):
            return []
        data = message.data if isinstance(message.data, dict) else {}
        update = Update(type=message.type, data=data, seq=seq)
        if self._missed is None:
            return self._new(update)
        self._missed[seq] = update
        return []

    def _new(self, update: Update) -> list[Update]:
        """Nothing, where it was told before."""
        if self._seq is not None and update.seq <= self._seq and update.type != "reset":
            return []
        self._seq = update.seq
        return [update]

    def pause_s(self) -> float:
        """How long to wait before connecting again."""
        self._failures += 1
        return min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** (self._failures - 1)) * self._random()


def check_close(said: Close | None) -> None:
    """Return silently where connecting again helps. None: the connection was lost.

    Raises:
        StreamClosedError: it does not.
    """
    if said is not None and said.code not in RETRIED_CLOSES:
        raise StreamClosedError(said.code, said.reason)


def has_token_ended(said: Close | None) -> bool:
    return said is not None and said.code == TOKEN_ENDED


def check_handshake(status: int) -> None:
    """Return silently where connecting again helps.

    Raises:
        StreamClosedError: it does not; its code is the HTTP status.
    """
    if status not in TRANSIENT and status != TOO_MANY_REQUESTS:
        raise StreamClosedError(status, "the handshake was refused")


def stream_url(base_url: str) -> str:
    """Https becomes wss, http becomes ws."""
    return "ws" + base_url.removeprefix("http") + STREAM_PATH


def _error(message: _Message) -> TerraLuminaError:
    if message.code == "RESOURCE_NOT_FOUND":
        return NotFoundError(message.message, status=404, code=message.code)
    return UnexpectedAnswerError(f"stream: {message.message}")
