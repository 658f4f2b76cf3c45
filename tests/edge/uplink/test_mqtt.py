"""The uplink against a real broker and a small cloud that keeps the wire contract."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
from msgspec import Raw
from nacl.signing import SigningKey

from edge.journal.disk import DiskJournal
from edge.journal.port import Journal, NewReport
from edge.journal.worker import JournalWorker
from edge.uplink.commands import CommandDesk
from edge.uplink.mqtt import MqttUplink
from edge.uplink.prices import PriceBoard
from shared.clock import Clock, ManualClock, SystemClock
from shared.messages import (
    Action,
    Command,
    CommandAck,
    DeviceState,
    GridForecast,
    GridPrice,
    Hold,
    SignedMessage,
    Stream,
    encode,
)
from shared.signatures import Purpose, sign
from shared.topics import ACK, GRID_FORECAST, GRID_PRICE, HOLD_SET, device_topic
from tests.edge.eventually import eventually
from tests.edge.journal.records import ack, report_bytes, telemetry
from tests.edge.uplink.cloud import SmallCloud
from tests.edge.uplink.conftest import Mosquitto

DEVICE = "rpi"


class Site:
    """An uplink with a journal, without the rest of the agent."""

    def __init__(self, uplink: MqttUplink, worker: JournalWorker, prices: PriceBoard) -> None:
        self.uplink = uplink
        self.worker = worker
        self.prices = prices
        self.commands: list[Command] = []
        self.holds: list[Hold] = []

    async def put(self, write: Callable[[Journal], object]) -> None:
        await self.worker.call(write)
        self.uplink.wake()

    async def until(self, met: Callable[[Journal], object], *, within_s: float = 40.0) -> None:
        await eventually(lambda: self.worker.call(met), within_s=within_s)


@asynccontextmanager
async def _site(
    mosquitto: Mosquitto, folder: Path, *, cloud_key: str | None, clock: Clock | None = None
) -> AsyncIterator[Site]:
    clock = clock or SystemClock()
    worker = JournalWorker(DiskJournal(folder / "journal.sqlite", clock=clock, boot_id="boot-a"))
    prices = PriceBoard(clock)
    sites: list[Site] = []

    def act(command: Command) -> CommandAck:
        sites[0].commands.append(command)
        return CommandAck(id=command.id, accepted=True, reason="leased")

    uplink = MqttUplink(
        device_id=DEVICE,
        boot_id="boot-a",
        version="1",
        broker=mosquitto.broker,
        worker=worker,
        clock=clock,
        cloud_key=cloud_key,
        desk=CommandDesk(cloud_key=cloud_key, act=act),
        prices=prices,
        on_hold=lambda hold: sites[0].holds.append(hold),  # noqa: PLW0108  the site comes after
    )
    sites.append(Site(uplink, worker, prices))
    uplink.start()
    try:
        yield sites[0]
    finally:
        await uplink.stop()
        await worker.close()


@asynccontextmanager
async def _cloud(mosquitto: Mosquitto, key: SigningKey | None = None) -> AsyncIterator[SmallCloud]:
    cloud = SmallCloud(mosquitto.broker, DEVICE, key=key)
    cloud.link.start()
    await cloud.until(lambda: cloud.link.state == "up")
    try:
        yield cloud
    finally:
        await cloud.link.stop()


def _energy(number: int) -> Callable[[Journal], object]:
    name = f"rpt_{number}"
    return lambda journal: journal.put_energy([NewReport(name, report_bytes(name), "sig")])


def _empty(journal: Journal) -> bool:
    depth = journal.depth()
    return (depth.live, depth.backlog, depth.energy) == (0, 0, 0)


def _state(clock: Clock) -> DeviceState:
    return DeviceState(
        device_id=DEVICE, boot_id="boot-a", utc=clock.now(), synced=True, decided_by="balance", nodes=()
    )


async def test_every_stream_arrives_and_is_released_by_the_cloud_s_acknowledgement(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        for n in range(150):
            await site.worker.call(lambda j, n=n: j.put_telemetry(telemetry(n), link_up=False))
        for n in range(5):
            await site.put(_energy(n))
            await site.put(lambda j, n=n: j.put_telemetry(telemetry(1_000 + n), link_up=True))

        await site.until(_empty)

        assert len(cloud.applied) == 160
        reports = [bytes(r.report) for r in cloud.applied if hasattr(r, "report")]
        assert reports == [report_bytes(f"rpt_{n}") for n in range(5)]
        backlog = [r for r in cloud.applied if getattr(r, "stream", None) is Stream.BACKLOG]
        assert [r.seq for r in backlog] == list(range(1, 151))
        assert all(r.historical for r in backlog)  # type: ignore[union-attr]


async def test_a_record_that_is_lost_on_the_way_is_sent_again_after_ten_seconds_of_silence(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    clock = ManualClock()
    async with (
        _cloud(mosquitto) as cloud,
        _site(mosquitto, tmp_path, cloud_key=cloud.public_key, clock=clock) as site,
    ):
        cloud.deaf_to = {1}
        await cloud.until(lambda: cloud.status)
        for n in range(3):
            await site.put(_energy(n))
        await cloud.until(lambda: len(cloud.received) == 3)
        assert cloud.applied == []

        while not site.uplink.view().resends:
            turns = site.uplink.view().turns
            clock.advance(1)
            await eventually(lambda turns=turns: site.uplink.view().turns > turns)
        assert 10 <= clock.monotonic() <= 12
        await site.until(_empty)

        assert [r.seq for r in cloud.applied] == [1, 2, 3]
        assert site.uplink.view().resends == 1


async def test_the_broker_s_own_promise_releases_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        cloud.silent = True
        await site.put(_energy(1))
        await cloud.until(lambda: cloud.received)

        assert not await site.worker.call(_empty)
        cloud.ack(cloud.received[0].journal_id, Stream.ENERGY)
        await site.until(_empty)


async def test_an_acknowledgement_of_a_foreign_key_or_device_is_ignored_and_counted(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        cloud.silent = True
        await site.put(_energy(1))
        await cloud.until(lambda: cloud.received)
        journal_id = cloud.received[0].journal_id
        genuine = encode(ack(journal_id, Stream.ENERGY, 1))
        foreign = encode(msgspec.structs.replace(ack(journal_id, Stream.ENERGY, 1), device_id="other"))
        stranger = SigningKey.generate()
        for body, key, purpose in (
            (genuine, stranger, Purpose.ACK),
            (genuine, cloud.key, Purpose.COMMAND),
            (foreign, cloud.key, Purpose.ACK),
        ):
            cloud.publish(ACK, SignedMessage(body=Raw(body), signature=sign(key, purpose, body)))
        await eventually(lambda: site.uplink.view().acks_refused == 3)

        assert not await site.worker.call(_empty)
        problem = site.uplink.view().problem
        assert problem is not None
        assert "signature" in problem


async def test_without_enrolment_nothing_is_released_and_the_view_says_so(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=None) as site:
        await site.put(_energy(1))
        await cloud.until(lambda: cloud.applied)
        await eventually(lambda: site.uplink.view().acks_refused)

        assert not await site.worker.call(_empty)
        view = site.uplink.view()
        assert (view.enrolled, view.problem is not None and "not enrolled" in view.problem) == (False, True)


async def test_one_report_refused_for_good_does_not_block_the_next(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        cloud.refuse = lambda record: "circular" if b"rpt_1" in bytes(record.report) else None
        for n in range(3):
            await site.put(_energy(n))

        await site.until(_empty)

        assert len(cloud.applied) == 2
        stored = await site.worker.call(lambda journal: journal.reports(9))
        assert [report.refusal for report in stored] == [None, "circular", None]


async def test_a_broker_that_dies_and_comes_back_loses_nothing(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        await cloud.until(lambda: cloud.status)
        mosquitto.stop()
        await eventually(lambda: not site.uplink.up)
        for n in range(3):
            await site.put(_energy(n))
            await site.put(lambda j, n=n: j.put_telemetry(telemetry(n), link_up=site.uplink.up))

        mosquitto.start()
        await site.until(_empty, within_s=90)

        assert len(cloud.applied) == 6
        assert [s.state for s in cloud.status][-1] == "online"


async def test_a_journal_that_was_put_back_from_an_old_copy_is_renamed_and_sent_whole(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud, _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
        journal_id = site.worker.journal.journal_id
        cloud.through[(journal_id, Stream.ENERGY)] = 900
        await site.put(_energy(1))

        await site.until(_empty)

        assert len(cloud.applied) == 1
        assert cloud.applied[0].journal_id != journal_id


async def test_status_is_online_while_connected_offline_after_a_stop_and_by_the_will(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud:
        async with _site(mosquitto, tmp_path, cloud_key=cloud.public_key):
            await cloud.until(lambda: [s.state for s in cloud.status] == ["online"])
        await cloud.until(lambda: [s.state for s in cloud.status] == ["online", "offline"])

        async with _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
            await cloud.until(lambda: len(cloud.status) == 3)
            sock = site.uplink._link._client.socket()
            assert sock is not None
            sock.shutdown(2)
            await cloud.until(lambda: [s.state for s in cloud.status][3:4] == ["offline"])


async def test_the_state_is_retained_and_comes_again_with_each_connection(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    clock = SystemClock()
    async with _cloud(mosquitto) as first, _site(mosquitto, tmp_path, cloud_key=first.public_key) as site:
        site.uplink.publish_state(_state(clock))
        await first.until(lambda: first.states)
        assert first.states[0] == (False, first.states[0][1])

        async with _cloud(mosquitto) as late:
            await late.until(lambda: late.states)
            assert late.states[0][0]


def _command(command_id: str, clock: Clock) -> Command:
    now = clock.now()
    return Command(
        id=command_id,
        device_id=DEVICE,
        node_uid="NODE_A",
        action=Action.CHARGE,
        issued_at=now,
        expires_at=now + timedelta(minutes=30),
    )


async def test_a_command_is_answered_and_a_retained_or_foreign_one_refused(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    clock = SystemClock()
    async with _cloud(mosquitto) as cloud:
        cloud.command(_command("cmd_retained", clock), retain=True)
        async with _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
            await cloud.until(lambda: cloud.answers)
            cloud.command(_command("cmd_1", clock))
            cloud.command(_command("cmd_2", clock), key=SigningKey.generate())
            await cloud.until(lambda: len(cloud.answers) == 3)

            assert [(a.id, a.accepted) for a in cloud.answers] == [
                ("cmd_retained", False),
                ("cmd_1", True),
                ("cmd_2", False),
            ]
            assert [command.id for command in site.commands] == ["cmd_1"]


async def test_a_hold_is_taken_and_a_retained_or_unreadable_one_is_not(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with _cloud(mosquitto) as cloud:
        topic = device_topic(DEVICE, HOLD_SET)
        cloud.link.publish(topic, b'{"node_uid": "NODE_A", "action": "charge"}', retain=True)
        async with _site(mosquitto, tmp_path, cloud_key=cloud.public_key) as site:
            await cloud.until(lambda: cloud.status)
            for payload in (
                b"{",
                b'{"node_uid": "NODE_A", "action": "burn"}',
                b'{"node_uid": "NODE_A", "action": "idle", "minutes": 1441}',
                b'{"node_uid": "NODE_A", "action": "idle", "extra": 1}',
                b'{"node_uid": "NODE_B", "action": "idle", "minutes": 5}',
                b'{"node_uid": "NODE_B", "action": "release"}',
            ):
                cloud.link.publish(topic, payload)
            await eventually(lambda: len(site.holds) == 2)

            assert site.holds == [
                Hold(node_uid="NODE_B", action=Action.IDLE, minutes=5),
                Hold(node_uid="NODE_B", action="release"),
            ]


async def test_the_last_price_and_forecast_are_kept_with_the_time_they_came(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    clock = ManualClock()
    clock.advance(7)
    price = GridPrice(price_xlm_per_kwh=7.38, supply=7, demand=5, breakdown={}, utc=clock.now())
    async with _cloud(mosquitto) as cloud:
        cloud.link.publish(GRID_PRICE, encode(price), retain=True)
        cloud.link.publish(GRID_FORECAST, encode(GridForecast(made_at=clock.now(), slots=())), retain=True)
        async with _site(mosquitto, tmp_path, cloud_key=cloud.public_key, clock=clock) as site:
            await eventually(lambda: site.prices.forecast and site.prices.price)
            clock.advance(5)
            cloud.link.publish(GRID_PRICE, b"not a price", retain=False)
            # One connection is served in order: who has taken the hold has had the price before it.
            hold = encode(Hold(node_uid="NODE_A", action=Action.IDLE, minutes=5))
            cloud.link.publish(device_topic(DEVICE, HOLD_SET), hold)
            await eventually(lambda: site.holds)

            assert site.prices.price == price
            assert site.prices.price_at == 7
