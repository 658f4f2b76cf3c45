"""The doctor on the bench: a sound machine, and each fault with its verdict and its fix."""

import asyncio
import fcntl
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner
from msgspec import structs
from nacl.signing import SigningKey

from cloud.devices.broker_access import device_password
from edge.agent import LOCK_FILE
from edge.config import EdgeConfig, MqttConfig, PageConfig, Secret
from edge.doctor import Finding, Machine, Verdict, examine, report
from edge.doctor.broker import check_broker
from edge.doctor.clock_sync import check_clock
from edge.doctor.copper import check_copper
from edge.doctor.disk import check_disk
from edge.doctor.enrolment import check_enrolment
from edge.doctor.page import ask, check_page, page_url, url_of
from edge.doctor.relays import check_after_death, move_each
from edge.doctor.table import status_table
from edge.doctor.watchdog import check_watchdog
from edge.enrol import BrokerLogin, Enrolled, device_key, save_enrolment
from edge.errors import PageSilent
from edge.page.password import is_right, load_credential
from hardware.bench import Bench
from hardware.bench.ads1115 import Ads1115Chip
from hardware.bench.ina import Ina219Chip
from hardware.board import shipped_board
from hardware.errors import BusAbsent, BusForbidden
from lumengrid.cli import main
from lumengrid.processes import free_port
from shared.clock import ManualClock, SystemClock
from tests.edge.agents import an_agent, fast_clock
from tests.edge.eventually import eventually
from tests.systemd.shipped_broker import MOSQUITTO, SECRET, ShippedBroker
from tests.test_architecture import ROOT

BOARD = shipped_board("bench_five")
DEVICE = "pi-1"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is silent for ever: what answers is waited for, however busy the machine is."""
    for part in ("broker.TIMEOUT_S", "enrolment.TIMEOUT_S", "page.TIMEOUT_S", "machine.COMMAND_TIMEOUT_S"):
        monkeypatch.setattr(f"edge.doctor.{part}", 60.0)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench.five(ManualClock()) as made:
        yield made


@pytest.fixture
def machine(bench: Bench, tmp_path: Path) -> Machine:
    """Of the bench, with an empty root folder and without systemd."""
    return Machine(
        clock=bench._clock,
        open_bus=lambda _number: bench.bus,
        onewire_root=bench.onewire_root,
        pin_factory=bench.pin_factory,
        root=tmp_path / "root",
        output_of=lambda _command: None,
    )


@pytest.fixture
def config(tmp_path: Path) -> EdgeConfig:
    data = tmp_path / "data"
    data.mkdir()
    return EdgeConfig(device_id=DEVICE, board="bench_five", data_dir=data, page=PageConfig(port=free_port()))


def put(machine: Machine, path: str, text: str = "") -> None:
    file = machine.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def answering(**answers: str) -> Callable[[Any], str | None]:
    """A machine whose programs print this, by their first word."""
    return lambda command: answers.get(command[0])


# -- the copper


def test_a_sound_bench_has_nothing_wrong_with_its_copper(machine: Machine) -> None:
    findings = check_copper(machine, BOARD)

    assert {finding.verdict for finding in findings} == {Verdict.OK}
    assert [finding.check for finding in findings] == ["bus 1", *(f"chip {chip.id}" for chip in BOARD.chips)]


def test_the_examination_of_the_copper_writes_to_no_chip(machine: Machine, bench: Bench) -> None:
    before = {part.address: dict(bench.bus.chip(part.address).registers) for part in BOARD.chips[:5]}

    check_copper(machine, BOARD)

    assert {
        address: {register: bench.bus.chip(address).registers[register] for register in (0, 5)}
        for address in before
    } == {address: {register: words[register] for register in (0, 5)} for address, words in before.items()}


def test_a_chip_that_does_not_answer_is_named_with_its_address(machine: Machine, bench: Bench) -> None:
    bench.bus.nack(0x41)

    found = by_check(check_copper(machine, BOARD))

    assert found["chip ina_b"].verdict is Verdict.FAIL
    assert "0x41" in found["chip ina_b"].found
    assert "must show 41" in found["chip ina_b"].fix
    assert found["chip ina_a"].verdict is Verdict.OK


def test_another_chip_than_the_board_says_is_told_with_what_it_is(machine: Machine, bench: Bench) -> None:
    bench.bus.detach(0x40)
    bench.bus.attach(0x40, Ina219Chip())

    finding = by_check(check_copper(machine, BOARD))["chip ina_a"]

    assert finding.verdict is Verdict.FAIL
    assert finding.found == "ina219 answers at 0x40, the board says ina226"
    assert 'kind = "ina219"' in finding.fix


def test_a_chip_that_a_kernel_driver_owns_is_told(machine: Machine, bench: Bench) -> None:
    bench.bus.claim(0x48)

    finding = by_check(check_copper(machine, BOARD))["chip adc_1"]

    assert finding.verdict is Verdict.FAIL
    assert "1-0048" in finding.fix


def test_a_chip_with_a_strange_identity_is_told(machine: Machine, bench: Bench) -> None:
    bench.bus.chip(0x36).registers[0x08] = 0x0000

    assert by_check(check_copper(machine, BOARD))["chip gauge_b"].verdict is Verdict.FAIL


def test_a_thermometer_with_another_serial_is_told_with_the_one_that_is_there(
    machine: Machine, bench: Bench
) -> None:
    bench.wiring.sensor("temp_d").fail("absent")
    other = bench.onewire_root / "28-0123456789ab"
    other.mkdir()

    found = by_check(check_copper(machine, BOARD))

    assert found["chip temp_d"].verdict is Verdict.FAIL
    assert "28-0123456789ab" in found["chip temp_d"].found
    assert found["stranger"].verdict is Verdict.WARN


def test_without_any_thermometer_the_bus_itself_is_the_fix(machine: Machine, bench: Bench) -> None:
    bench.wiring.sensor("temp_d").fail("absent")

    assert "do_onewire" in by_check(check_copper(machine, BOARD))["chip temp_d"].fix


def test_a_chip_that_the_board_does_not_know_is_a_warning(machine: Machine, bench: Bench) -> None:
    bench.bus.attach(0x4B, Ads1115Chip())

    finding = by_check(check_copper(machine, BOARD))["stranger"]

    assert (finding.verdict, finding.found) == (Verdict.WARN, "ads1115 at 0x4b is not on the board")


class _Noisy:
    """The bench's bus, with every tenth block read damaged."""

    def __init__(self, bench: Bench, *, fail: bool) -> None:
        self._bus = bench.bus
        self._fail = fail
        self._reads = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
        self._reads += 1
        data = self._bus.read_i2c_block_data(address, register, length)
        if self._reads % 10 or self._reads < 100:  # the scan itself stays undisturbed
            return data
        if self._fail:
            raise OSError(121, "Remote I/O error")
        return [data[0] ^ 1, data[1]]


