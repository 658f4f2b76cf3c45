"""`lumengrid edge init` on the bench's bus: found, written, kept."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.config_file import load_config
from edge.enrol import load_enrolment
from edge.errors import ConfigWrong
from edge.setup import SetupWishes, init
from hardware.bench import Bench
from hardware.board import load_board
from shared.clock import ManualClock


@pytest.fixture
def bench() -> Bench:
    return Bench.five(ManualClock())


def _wishes(folder: Path, **more: object) -> SetupWishes:
    given: dict[str, object] = {
        "config_file": folder / "etc" / "edge.toml",
        "device_id": "porch",
        "data_dir": folder / "data",
        **more,
    }
    return SetupWishes(**given)  # type: ignore[arg-type]


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_chips_are_found_and_the_files_it_writes_can_be_read_back(tmp_path: Path, bench: Bench) -> None:
    done = await init(_wishes(tmp_path), clock=ManualClock(), bus=bench.bus, onewire_root=bench.onewire_root)

    config = load_config(tmp_path / "etc" / "edge.toml", {})
    board = load_board(Path(config.board))
    assert (config.device_id, config.data_dir) == ("porch", tmp_path / "data")
    assert done.complete
    assert len(board.nodes) >= 1
    assert any(line.startswith("found ina2") for line in done.lines)
    assert any("not enrolled: no service is named" in line for line in done.lines)


async def test_a_second_run_keeps_everything_and_says_what_differs(tmp_path: Path, bench: Bench) -> None:
    clock = ManualClock()
    await init(_wishes(tmp_path), clock=clock, bus=bench.bus, onewire_root=bench.onewire_root)
    before = _contents(tmp_path)

    done = await init(
        _wishes(tmp_path, device_id="other"), clock=clock, bus=bench.bus, onewire_root=bench.onewire_root
    )

    assert _contents(tmp_path) == before
    assert done.complete
    assert any("device_id stays porch" in line for line in done.lines)


async def test_without_any_chip_it_says_so_and_is_not_complete(tmp_path: Path) -> None:
    class Silent:
        def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
            raise OSError(121, "Remote I/O error")

        def write_i2c_block_data(self, i2c_addr: int, register: int, data: object) -> None:
            raise OSError(121, "Remote I/O error")

        def read_byte(self, i2c_addr: int) -> int:
            raise OSError(121, "Remote I/O error")

        def close(self) -> None: ...

    done = await init(_wishes(tmp_path), clock=ManualClock(), bus=Silent(), onewire_root=tmp_path / "none")

    assert not done.complete
    assert any("found no chip" in line for line in done.lines)


async def test_a_machine_without_the_bus_is_told_how_to_switch_it_on(tmp_path: Path) -> None:
    done = await init(_wishes(tmp_path, i2c_bus=31), clock=ManualClock(), onewire_root=tmp_path / "none")

    assert not done.complete
    assert any("/dev/i2c-31 is missing" in line for line in done.lines)


async def test_a_bad_name_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigWrong, match="device_id"):
        await init(_wishes(tmp_path, device_id="a/b", board="bench_five"), clock=ManualClock())

    assert not (tmp_path / "etc" / "edge.toml").exists()


async def test_half_a_site_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(ConfigWrong, match="give both or neither"):
        await init(_wishes(tmp_path, board="bench_five", latitude=12.97), clock=ManualClock())

    assert not (tmp_path / "etc" / "edge.toml").exists()


async def test_it_enrols_with_a_code_and_a_refusal_is_told(tmp_path: Path) -> None:
    answers = [
        web.json_response({"error": "no such code"}, status=404),
        web.json_response({"device_id": "porch", "cloud_public_key": "ab" * 32, "mqtt": None}),
    ]

    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return answers.pop(0)

    app = web.Application()
    app.router.add_post("/iot/enrol", answer)
    async with TestServer(app) as server:
        wishes = _wishes(
            tmp_path,
            board="bench_five",
            cloud_url=str(server.make_url("/")).rstrip("/"),
            code="abc",
            latitude=-33.86,
            longitude=151.21,
        )
        refused = await init(wishes, clock=ManualClock())
        enrolled = await init(wishes, clock=ManualClock())

    assert any("the enrolment code is unknown" in line for line in refused.lines)
    assert any("over HTTP" in line for line in enrolled.lines)
    assert [(body["latitude"], body["longitude"]) for body in asked] == [(-33.86, 151.21)] * 2
    site = load_config(wishes.config_file, {}).site
    assert (site.latitude, site.longitude) == (-33.86, 151.21)
    kept = load_enrolment(tmp_path / "data")
    assert kept is not None
    assert kept.cloud_public_key == "ab" * 32
