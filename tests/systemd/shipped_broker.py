"""The shipped Mosquitto configuration, with paths and ports of a test, and users to try it with."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from lumengrid.processes import free_port
from tests.test_architecture import ROOT

MOSQUITTO = next(
    (path for path in (shutil.which("mosquitto"), "/usr/sbin/mosquitto") if path and Path(path).exists()), ""
)
FOLDER = ROOT / "systemd" / "mosquitto"
SECRET = "s"
AUDITOR = "auditor"
"""A user of the tests alone, who may do everything."""
PASSWORDS = {"cloud": "c", "reader": "r", "home": "h", AUDITOR: "a"}
WAIT_S = 60.0


class ShippedBroker:
    """Mosquitto as `systemd/mosquitto` configures it."""

    def __init__(self, folder: Path, *, more: Mapping[str, str] | None = None) -> None:
        """`more`: passwords of further users."""
        self.folder = folder
        self._passwords = PASSWORDS | dict(more or {})
        self.plain_port, self.tls_port = free_port(), free_port()
        self.password_file = folder / "lumengrid.passwd"
        self.ca_file = folder / "ca.crt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._certificates()
        self.password_file.write_text("".join(f"{user}:{word}\n" for user, word in self._passwords.items()))
        subprocess.run(["mosquitto_passwd", "-U", self.password_file], check=True, timeout=WAIT_S)
        rules = (FOLDER / "lumengrid.acl").read_text()
        (self.folder / "lumengrid.acl").write_text(
            rules.replace("user cloud\n", f"user {AUDITOR}\ntopic readwrite #\n\nuser cloud\n", 1)
        )
        text = (FOLDER / "lumengrid.conf").read_text()
        for shipped, mine in {
            "/etc/mosquitto/lumengrid.passwd": self.password_file,
            "/etc/mosquitto/lumengrid.acl": self.folder / "lumengrid.acl",
            "/etc/mosquitto/certs/lumengrid-ca.crt": self.ca_file,
            "/etc/mosquitto/certs/lumengrid.crt": self.folder / "broker.crt",
            "/etc/mosquitto/certs/lumengrid.key": self.folder / "broker.key",
            "/var/lib/mosquitto/": f"{self.folder}/",
            "listener 1883 127.0.0.1": f"listener {self.plain_port} 127.0.0.1",
            "listener 8883": f"listener {self.tls_port} 127.0.0.1",
        }.items():
            assert shipped in text, shipped
            text = text.replace(shipped, str(mine))
        (self.folder / "mosquitto.conf").write_text("user root\n" + text)
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", self.folder / "mosquitto.conf"],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("wb"),
        )
        deadline = time.monotonic() + WAIT_S
        while not all(_listens(port) for port in (self.plain_port, self.tls_port)):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "mosquitto does not listen"
            time.sleep(0.02)

    def reload(self) -> None:
        """Read the password file again."""
        assert self._process is not None
        self._process.send_signal(1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(WAIT_S)

    def _certificates(self) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        f = self.folder
        _openssl("req", "-x509", *key, "-subj", "/CN=CA", "-keyout", f / "ca.key", "-out", self.ca_file)
        _openssl("req", *key, "-subj", "/CN=localhost", "-keyout", f / "broker.key", "-out", f / "broker.csr")
        (f / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        _openssl(
            *("x509", "-req", "-in", f / "broker.csr", "-CA", self.ca_file, "-CAkey", f / "ca.key"),
            *("-CAcreateserial", "-extfile", f / "names", "-out", f / "broker.crt"),
        )


class Person:
    """A client that remembers what it was sent."""

    def __init__(
        self, broker: ShippedBroker, user: str | None, password: str | None, *, tls: bool = False
    ) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.refused: str | None = None
        self._news = threading.Condition()
        self._answered = False
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        if user is not None:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set_context(ssl.create_default_context(cafile=str(broker.ca_file)))
        self._client.on_connect = self._connected
        self._client.on_message = self._received
        self._client.on_subscribe = lambda *_: self._tell()
        self._client.connect(
            "localhost" if tls else "127.0.0.1", broker.tls_port if tls else broker.plain_port
        )
        self._client.loop_start()
        self._wait()

    def subscribe(self, topic: str) -> None:
        """Return once the broker has answered."""
        self._answered = False
        self._client.subscribe(topic, 1)
        self._wait()

    def say(self, topic: str, payload: bytes) -> None:
        """Return once the broker has acknowledged."""
        self._client.publish(topic, payload, qos=1).wait_for_publish(WAIT_S)

    def hear(self, topic: str, payload: bytes) -> None:
        """Return once this came."""
        with self._news:
            assert self._news.wait_for(lambda: (topic, payload) in self.heard, WAIT_S), (
                f"{topic} did not come"
            )

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self) -> None:
        with self._news:
            assert self._news.wait_for(lambda: self._answered, WAIT_S), "the broker does not answer"

    def _tell(self) -> None:
        with self._news:
            self._answered = True
            self._news.notify_all()

    def _connected(self, _client: Any, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self.refused = str(reason)
        self._tell()

    def _received(self, _client: Any, _userdata: Any, message: paho.MQTTMessage) -> None:
        with self._news:
            self.heard.append((message.topic, message.payload))
            self._news.notify_all()


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True, timeout=WAIT_S)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
