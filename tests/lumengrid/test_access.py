"""Who may say and hear what on the embedded broker."""

import stat
from pathlib import Path

import pytest

from cloud.devices.broker_access import device_password
from lumengrid.access import Secrets, load_secrets, may, password_is_right

KNOWN = Secrets(cloud="c", reader="r", home="h", device_secret="s")
OWN = "lumengrid/v1/devices/pi-1"
OTHER = "lumengrid/v1/devices/pi-2"


@pytest.mark.parametrize("topic", ["status", "telemetry", "state", "energy", "event", "command/ack"])
def test_a_device_says_its_own_topics_and_no_one_else_s(topic: str) -> None:
    assert may("pi-1", "publish", f"{OWN}/{topic}")
    assert not may("pi-1", "publish", f"{OTHER}/{topic}")


@pytest.mark.parametrize(
    "topic",
    [
        f"{OWN}/ack",
        f"{OWN}/command",
        f"{OWN}/hold/set",
        "lumengrid/v1/grid/price",
        "lumengrid/v1/ledger/root",
        "homeassistant/device/pi-2/config",
        "homeassistant/status",
    ],
)
def test_a_device_cannot_speak_for_the_cloud_the_owner_or_another_device(topic: str) -> None:
    assert not may("pi-1", "publish", topic)


@pytest.mark.parametrize("operation", ["subscribe", "receive"])
def test_a_device_hears_what_is_meant_for_it_and_what_is_public(operation) -> None:
    for topic in (f"{OWN}/ack", f"{OWN}/command", f"{OWN}/hold/set", "lumengrid/v1/grid/price"):
        assert may("pi-1", operation, topic)
    for topic in (f"{OTHER}/ack", f"{OTHER}/telemetry", "lumengrid/v1/#", "#", "lumengrid/v1/devices/+/ack"):
        assert not may("pi-1", operation, topic)


def test_a_reader_hears_everything_and_says_nothing() -> None:
    assert may("reader", "subscribe", "lumengrid/v1/#")
    assert may("reader", "receive", f"{OWN}/state")
    assert not may("reader", "subscribe", "$SYS/#")
    for topic in (f"{OWN}/hold/set", f"{OWN}/command", "lumengrid/v1/grid/price", f"{OWN}/ack"):
        assert not may("reader", "publish", topic)


def test_home_sets_holds_but_gives_no_commands() -> None:
    assert may("home", "publish", f"{OWN}/hold/set")
    assert not may("home", "publish", f"{OWN}/command")
    assert not may("home", "publish", f"{OWN}/ack")


def test_the_cloud_speaks_below_the_root_only() -> None:
    assert may("cloud", "publish", f"{OWN}/ack")
    assert not may("cloud", "publish", "someone/else")


@pytest.mark.parametrize(
    "username,password,right",
    [
        ("cloud", "c", True),
        ("reader", "r", True),
        ("cloud", "r", False),
        ("cloud", None, False),
        (None, None, False),
        ("", "", False),
        ("pi-1", device_password("s", "pi-1"), True),
        ("pi-2", device_password("s", "pi-1"), False),
        ("pi/1", device_password("s", "pi/1"), False),
    ],
)
def test_each_user_has_its_own_password_and_nobody_is_anonymous(username, password, right) -> None:
    assert password_is_right(KNOWN, username, password) is right


def test_secrets_are_made_once_and_are_nobody_else_s_to_read(tmp_path: Path) -> None:
    first = load_secrets(tmp_path / "broker.json")
    again = load_secrets(tmp_path / "broker.json")

    assert first == again
    assert len({first.cloud, first.reader, first.home, first.device_secret}) == 4
    assert stat.S_IMODE((tmp_path / "broker.json").stat().st_mode) == 0o600
    assert first.cloud not in repr(first)


def test_a_device_password_is_the_hmac_of_its_name() -> None:
    # echo -n "device:pi-1" | openssl dgst -sha256 -hmac s
    assert device_password("s", "pi-1") == "e634470b0108fd48e287eb02cc0495de6174b092fae43b032f2a028059015f89"
