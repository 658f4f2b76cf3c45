"""Which way to the cloud, and keeping it: enrolment, the choice of uplink, and a new broker when it moved.

    enrolled or configured broker   MQTT
    only the service's address      HTTP
    neither                         nothing is sent; everything waits in the journal

An agent that is not enrolled asks the service by itself (first contact). An enrolled one asks again at its
start and while its broker does not answer: broker and password may have changed. The cloud's key may not: it
was pinned at the first enrolment.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import structs
from nacl.signing import SigningKey

from edge.config import EdgeConfig
from edge.enrol import BrokerLogin, Enrolled, enrol, load_enrolment, save_enrolment
from edge.errors import CloudUnreachable, EnrolmentRefused
from edge.journal.worker import JournalWorker
from edge.uplink.commands import CommandDesk
from edge.uplink.prices import PriceBoard
from edge.uplink.view import UplinkView
from hardware.board_model import Board
from shared.clock import Clock
from shared.messages import Command, CommandAck, DeviceEvent, DeviceState, Hold

if TYPE_CHECKING:
    from edge.uplink.http import HttpUplink
    from edge.uplink.mqtt import MqttUplink, Retained
    from shared.mqtt import Broker

logger = logging.getLogger(__name__)

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses between enrolments that fail, on the agent's clock; the last one repeats."""
BROKER_AWAY_S = 30.0
"""A broker that is away for longer may have moved: the service is asked."""
LOOK_S = 5.0
STATE_PERIOD_S = 30.0
"""The device state is published at least this often."""
EXPIRE_AFTER_S = 120
"""Three states that did not come, and some grace."""