@pytest.mark.parametrize("fail", [True, False])
def test_a_bus_that_works_by_luck_is_a_warning(machine: Machine, bench: Bench, fail: bool) -> None:
    noisy = structs.replace(machine, open_bus=lambda _number: _Noisy(bench, fail=fail))

    finding = by_check(check_copper(noisy, BOARD))["bus 1"]

    assert finding.verdict is Verdict.WARN
    assert re.search(
        r"[1-9]\d* of 320 reads failed and 0" if fail else r"0 of 320 .* [1-9]\d* gave", finding.found
    )
    assert "pull-ups" in finding.fix


@pytest.mark.parametrize(
    "error,fix", [(BusAbsent("missing"), "do_i2c"), (BusForbidden("no"), "usermod -aG i2c")]
)
def test_a_bus_that_cannot_be_opened_is_all_that_is_said_of_the_copper(machine, error, fix) -> None:
    def refuse(_number: int) -> Any:
        raise error

    (finding,) = check_copper(structs.replace(machine, open_bus=refuse), BOARD)

    assert finding.verdict is Verdict.FAIL
    assert fix in finding.fix


# -- clock, kernel, watchdog


@pytest.mark.parametrize(
    "file,answer,year,verdict,words",
    [
        (True, None, 2026, Verdict.OK, "synchronised"),
        (False, None, 2026, Verdict.WARN, "energy reports wait"),
        (False, "no\n", 2026, Verdict.WARN, "energy reports wait"),
        (False, "yes\n", 2026, Verdict.OK, "synchronised"),
        (False, None, 1970, Verdict.FAIL, "in the past"),
    ],
)
def test_the_clock_is_believed_when_it_is_synchronised(machine, file, answer, year, verdict, words) -> None:
    told = structs.replace(
        machine,
        clock=ManualClock(datetime(year, 6, 1, tzinfo=UTC)),
        output_of=answering(timedatectl=answer) if answer else answering(),
    )
    if file:
        put(told, "run/systemd/timesync/synchronized")

    finding = check_clock(told)

    assert finding.verdict is verdict
    assert words in finding.found
    assert bool(finding.fix) is (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    "driver,word,verdict",
    [
        ("pinctrl_bcm2835", "Y\n", Verdict.WARN),
        ("pinctrl_rp1", "Y\n", Verdict.WARN),
        ("pinctrl_rp1", "N\n", Verdict.OK),
        (None, None, Verdict.OK),
    ],
)
def test_a_kernel_that_keeps_pins_after_a_crash_is_a_warning(machine, driver, word, verdict) -> None:
    if driver is not None:
        put(machine, f"sys/module/{driver}/parameters/persist_gpio_outputs", word)

    finding = check_after_death(machine)

    assert finding.verdict is verdict
    assert ("strict_gpiod" in finding.fix) is (verdict is Verdict.WARN)


