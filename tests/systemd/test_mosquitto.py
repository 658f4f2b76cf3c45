"""The shipped broker configuration on a real Mosquitto: TLS, passwords, and the table of rights."""

import os
import socket
import ssl
import subprocess
from collections.abc import Iterator
from itertools import groupby

import pytest

from cloud.devices.broker_access import device_password
from tests.lumengrid.access_table import DEVICE, EVERYTHING, TABLE
from tests.systemd.shipped_broker import AUDITOR, FOLDER, MOSQUITTO, PASSWORDS, SECRET, Person, ShippedBroker

pytestmark = pytest.mark.xdist_group("shipped_broker")
USERS = sorted({row.user for row in TABLE})
LAST = "someone/last"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedBroker]:
    if not MOSQUITTO:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no mosquitto on this machine")
    made = ShippedBroker(tmp_path_factory.mktemp("mosquitto"))
    made.start()
    try:
        add_device(made, DEVICE)
        made.reload()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def auditor(broker: ShippedBroker) -> Iterator[Person]:
    person = Person(broker, AUDITOR, PASSWORDS[AUDITOR])
    person.subscribe("#")
    yield person
    person.leave()


def add_device(broker: ShippedBroker, device: str, secret: str = SECRET) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [FOLDER / "add-device.sh", device],
        env={
            **os.environ,
            "PASSWORD_FILE": str(broker.password_file),
            "CLOUD_ENV": "/nonexistent",
            "LUMENGRID_MQTT_DEVICE_SECRET": secret,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def word_of(user: str) -> str:
    return PASSWORDS.get(user) or device_password(SECRET, user)


@pytest.mark.parametrize("user", USERS)
def test_mosquitto_lets_each_user_say_what_the_table_allows(broker, auditor, user) -> None:
    rows = [row for row in TABLE if row.user == user and row.operation == "publish"]
    person = Person(broker, user, word_of(user))
    for row in rows:
        person.say(row.topic, user.encode())
    person.leave()
    # One connection is served in order, so what came before this came before it or never comes.
    auditor.say(LAST, user.encode())
    auditor.hear(LAST, user.encode())

    came = {topic for topic, payload in auditor.heard if payload == user.encode()}
    assert {row.topic: row.topic in came for row in rows} == {row.topic: row.allowed for row in rows}


@pytest.mark.parametrize("user", USERS)
def test_mosquitto_sends_each_user_what_the_table_allows_whatever_it_subscribes_to(
    broker, auditor, user
) -> None:
    rows = [row for row in TABLE if row.user == user and row.operation == "receive"]
    person = Person(broker, user, word_of(user))
    person.subscribe("#")
    mark = f"to {user}".encode()
    for row in rows:
        auditor.say(row.topic, mark)
    last = next(row.topic for row in rows if row.allowed)
    auditor.say(last, mark + b", last")
    person.hear(last, mark + b", last")
    person.leave()

    came = {topic for topic, payload in person.heard if payload == mark}
    assert {row.topic: row.topic in came for row in rows} == {row.topic: row.allowed for row in rows}


def test_nothing_of_the_broker_s_own_is_heard_by_anyone(broker) -> None:
    person = Person(broker, "reader", PASSWORDS["reader"])
    person.subscribe("$SYS/#")
    person.say("nothing", b"")
    person.leave()

    assert person.heard == []


@pytest.mark.parametrize(
    "user,password",
    [
        (None, None),
        ("cloud", "r"),
        ("cloud", None),
        (DEVICE, "wrong"),
        ("pi-2", device_password(SECRET, DEVICE)),
    ],
)
def test_nobody_comes_in_without_the_password_of_that_name(broker, user, password) -> None:
    person = Person(broker, user, password)
    person.leave()

    assert person.refused is not None


def test_a_device_comes_in_over_tls_with_the_password_that_the_service_hands_out(broker) -> None:
    person = Person(broker, DEVICE, device_password(SECRET, DEVICE), tls=True)
    person.subscribe(f"lumengrid/v1/devices/{DEVICE}/ack")
    person.leave()

    assert person.refused is None


def test_a_broker_with_a_stranger_s_certificate_is_not_spoken_to(broker) -> None:
    context = ssl.create_default_context()
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        socket.create_connection(("127.0.0.1", broker.tls_port), timeout=60) as raw,
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def test_adding_a_device_again_changes_its_line_and_no_other(broker, tmp_path) -> None:
    spare = ShippedBroker(tmp_path)
    spare.password_file.write_text("cloud:$7$x\npixa:$7$y\npi.a:$7$old\n")

    assert add_device(spare, "pi.a").returncode == 0

    lines = spare.password_file.read_text().splitlines()
    assert lines[:2] == ["cloud:$7$x", "pixa:$7$y"]
    assert lines[2].startswith("pi.a:$7$")
    assert lines[2] != "pi.a:$7$old"
    assert len(lines) == 3
    assert spare.password_file.stat().st_mode & 0o777 == 0o600
    assert device_password(SECRET, "pi.a") not in spare.password_file.read_text()


@pytest.mark.parametrize("device", ["", "a/b", "#", "cloud", "home", "reader", "x:y"])
def test_a_name_that_is_no_device_s_is_refused(broker, device) -> None:
    before = broker.password_file.read_text()

    done = add_device(broker, device)

    assert done.returncode == 1
    assert "add-device.sh" in done.stderr
    assert broker.password_file.read_text() == before


def test_without_the_secret_nobody_is_added(broker) -> None:
    done = add_device(broker, "pi-3", secret="")

    assert done.returncode == 1
    assert "LUMENGRID_MQTT_DEVICE_SECRET" in done.stderr


def test_the_table_names_every_topic_with_and_without_a_right() -> None:
    for user, rows in groupby(TABLE, key=lambda row: row.user):
        kinds = {(row.operation, row.allowed) for row in rows}

        assert {("receive", True), ("receive", False), ("publish", False)} <= kinds, user
    assert len(set(EVERYTHING)) == len(EVERYTHING)