class Connection:
    """The uplink in force. All methods are called from the event loop."""

    def __init__(
        self,
        config: EdgeConfig,
        *,
        key: SigningKey,
        board: Board,
        boot_id: str,
        version: str,
        worker: JournalWorker,
        clock: Clock,
    ) -> None:
        """Nothing is connected yet.

        Raises:
            ConfigWrong: a stored enrolment cannot be used.
        """
        self.key = key
        self.prices = PriceBoard(clock)
        self.last_state: DeviceState | None = None
        self.on_command: Callable[[Command], CommandAck] = _no_agent
        self.on_hold: Callable[[Hold], object] = lambda _hold: None
        self._config = config
        self._board = board
        self._boot_id = boot_id
        self.version = version
        self._worker = worker
        self._clock = clock
        self._enrolled = load_enrolment(config.data_dir)
        self._problem: str | None = None
        self._uplink: MqttUplink | HttpUplink | None = None
        self._over_http = False
        self._task: asyncio.Task[None] | None = None
        self._turns = 0

    @property
    def cloud_key(self) -> str | None:
        """The pinned key of the cloud."""
        if self._config.cloud.public_key is not None:
            return self._config.cloud.public_key
        return None if self._enrolled is None else self._enrolled.cloud_public_key

    @property
    def up(self) -> bool:
        """Whether records can be sent now."""
        return self._uplink is not None and self._uplink.up

    @property
    def takes_telemetry(self) -> bool:
        """Whether telemetry is worth keeping for later: HTTP carries only the present."""
        return not self._over_http or self.up

    def start(self) -> None:
        """Begin connecting; returns at once."""
        self._task = asyncio.create_task(self._run(), name="connection")

    async def stop(self) -> None:
        """Say goodbye and disconnect, within about two seconds."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._uplink is not None:
            await self._uplink.stop()

    def wake(self) -> None:
        """There is something new in the journal."""
        if self._uplink is not None:
            self._uplink.wake()

    def publish_state(self, state: DeviceState) -> None:
        """The latest state, for those who listen and those who come later."""
        self.last_state = state
        if self._uplink is not None:
            self._uplink.publish_state(state)

    def tell(self, event: DeviceEvent) -> None:
        """An event, for those who listen now."""
        if self._uplink is not None:
            self._uplink.tell(event)

    def view(self) -> UplinkView:
        """The connection now."""
        if self._uplink is not None:
            view = self._uplink.view()
            return view if self._problem is None else _with_problem(view, self._problem)
        return UplinkView(
            kind="none",
            up=False,
            enrolled=self.cloud_key is not None,
            problem=self._problem or "no broker and no service are configured",
            last_ack_age_s=None,
            acks_refused=0,
            commands_refused=0,
            resends=0,
            turns=self._turns,
        )

    async def _run(self) -> None:
        await self._enrol_first()
        await self._use(self._broker())
        away_since = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK_S)
            self._turns += 1
            now = self._clock.monotonic()
            if self.up or self._over_http or self._uplink is None:
                away_since = now
            elif now - away_since >= BROKER_AWAY_S and self._config.mqtt.host is None:
                away_since = now
                before = self._broker()
                await self._ask()
                if self._broker() != before:
                    logger.info("broker moved broker=%r", self._broker())
                    await self._use(self._broker())

    async def _enrol_first(self) -> None:
        """Until there is a key to believe; an agent that has one asks once, in case the broker moved."""
        if self._config.cloud.url is None:
            return
        tries = 0
        while not await self._ask() and self.cloud_key is None:
            await self._clock.sleep(RETRY_S[min(tries, len(RETRY_S) - 1)])
            tries += 1
            self._turns += 1

    async def _ask(self) -> bool:
        """Enrol, or learn again where the broker is; False when that did not work, the reason is shown."""
        url = self._config.cloud.url
        if url is None:
            return False
        try:
            answer = await enrol(
                self.key,
                cloud_url=url,
                device_id=self._config.device_id,
                code=None,
                site=self._config.site.coordinates,
            )
        except (CloudUnreachable, EnrolmentRefused) as error:
            if self.cloud_key is None:
                self._show(f"not enrolled: {error}")
            return False
        return self._take(answer)

    def _take(self, answer: Enrolled) -> bool:
        pinned = self.cloud_key
        if pinned is not None and answer.cloud_public_key != pinned:
            self._show("the service now shows another key than the pinned one; its answer is not believed")
            return False
        if answer != self._enrolled:
            save_enrolment(self._config.data_dir, answer)
            logger.info("enrolled cloud=%s broker=%r", answer.cloud_url, answer.mqtt)
        self._enrolled = answer
        self._problem = None
        return True

    def _show(self, problem: str) -> None:
        if problem != self._problem:
            logger.warning("uplink %s", problem)
        self._problem = problem

    def _broker(self) -> "Broker | None":
        return broker_of(self._config, self._enrolled)

    async def _use(self, broker: "Broker | None") -> None:
        # Each library is loaded only where it is used: the memory of a Pi is small.
        if self._uplink is not None:
            await self._uplink.stop()
        desk = CommandDesk(cloud_key=self.cloud_key, act=self.on_command)
        if broker is not None:
            from edge.uplink.mqtt import MqttUplink

            self._uplink = MqttUplink(
                device_id=self._config.device_id,
                boot_id=self._boot_id,
                version=self.version,
                broker=broker,
                worker=self._worker,
                clock=self._clock,
                cloud_key=self.cloud_key,
                desk=desk,
                prices=self.prices,
                on_hold=self.on_hold,
                keepalive_s=self._config.mqtt.keepalive_s,
                discovery=self._discovery(),
            )
        elif self._config.cloud.url is not None:
            from edge.uplink.http import HttpUplink

            self._over_http = True
            self._uplink = HttpUplink(
                device_id=self._config.device_id,
                cloud_url=self._config.cloud.url,
                key=self.key,
                worker=self._worker,
                clock=self._clock,
                enrolled=self.cloud_key is not None,
                desk=desk,
                period_s=self._config.telemetry_period_s,
                energy_scale=max(1, round(1_000 / self._config.metering.report_mwh_min)),
            )
        else:
            return
        if self.last_state is not None:
            self._uplink.publish_state(self.last_state)
        self._uplink.start()

    def _discovery(self) -> "Retained | None":
        """What Home Assistant is told; an empty message where the settings take it back."""
        from edge.uplink import home_assistant
        from edge.uplink.mqtt import Retained

        config = self._config
        topic = home_assistant.discovery_topic(config.device_id)
        if topic is None:
            if config.mqtt.home_assistant:
                logger.warning(
                    "not announced to Home Assistant, which takes no dots device=%s", config.device_id
                )
            return None
        if not config.mqtt.home_assistant:
            return Retained(topic, b"")
        payload = home_assistant.discovery(
            device_id=config.device_id,
            version=self.version,
            model=self._board.name,
            nodes=tuple(node.uid for node in self._board.nodes),
            expire_after_s=EXPIRE_AFTER_S,
            hold_minutes=round(config.transfer.lease_minutes),
        )
        return Retained(topic, payload)


def broker_of(config: EdgeConfig, enrolled: Enrolled | None) -> "Broker | None":
    """The configured broker, or the one the cloud named at enrolment."""
    from shared.mqtt import Broker

    mqtt = config.mqtt
    login = None if enrolled is None else enrolled.mqtt
    password = None if mqtt.password is None else mqtt.password.reveal()
    if mqtt.host is not None:
        return Broker(
            host=mqtt.host,
            port=mqtt.port,
            tls=mqtt.tls,
            username=mqtt.username or config.device_id,
            password=password if password is not None else login.password if login else None,
            ca_file=mqtt.ca_file,
        )
    return None if login is None else _named_broker(login, config)


def _named_broker(login: BrokerLogin, config: EdgeConfig) -> "Broker | None":
    from shared.mqtt import Broker, parse_broker_url

    try:
        broker = parse_broker_url(login.url, password=login.password, ca_file=config.mqtt.ca_file)
    except ValueError as error:
        logger.warning("the broker's address cannot be used url=%s error=%s", login.url, error)
        return None
    return Broker(
        host=broker.host,
        port=broker.port,
        tls=broker.tls,
        username=login.username,
        password=login.password,
        ca_file=config.mqtt.ca_file,
    )


def _with_problem(view: UplinkView, problem: str) -> UplinkView:
    return structs.replace(view, problem=problem)


def _no_agent(command: Command) -> CommandAck:
    return CommandAck(id=command.id, accepted=False, reason="the agent is starting")
