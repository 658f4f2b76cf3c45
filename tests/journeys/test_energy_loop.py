"""A kilowatt-hour from the chip to the ledger: what a newcomer sees after `make up`."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.journeys.grid import Grid, eventually

pytestmark = [pytest.mark.xdist_group("journeys"), pytest.mark.timeout(240)]


def sse_types(
    grid: Grid, wanted: set[str], *, headers: dict[str, str] | None = None
) -> list[tuple[int, dict]]:
    """Frames of /iot/events until each wanted type was seen once: (id, document)."""
    frames, event_id, missing = [], 0, set(wanted)
    with httpx.stream("GET", f"{grid.service}/iot/events", headers=headers, timeout=90) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            if line.startswith("id:"):
                event_id = int(line[3:])
            elif line.startswith("data:"):
                frames.append((event_id, json.loads(line[5:])))
                missing.discard(frames[-1][1]["type"])
                if not missing:
                    return frames
    raise AssertionError(f"the stream ended without {missing}")


def test_a_transfer_the_scheduler_started_becomes_a_mint(grid: Callable[..., Grid]) -> None:
    up = grid("--speed", "10")
    heard: dict[str, bytes] = {}
    subscriber = paho.Client(CallbackAPIVersion.VERSION2, client_id="stock")
    subscriber.username_pw_set("reader", up.reader_password)
    subscriber.on_connect = lambda client, *_: client.subscribe("lumengrid/v1/#", 1)
    subscriber.on_message = lambda _client, _data, message: heard.setdefault(message.topic, message.payload)
    subscriber.connect("127.0.0.1", up.ports["--mqtt-port"])
    subscriber.loop_start()

    first = eventually("nodes on the page", lambda: (up.get("/state.json", page=True) or {}).get("nodes"))
    frames = sse_types(up, {"heartbeat", "node_data", "schedule", "energy_mint"})
    mint = eventually("a mint", lambda: (up.get("/api/v1/ledger/mints") or {}).get("mints"))[-1]

    # The report came over MQTT from a transfer that the agent's own rule began.
    device = "lumengrid/v1/devices/bench-01"
    report = eventually("the signed report on MQTT", lambda: heard.get(f"{device}/energy"))
    assert json.loads(report)["report"]["device_id"] == mint["device_id"] == "bench-01"

    def reasons() -> bool:
        nodes = (up.get("/state.json", page=True) or {}).get("nodes", [])
        return any(re.search(r"(starts|continues) to (supply|receive)", node["reason"]) for node in nodes)

    eventually("a node says why it moves energy", reasons)

    # The supply agrees with the mints, at one moment.
    def agreed() -> bool:
        mints, supply = up.get("/api/v1/ledger/mints"), up.get("/api/v1/tokens/supply")
        return (
            mints is not None
            and supply is not None
            and mints["total_events"] == supply["total_mint_events"] > 0
            and mints["total_tokens"] == supply["total_minted"] > 0
        )

    eventually("supply and mints agree", agreed)

    # A stock subscriber sees state, telemetry and price.
    for topic in (f"{device}/state", f"{device}/telemetry", f"{device}/status", "lumengrid/v1/grid/price"):
        eventually(topic, lambda topic=topic: heard.get(topic))
    subscriber.loop_stop()

    # The nodes move.
    def moved() -> bool:
        now = up.get("/state.json", page=True) or {}
        return any(
            before["soc_percent"] is not None and abs(node["soc_percent"] - before["soc_percent"]) > 0.05
            for before, node in zip(first, now.get("nodes", []), strict=False)
        )

    eventually("a node's charge moves", moved)

    # The stream resumes behind the event a client saw last.
    resumed = sse_types(up, {frames[1][1]["type"]}, headers={"Last-Event-ID": str(frames[0][0])})
    assert resumed[0][0] == frames[1][0]

    # It stops in good order and goes on from there.
    minted = eventually("the supply", lambda: up.get("/api/v1/tokens/supply"))["total_minted"]
    up.stop()
    up.start()
    assert (
        eventually("the supply after a restart", lambda: up.get("/api/v1/tokens/supply"))["total_minted"]
        >= minted
    )
    up.stop()


def test_a_port_that_was_named_and_is_taken_is_refused_in_one_sentence(tmp_path: Path) -> None:
    refused = Grid(tmp_path / "data")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = refused.ports["--port"] = taken.getsockname()[1]
        with pytest.raises(AssertionError, match=rf"--port {port} is taken"):
            refused.start()
    refused.kill()
