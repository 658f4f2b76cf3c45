"""Who may say and hear what on the embedded broker."""

import stat
from pathlib import Path

import pytest

from cloud.devices.broker_access import device_password
from lumengrid.access import Secrets, load_secrets, may, password_is_right
from tests.lumengrid.access_table import DEVICE, OWN, TABLE, Row

KNOWN = Secrets(cloud="c", reader="r", home="h", device_secret="s")


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.user}-{row.operation}-{row.topic}")
def test_the_embedded_broker_keeps_the_table_of_rights(row: Row) -> None:
    assert may(row.user, row.operation, row.topic) is row.allowed


def test_a_filter_is_granted_only_where_everything_under_it_may_be_heard() -> None:
    for topic in ("lumengrid/v1/#", "#", "lumengrid/v1/devices/+/ack", f"{OWN}/#"):
        assert not may(DEVICE, "subscribe", topic)
    for topic in (f"{OWN}/ack", f"{OWN}/command", f"{OWN}/hold/set", "lumengrid/v1/grid/#"):
        assert may(DEVICE, "subscribe", topic)
    assert may("reader", "subscribe", "lumengrid/v1/#")
    assert not may("reader", "subscribe", "$SYS/#")


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
    assert first.reader.isalnum(), "it is typed behind -P, where a leading dash would look like an option"
    assert first.home.isalnum()


def test_a_device_password_is_the_hmac_of_its_name() -> None:
    # echo -n "device:pi-1" | openssl dgst -sha256 -hmac s
    assert device_password("s", "pi-1") == "e634470b0108fd48e287eb02cc0495de6174b092fae43b032f2a028059015f89"