def test_a_raspberry_that_does_not_tell_is_a_warning_too(machine: Machine) -> None:
    put(machine, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.5\0")

    assert check_after_death(machine).verdict is Verdict.WARN


SOUND_UNIT = (
    "LoadState=loaded\nActiveState=active\nType=notify\nWatchdogUSec=15s\nNRestarts=0\nResult=success\n"
)


@pytest.mark.parametrize(
    "words,verdict,found",
    [
        (SOUND_UNIT, Verdict.OK, "watchdog 15s"),
        (SOUND_UNIT.replace("15s", "0"), Verdict.FAIL, "without a watchdog"),
        (SOUND_UNIT.replace("15s", "infinity"), Verdict.FAIL, "without a watchdog"),
        (SOUND_UNIT.replace("notify", "simple"), Verdict.FAIL, "without a watchdog"),
        (SOUND_UNIT.replace("NRestarts=0", "NRestarts=3"), Verdict.WARN, "restarted 3 times"),
        (
            SOUND_UNIT.replace("active", "failed", 1).replace("success", "watchdog"),
            Verdict.FAIL,
            "has failed (watchdog)",
        ),
        ("LoadState=not-found\n", Verdict.WARN, "is not installed"),
    ],
)
def test_the_unit_s_watchdog_is_read_from_systemd(machine, words, verdict, found) -> None:
    finding = check_watchdog(structs.replace(machine, output_of=answering(systemctl=words)))[0]

    assert finding.verdict is verdict
    assert found in finding.found


def test_the_hardware_s_watchdog_must_be_there_and_be_used(machine: Machine) -> None:
    def hardware(words: str) -> Finding:
        return check_watchdog(structs.replace(machine, output_of=answering(systemctl=words)))[1]

    assert hardware("RuntimeWatchdogUSec=10s\n").verdict is Verdict.WARN
    put(machine, "dev/watchdog")
    assert hardware("RuntimeWatchdogUSec=10s\n").verdict is Verdict.OK
    assert "RuntimeWatchdogSec=10" in hardware("RuntimeWatchdogUSec=0\n").fix


def test_without_systemd_nobody_restarts_the_agent(machine: Machine) -> None:
    (finding,) = check_watchdog(machine)

    assert finding.verdict is Verdict.WARN


# -- the disk


def sysfs_disk(machine: Machine, folder: Path, *, life: str | None, sectors: int) -> None:
    """An eMMC with one partition that holds the folder."""
    device = folder.stat().st_dev
    partition = machine.root / "sys/devices/mmc0/block/mmcblk0/mmcblk0p2"
    partition.mkdir(parents=True)
    (partition / "partition").write_text("2")
    put(machine, "sys/devices/mmc0/block/mmcblk0/stat", f"1 2 3 4 5 6 {sectors} 8 9 10 11")
    if life is not None:
        put(machine, "sys/devices/mmc0/block/mmcblk0/device/life_time", life)
    link = machine.root / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    link.parent.mkdir(parents=True)
    link.symlink_to(partition)


def test_a_folder_that_can_be_written_is_well_and_is_left_as_it_was(machine, config) -> None:
    found = by_check(check_disk(machine, config))

    assert found["disk"].verdict is Verdict.OK
    assert found["disk wear"].verdict is Verdict.OK
    assert list(config.data_dir.iterdir()) == []


def test_a_folder_that_is_missing_is_a_failure(machine, config) -> None:
    config.data_dir.rmdir()

    (finding,) = check_disk(machine, config)

    assert finding.verdict is Verdict.FAIL


def test_a_slow_disk_is_a_warning(machine, config, monkeypatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _file: machine.clock.advance(1.2))

    finding = by_check(check_disk(machine, config))["disk"]

    assert (finding.verdict, "1.2 s" in finding.found) == (Verdict.WARN, True)


@pytest.mark.parametrize(
    "error,words", [(PermissionError(13, "no"), "chown"), (OSError(28, "No space left on device"), "room")]
)
def test_a_disk_that_cannot_be_written_is_a_failure(machine, config, monkeypatch, error, words) -> None:
    def refuse(_file: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", refuse)

    finding = by_check(check_disk(machine, config))["disk"]

    assert finding.verdict is Verdict.FAIL
    assert words in finding.fix


@pytest.mark.parametrize(
    "free_mb,verdict",
    # A full journal of 256 MiB is 268.4 MB, and 64 MB stay free.
    [(500, Verdict.OK), (333, Verdict.OK), (332, Verdict.WARN), (63, Verdict.FAIL)],
)
def test_the_free_space_must_hold_a_full_journal(machine, config, monkeypatch, free_mb, verdict) -> None:
    class Stats:
        f_bavail, f_frsize = free_mb * 1000, 1000

    monkeypatch.setattr(os, "statvfs", lambda _path: Stats)

    assert by_check(check_disk(machine, config))["disk space"].verdict is verdict


def test_what_the_journal_holds_already_needs_no_more_space(machine, config, monkeypatch) -> None:
    class Stats:
        f_bavail, f_frsize = 300 * 1000, 1000

    monkeypatch.setattr(os, "statvfs", lambda _path: Stats)
    with (config.data_dir / "journal.sqlite").open("wb") as file:
        file.truncate(50_000_000)

    assert by_check(check_disk(machine, config))["disk space"].verdict is Verdict.OK


@pytest.mark.parametrize(
    "life,verdict,words",
    [
        ("0x01 0x02", Verdict.OK, "up to 20 %"),
        ("0x08 0x01", Verdict.WARN, "up to 80 %"),
        ("0x01 0x0b", Verdict.FAIL, "up to 100 %"),
        (None, Verdict.OK, "SD cards do not"),
        ("what", Verdict.OK, "'what'"),
    ],
)
def test_the_wear_is_read_from_the_disk_that_holds_the_folder(machine, config, life, verdict, words) -> None:
    sysfs_disk(machine, config.data_dir, life=life, sectors=2_000_000)
    machine.clock.advance(43_200)

    finding = by_check(check_disk(machine, config))["disk wear"]

    assert finding.verdict is verdict
    assert words in finding.found
    # 2 000 000 sectors of 512 bytes in half a day.
    assert "1024 MB written since the start, 2048 MB a day" in finding.found


# -- key, enrolment, service


async def served(answer: Callable[[], web.Response], path: str) -> TestServer:
    async def handler(_request: web.Request) -> web.Response:
        return answer()

    app = web.Application()
    app.router.add_get(path, handler)
    server = TestServer(app)
    await server.start_server()
    return server


async def test_a_new_device_has_no_key_and_is_not_enrolled(config) -> None:
    found = by_check(await check_enrolment(config))

    assert found["key"].verdict is Verdict.WARN
    assert found["enrolment"].verdict is Verdict.WARN
    assert list(config.data_dir.iterdir()) == []


def enrolled(url: str, mqtt: BrokerLogin | None = None) -> Enrolled:
    return Enrolled(device_id=DEVICE, cloud_public_key="ab" * 32, cloud_url=url, mqtt=mqtt)


async def test_an_enrolled_device_reaches_its_service(config) -> None:
    server = await served(web.Response, "/health")
    device_key(config.data_dir)
    save_enrolment(config.data_dir, enrolled(str(server.make_url("/"))))

    found = by_check(await check_enrolment(config))
    await server.close()

    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert set(found) == {"key", "enrolment", "service"}


async def test_a_service_that_is_away_or_ill_is_a_warning(config) -> None:
    server = await served(lambda: web.Response(status=503), "/health")
    save_enrolment(config.data_dir, enrolled(str(server.make_url("/"))))
    ill = by_check(await check_enrolment(config))["service"]
    await server.close()
    away = by_check(await check_enrolment(config))["service"]

    assert (ill.verdict, away.verdict) == (Verdict.WARN, Verdict.WARN)
    assert "503" in ill.found


async def test_a_key_that_others_may_read_and_a_damaged_enrolment_are_failures(config) -> None:
    device_key(config.data_dir)
    (config.data_dir / "device.key").chmod(0o644)
    (config.data_dir / "cloud.json").write_text("{")

    found = by_check(await check_enrolment(config))

    assert found["key"].verdict is Verdict.FAIL
    assert found["enrolment"].verdict is Verdict.FAIL


# -- the broker


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedBroker]:
    if not MOSQUITTO:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no mosquitto on this machine")
    made = ShippedBroker(tmp_path_factory.mktemp("mosquitto"), more={DEVICE: device_password(SECRET, DEVICE)})
    made.start()
    yield made
    made.stop()


def over_tls(broker: ShippedBroker, **more: Any) -> MqttConfig:
    given: dict[str, Any] = {
        "host": "localhost",
        "port": broker.tls_port,
        "tls": True,
        "ca_file": broker.ca_file,
        "password": Secret(device_password(SECRET, DEVICE)),
    }
    return MqttConfig(**given | more)


def test_a_round_trip_to_the_shipped_broker_is_well(broker, config, machine) -> None:
    real = structs.replace(machine, clock=SystemClock())

    finding = check_broker(real, structs.replace(config, mqtt=over_tls(broker)))

    assert finding.verdict is Verdict.OK, finding
    assert re.search(r"round trip \d+ ms", finding.found)


def test_the_broker_named_at_enrolment_is_the_one_that_is_tried(broker, config, machine) -> None:
    login = BrokerLogin(
        url=f"mqtt://127.0.0.1:{broker.plain_port}",
        username=DEVICE,
        password=device_password(SECRET, DEVICE),
    )
    save_enrolment(config.data_dir, enrolled("http://127.0.0.1:1", login))

    assert check_broker(machine, config).verdict is Verdict.OK


@pytest.mark.parametrize(
    "change,words",
    [
        ({"password": Secret("wrong")}, "refuses pi-1"),
        ({"ca_file": None}, "cannot be trusted"),
        ({"port": 1, "tls": False, "ca_file": None}, "cannot be reached"),
        ({"username": "reader", "password": Secret("r")}, None),
    ],
)
def test_what_stands_between_agent_and_broker_is_named(broker, config, machine, change, words) -> None:
    finding = check_broker(machine, structs.replace(config, mqtt=over_tls(broker, **change)))

    if words is None:
        # Mosquitto acknowledges what it drops: a round trip cannot show missing rights to publish.
        assert finding.verdict is Verdict.OK
        return
    assert finding.verdict is Verdict.FAIL
    assert words in finding.found
    assert finding.fix
    assert device_password(SECRET, DEVICE) not in str(finding)


def test_without_any_broker_http_is_fine_and_nothing_is_not(config, machine) -> None:
    with_service = structs.replace(config, cloud=structs.replace(config.cloud, url="http://127.0.0.1:1"))

    assert check_broker(machine, with_service).verdict is Verdict.OK
    assert check_broker(machine, config).verdict is Verdict.WARN


# -- the page


@pytest.fixture
async def document(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """What a real agent says of itself after some turns on the bench."""
    clock = fast_clock()
    agent = an_agent(tmp_path / "agent", clock)
    stop = asyncio.Event()
    running = asyncio.create_task(agent.run(stop))
    try:
        await eventually(lambda: agent.turns >= 3 and agent.depth is not None)
        await eventually(lambda: agent._page is not None and agent._page.port)
        found, _ = await ask(f"http://127.0.0.1:{agent._page.port}")
        yield found
    finally:
        stop.set()
        await running


async def page_of(config: EdgeConfig, document: dict[str, Any]) -> dict[str, Finding]:
    """What the doctor finds on a page that serves this document."""
    raw = msgspec.json.encode(document)
    server = await served(lambda: web.Response(body=raw, content_type="application/json"), "/state.json")
    try:
        found = await check_page(structs.replace(config, page=PageConfig(port=server.port)))
    finally:
        await server.close()
    return by_check(found)


async def test_a_working_agent_is_well_but_for_the_cloud_it_does_not_have(config, document) -> None:
    found = await page_of(config, document)

    assert {check: finding.verdict for check, finding in found.items()} == {
        "page": Verdict.OK,
        "nodes": Verdict.OK,
        "uplink": Verdict.WARN,
        "journal": Verdict.OK,
    }


async def test_what_the_agent_sees_wrong_is_said(config, document) -> None:
    ill = deepcopy(document)
    ill["turn_age_s"] = 7.0
    ill["health"]["parts"]["control"]["ok"] = False
    ill["nodes"][1]["fault"] = "relay reads charge after idle was set"
    ill["journal"]["problem"] = "disk full"
    ill["cloud"] |= {"up": True, "kind": "mqtt", "last_ack_age_s": 3.0}

    found = await page_of(config, ill)

    assert found["page"].verdict is Verdict.FAIL
    assert "last turn 7.0 s ago, stuck control" in found["page"].found
    assert found["nodes"].found == "NODE_B: relay reads charge after idle was set"
    assert found["journal"].verdict is Verdict.FAIL
    assert (found["uplink"].verdict, found["uplink"].found) == (
        Verdict.OK,
        "mqtt, last acknowledgement 3 s ago",
    )


async def test_a_reading_that_is_not_good_is_a_warning_but_one_without_a_sensor_is_not(
    config, document
) -> None:
    ill = deepcopy(document)
    ill["nodes"][0]["values"]["temperature"] = {"quality": "missing", "age_s": None, "stale": False}
    assert (await page_of(config, ill))["nodes"].verdict is Verdict.OK

    ill["nodes"][0]["values"]["voltage"]["quality"] = "stale"
    finding = (await page_of(config, ill))["nodes"]

    assert (finding.verdict, finding.found) == (Verdict.WARN, "NODE_A voltage stale")


async def test_a_page_that_is_silent_or_another_program_s_is_a_warning(config) -> None:
    (silent,) = await check_page(config)
    stranger = await page_of(config, {"hello": 1})

    assert silent.verdict is Verdict.WARN
    assert "systemctl start lumengrid-edge" in silent.fix
    assert "another program" in stranger["page"].found


def test_the_page_is_asked_where_the_settings_put_it(tmp_path: Path, config) -> None:
    everywhere = structs.replace(config, page=PageConfig(host="0.0.0.0", port=81))
    six = structs.replace(config, page=PageConfig(host="::1", port=82))

    assert url_of(everywhere) == "http://127.0.0.1:81"
    assert url_of(six) == "http://[::1]:82"
    assert page_url(tmp_path / "none.toml") == "http://127.0.0.1:8090"


# -- relays


def test_each_contact_closes_opens_and_is_held_open_afterwards(machine, config, bench) -> None:
    findings = move_each(machine, config, BOARD)

    assert [finding.check for finding in findings] == [f"relays {node.uid}" for node in BOARD.nodes]
    assert {finding.verdict for finding in findings} == {Verdict.OK}
    for node in BOARD.nodes:
        assert not bench.pin_factory.level(node.charge_pin)
        assert not bench.pin_factory.level(node.discharge_pin)


def test_never_are_two_contacts_closed_together(machine, config, bench, monkeypatch) -> None:
    most = 0
    pins = [pin for node in BOARD.nodes for pin in (node.charge_pin, node.discharge_pin)]
    pause = ManualClock.pause

    def look(clock: ManualClock, seconds: float) -> None:
        nonlocal most
        most = max(most, sum(bench.pin_factory.level(pin) for pin in pins))
        pause(clock, seconds)

    monkeypatch.setattr(ManualClock, "pause", look)
    move_each(machine, config, BOARD)

    assert most == 1


def test_a_pin_that_does_not_follow_is_a_failure(machine, config, bench) -> None:
    bench.pin_factory.pin_of(BOARD.nodes[2].discharge_pin)._change_state = lambda _value: False

    found = by_check(move_each(machine, config, BOARD))

    assert found["relays NODE_C"].verdict is Verdict.FAIL
    assert "a short" in found["relays NODE_C"].fix
    assert found["relays NODE_D"].verdict is Verdict.OK


def test_a_pin_without_its_resistor_is_a_failure(machine, config, bench) -> None:
    node = BOARD.nodes[1]
    bench.pin_factory.unsolder(node.charge_pin)

    found = by_check(move_each(machine, config, BOARD))

    assert found["relays NODE_B"].verdict is Verdict.FAIL
    assert found["relays NODE_B"].found == f"nothing holds pin {node.charge_pin} open when the agent is gone"
    assert "10 kohm from the pin to ground" in found["relays NODE_B"].fix


def test_an_active_low_board_is_held_open_by_resistors_to_the_supply(tmp_path, config) -> None:
    clock = ManualClock()
    board = structs.replace(
        BOARD, nodes=tuple(structs.replace(node, active_high=False) for node in BOARD.nodes)
    )
    with Bench(board, clock) as bench:
        machine = Machine(clock=clock, pin_factory=bench.pin_factory, root=tmp_path)
        assert {finding.verdict for finding in move_each(machine, config, board)} == {Verdict.OK}

        bench.pin_factory.unsolder(board.nodes[0].discharge_pin)
        finding = move_each(machine, config, board)[0]

    assert "10 kohm from the pin to 3.3 V" in finding.fix


def test_the_relays_of_an_agent_at_work_are_left_alone(machine, config, bench) -> None:
    with (config.data_dir / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (finding,) = move_each(machine, config, BOARD)

    assert finding.verdict is Verdict.FAIL
    assert "systemctl stop" in finding.fix
    assert not bench.pin_factory.pins


# -- all of it


async def test_a_machine_is_examined_as_a_whole(machine, config, tmp_path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(
        f'device_id = "{DEVICE}"\nboard = "bench_five"\ndata_dir = "{config.data_dir}"\n'
        f"[page]\nport = {config.page.port}\n"
    )

    findings = await examine(machine, file)

    assert [finding for finding in findings if finding.verdict is Verdict.FAIL] == []
    checks = [finding.check.split()[0] for finding in findings]
    assert checks[:3] == ["settings", "board", "bus"]
    assert checks[-1] == "relays"
    assert "not moved" in findings[-1].found
    assert all(finding.fix for finding in findings if finding.verdict is not Verdict.OK)
    assert not any(finding.fix for finding in findings if finding.verdict is Verdict.OK)


async def test_wrong_settings_and_a_wrong_board_stop_only_what_needs_them(machine, tmp_path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text("cycle_s = 99\n")
    without_settings = by_check(await examine(machine, file))
    file.write_text(f'device_id = "{DEVICE}"\nboard = "none"\ndata_dir = "{tmp_path}"\n')
    without_board = by_check(await examine(machine, file))

    assert without_settings["settings"].verdict is Verdict.FAIL
    assert "clock" in without_settings
    assert without_board["board"].verdict is Verdict.FAIL
    assert "disk" in without_board
    assert "relays" not in without_board


def test_the_report_puts_each_fix_under_its_finding() -> None:
    text = report(
        [
            Finding(check="bus 1", verdict=Verdict.OK, found="opens"),
            Finding(check="chip a", verdict=Verdict.FAIL, found="gone", fix="solder it"),
        ]
    )

    assert text.splitlines() == [
        "ok    bus 1   opens",
        "fail  chip a  gone",
        "              fix: solder it",
        "",
        "1 ok, 0 warn, 1 fail",
    ]


async def test_every_check_has_its_chapter_in_the_troubleshooting_guide(machine, config, tmp_path) -> None:
    text = (ROOT / "docs/operator/troubleshooting.md").read_text()
    chapters = set(re.findall(r"^## `(\w+)`", text, re.M))
    names = set()
    for path in (ROOT / "edge/doctor").glob("*.py"):
        names |= set(
            re.findall(r"(?:\b(?:ok|warn|fail)\(\s*|check(?:, kind)? = )f?\"(\w+)", path.read_text())
        )

    assert names <= chapters
    assert chapters <= names


# -- the command line


def run(*arguments: str, given: str | None = None) -> Any:
    return CliRunner().invoke(main, ["edge", *arguments], input=given)


def test_the_doctor_s_exit_code_is_1_when_something_fails(tmp_path: Path) -> None:
    done = run("doctor", "--config", str(tmp_path / "none.toml"))

    assert done.exit_code == 1
    assert "fail  settings" in done.stdout


def test_the_doctor_moves_no_relay_without_a_yes(tmp_path: Path) -> None:
    done = run("doctor", "--relays", "--config", str(tmp_path / "none.toml"), given="n\n")

    assert done.exit_code == 1
    assert "settings" not in done.stdout


def test_the_doctor_speaks_json(tmp_path: Path) -> None:
    done = run("doctor", "--json", "--config", str(tmp_path / "none.toml"))

    findings = msgspec.json.decode(done.stdout)
    assert findings[0]["check"] == "settings"
    assert findings[0]["verdict"] == "fail"


async def test_the_status_table_shows_every_node_with_band_and_reason(document) -> None:
    text = status_table(document)

    for node in document["nodes"]:
        line = next(line for line in text.splitlines() if line.startswith(node["uid"]))
        assert f"{node['soc_percent']:.1f}% ±{node['soc_band_percent']:.1f}" in line
        assert node["reason"] in line
        assert f"{node['voltage_mv'] / 1000:.3f}" in line


async def test_a_missing_number_is_a_dash_and_a_veto_is_shown(document) -> None:
    ill = deepcopy(document)
    ill["nodes"][0] |= {
        "soc_percent": None,
        "voltage_mv": None,
        "temperature_c": None,
        "veto": "charge wanted by manual: local hold",
    }

    line = next(line for line in status_table(ill).splitlines() if line.startswith("NODE_A"))

    assert line.count(" - ") >= 2
    assert "(refused: charge wanted by manual: local hold)" in line


def test_status_says_when_nobody_answers(tmp_path: Path) -> None:
    done = run("status", "--url", f"http://127.0.0.1:{free_port()}")

    assert done.exit_code == 1
    assert "is the agent running?" in done.stderr


async def test_a_page_of_nonsense_is_no_agent_s() -> None:
    server = await served(lambda: web.Response(text="<html>"), "/state.json")
    with pytest.raises(PageSilent, match="no agent's page"):
        await ask(str(server.make_url("")))
    await server.close()


def test_opening_all_relays_leaves_an_agent_at_work_alone(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text(f'device_id = "{DEVICE}"\nboard = "bench_five"\ndata_dir = "{tmp_path}"\n')
    with (tmp_path / LOCK_FILE).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = run("open-relays", "--config", str(file))

    assert done.exit_code == 0
    assert "nothing done: the agent is at work" in done.stdout


def test_opening_all_relays_drives_every_pin_to_open(tmp_path: Path, monkeypatch, bench: Bench) -> None:
    import gpiozero

    monkeypatch.setattr(gpiozero.Device, "pin_factory", bench.pin_factory)
    file = tmp_path / "edge.toml"
    file.write_text(f'device_id = "{DEVICE}"\nboard = "bench_five"\ndata_dir = "{tmp_path}"\n')
    for node in BOARD.nodes:
        pin = bench.pin_factory.pin_of(node.charge_pin)
        pin.function = "output"
        pin.state = True

    done = run("open-relays", "--config", str(file))

    assert done.exit_code == 0, done.output
    assert "relays of 5 nodes open" in done.stdout
    assert not any(bench.pin_factory.level(node.charge_pin) for node in BOARD.nodes)


PRICES = "slot,buy,sell\n0,0.10,0.05\n1,0.10,0.05\n2,0.40,0.35\n3,0.40,0.35\n"
NODE = (
    '{"capacity_kwh": 2, "power_kw_max": 2, "efficiency": 1.0, "soc": 0.5, "soc_min": 0.25, "soc_max": 0.75}'
)


def plan(tmp_path: Path, *options: str, prices: str = PRICES) -> Any:
    (tmp_path / "prices.csv").write_text(prices)
    (tmp_path / "node.json").write_text(NODE)
    files = ("--prices", str(tmp_path / "prices.csv"), "--node", str(tmp_path / "node.json"))
    return run("plan", *files, *options)


def test_a_plan_buys_low_and_sells_high(tmp_path: Path) -> None:
    """0.5 kWh in store above the floor and 0.5 kWh of room: buy 0.5 for 0.05, sell 1.0 for 0.35."""
    done = plan(tmp_path, "--json")

    document = msgspec.json.decode(done.stdout)
    assert done.exit_code == 0
    assert document["cost"] == pytest.approx(0.5 * 0.10 - 1.0 * 0.35)
    assert document["cost_of_doing_nothing"] == 0
    assert all(slot["reason"] for slot in document["schedule"])


def test_stored_energy_is_kept_where_it_is_worth_more_at_the_end(tmp_path: Path) -> None:
    document = msgspec.json.decode(plan(tmp_path, "--json", "--end-value", "0.5").stdout)

    assert document["soc_end"] == pytest.approx(0.75)


def test_a_plan_is_also_a_table(tmp_path: Path) -> None:
    done = plan(tmp_path)

    assert "cost -0.3000, doing nothing 0.0000, saves 0.3000; SoC at the end 25.0%" in done.stdout
    assert "discharge" in done.stdout


def test_prices_that_cannot_be_read_are_refused_with_the_line(tmp_path: Path) -> None:
    done = plan(tmp_path, prices="slot,buy,sell\n0,x,1\n")

    assert done.exit_code == 1
    assert "line 2" in done.stderr
    assert "Traceback" not in done.output


def test_init_writes_files_that_the_doctor_reads(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "edge.toml"
    made = run(
        *("init", "--config", str(file), "--device", "porch", "--data", str(tmp_path / "data")),
        *("--board", "single_node"),
    )

    assert made.exit_code == 0, made.output
    assert "device key" in made.stdout
    assert stat.S_IMODE((tmp_path / "data" / "device.key").stat().st_mode) == 0o600
    assert "ok    settings" in run("doctor", "--config", str(file)).stdout


def test_a_key_s_public_half_is_what_the_doctor_shows(config) -> None:
    key = device_key(config.data_dir)
    findings = asyncio.run(check_enrolment(config))

    assert bytes(key.verify_key).hex() in findings[0].found
    assert bytes(SigningKey(bytes(key))).hex() not in str(findings)


def test_init_sets_the_page_s_password_and_shows_it_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "edge.toml"
    made = run(
        *("init", "--config", str(file), "--data", str(tmp_path / "data"), "--board", "single_node"),
        *("--device", "porch", "--page-password"),
        given="a long word\na long word\n",
    )

    assert made.exit_code == 0, made.output
    assert is_right(load_credential(tmp_path / "data", None), "a long word")
    assert "a long word" not in made.output


def test_a_page_password_that_is_too_short_is_refused(tmp_path: Path) -> None:
    made = run(
        *("init", "--config", str(tmp_path / "edge.toml"), "--data", str(tmp_path / "data")),
        *("--board", "single_node", "--device", "porch", "--page-password"),
        given="short\nshort\n",
    )

    assert made.exit_code == 1
    assert "8 to 200 characters" in made.output
