"""One round trip to the broker: sign in, subscribe, publish and be acknowledged.

Under a client id of its own, so that the running agent keeps its session. What is published is one byte under
the device's own Home Assistant prefix, not retained, which nobody reads.
"""

import ssl
import threading
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import EdgeConfig
from edge.connection import broker_of
from edge.doctor.finding import Finding, fail, ok, warn
from edge.doctor.machine import Machine
from edge.enrol import load_enrolment
from edge.errors import ConfigWrong
from shared import topics
from shared.mqtt import Broker

TIMEOUT_S = 5.0
_REACH = "check mqtt.host, mqtt.port and the network, and that the broker runs: `systemctl status mosquitto`"
_SIGN_IN = (
    "the name must be the device's and the password the one at the broker: enrol again, or set it there with "
    "`sudo mosquitto_passwd /etc/mosquitto/lumengrid.passwd DEVICE`"
)
_TLS = "check mqtt.ca_file and that the broker's certificate names mqtt.host; a wrong clock fails it too"
_RIGHTS = "install systemd/mosquitto/lumengrid.acl on the broker and reload it"


def check_broker(machine: Machine, config: EdgeConfig) -> Finding:
    """How far a round trip gets."""
    try:
        broker = broker_of(config, load_enrolment(config.data_dir))
    except ConfigWrong as error:
        return fail("broker", str(error), "see enrolment")
    if broker is None:
        if config.cloud.url is not None:
            return ok("broker", "none is named: the agent talks HTTP to the service")
        return warn("broker", "none is named: nothing is sent", "enrol the device, or set mqtt.host")
    return _RoundTrip(broker, config.device_id, machine).finding()


class _RoundTrip:
    """Callbacks run in paho's thread; `_step` is set when one has news."""

    def __init__(self, broker: Broker, device_id: str, machine: Machine) -> None:
        self._broker = broker
        self._device_id = device_id
        self._clock = machine.clock
        self._step = threading.Event()
        self._refused: str | None = None
        self._rights_missing = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{device_id}-doctor",
            clean_session=True,
            protocol=paho.MQTTv311,
        )
        self._client.connect_timeout = TIMEOUT_S
        if broker.username is not None:
            self._client.username_pw_set(broker.username, broker.password)
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed

    def finding(self) -> Finding:
        try:
            if self._broker.tls:
                ca_file = str(self._broker.ca_file) if self._broker.ca_file else None
                self._client.tls_set_context(ssl.create_default_context(cafile=ca_file))
            self._client.connect(self._broker.host, self._broker.port, keepalive=15)
        except ssl.SSLError as error:
            return fail("broker", f"{self._broker!r} cannot be trusted: {error.reason or error}", _TLS)
        except (OSError, ValueError) as error:
            return fail("broker", f"{self._broker!r} cannot be reached: {error}", _REACH)
        self._client.loop_start()
        try:
            return self._talk()
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _talk(self) -> Finding:
        began = self._clock.monotonic()
        if not self._step.wait(TIMEOUT_S):
            return fail("broker", f"{self._broker!r} does not answer the sign-in: is it a broker?", _REACH)
        if self._refused is not None:
            return fail(
                "broker", f"{self._broker!r} refuses {self._broker.username}: {self._refused}", _SIGN_IN
            )
        self._step.clear()
        self._client.subscribe([(topics.device_topic(self._device_id, topics.ACK), 1)])
        if not self._step.wait(TIMEOUT_S) or self._rights_missing:
            return fail("broker", f"{self._broker!r} lets {self._broker.username} not hear its acks", _RIGHTS)
        sent = self._client.publish(f"homeassistant/device/{self._device_id}/doctor", b"1", qos=1)
        sent.wait_for_publish(TIMEOUT_S)
        if not sent.is_published():
            return fail("broker", f"{self._broker!r} does not acknowledge what is published", _RIGHTS)
        took_ms = 1000 * (self._clock.monotonic() - began)
        found = f"{self._broker!r}: signed in as {self._broker.username}, round trip {took_ms:.0f} ms"
        if not self._broker.tls and self._broker.host not in {"127.0.0.1", "::1", "localhost"}:
            return warn(
                "broker",
                f"{found}, not encrypted: the password can be read on the way",
                "set mqtt.tls = true and mqtt.ca_file",
            )
        return ok("broker", found)

    def _connected(
        self,
        _client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._refused = str(reason) if reason.is_failure else None
        self._step.set()

    def _subscribed(
        self,
        _client: paho.Client,
        _userdata: Any,
        _mid: int,
        reasons: list[ReasonCode],
        _properties: Properties | None,
    ) -> None:
        self._rights_missing = any(reason.is_failure for reason in reasons)
        self._step.set()
