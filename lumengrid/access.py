"""Who may say and hear what on the embedded broker. Deny unless allowed.

- `cloud`: publishes and hears everything below the project's root.
- a device: publishes its own topics and its own Home Assistant discovery; hears its acks, commands and
  holds, the grid's public topics and Home Assistant's birth message.
- `reader`: hears everything public, publishes nothing.
- `home`: what `reader` may, and sets holds (Home Assistant, the owner).
"""

import hmac
import secrets
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from cloud.devices.broker_access import device_password
from shared import topics
from shared.ids import is_name

CLOUD = "cloud"
READER = "reader"
HOME = "home"

Operation = Literal["publish", "subscribe", "receive"]

_DEVICE_SAYS = {
    topics.STATUS,
    topics.TELEMETRY,
    topics.STATE,
    topics.ENERGY,
    topics.EVENT,
    topics.COMMAND_ACK,
}
_DEVICE_HEARS = {topics.ACK, topics.COMMAND, topics.HOLD_SET}
_PUBLIC = (f"{topics.ROOT}/grid/", f"{topics.ROOT}/market/", f"{topics.ROOT}/ledger/")
_HOME_ASSISTANT_BIRTH = "homeassistant/status"


class Secrets(Struct, frozen=True, kw_only=True):
    """The embedded broker's passwords; the devices' are derived from one secret."""

    cloud: str
    reader: str
    home: str
    device_secret: str

    def __repr__(self) -> str:
        return "Secrets(***)"


def load_secrets(path: Path) -> Secrets:
    """The secrets in the file; made on first use, mode 0600."""
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Secrets)
    made = Secrets(
        cloud=secrets.token_urlsafe(24),
        reader=secrets.token_hex(8),
        home=secrets.token_hex(8),
        device_secret=secrets.token_hex(32),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(made))
    return made


def password_is_right(known: Secrets, username: str | None, password: str | None) -> bool:
    """Whether this user may connect; anonymous never."""
    if not username or not password:
        return False
    expected = {CLOUD: known.cloud, READER: known.reader, HOME: known.home}.get(username)
    if expected is None:
        if not is_name(username):
            return False
        expected = device_password(known.device_secret, username)
    return hmac.compare_digest(expected.encode(), password.encode())


def may(username: str, operation: Operation, topic: str) -> bool:
    """Whether the user may publish to, subscribe to, or be sent this topic (filters for subscribe)."""
    if username == CLOUD:
        return topic.startswith((f"{topics.ROOT}/", "homeassistant/"))
    if username in {READER, HOME}:
        if operation == "publish":
            parsed = topics.parse_device_topic(topic)
            return username == HOME and (
                topic == _HOME_ASSISTANT_BIRTH or (parsed is not None and parsed[1] == topics.HOLD_SET)
            )
        return topic.startswith((f"{topics.ROOT}/", "homeassistant/"))
    if operation == "publish":
        return topic in {topics.device_topic(username, leaf) for leaf in _DEVICE_SAYS} or topic.startswith(
            f"homeassistant/device/{username}/"
        )
    return (
        topic in {topics.device_topic(username, leaf) for leaf in _DEVICE_HEARS}
        or topic.startswith(_PUBLIC)
        or topic == _HOME_ASSISTANT_BIRTH
    )
