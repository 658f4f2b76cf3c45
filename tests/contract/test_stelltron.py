"""Every row of the energy network in `endpoints.tsv`, as its document shows it.

`endpoints.tsv` is the list of what the documents promise. A row without an example below fails, and so does
an example without a row.
"""

import json
import secrets
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from .conftest import Meter, Person, matches
from .table import Example, Row, name_of, rows

SPECIFICATION = Path(__file__).parents[3] / "shared" / "spec" / "endpoints.tsv"
RECEIVED_WITHIN_S = 60


ROWS = [row for row in rows() if row.source == "stelltron"]


class World:
    """Two people, one of whom owns the meter that has minted; she has LT free and an order open."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.ana = Person(base_url)
        self.ben = Person(base_url)
        self.anyone = httpx.Client(base_url=base_url, timeout=60)
        self.meter = Meter(base_url, "rpi-4b-prod-01")
        for person in (self.ana, self.ben):
            person.sign_up().raise_for_status()
            person.sign_in()
        self.meter.enrol().raise_for_status()
        self.meter.claim(self.ana).raise_for_status()
        for sender in ("NODE_A", "NODE_C", "NODE_E"):
            self.meter.report(sender, "NODE_B").raise_for_status()
        self._register(self.meter).raise_for_status()
        self._free_tokens()
        self.sell_order = self._order(self.ana, "sell", 0.1, 2.0)
        self.buy_order = self._order(self.ben, "buy", 0.1, 2.0)

    def _free_tokens(self) -> None:
        """Ana takes two of the three mints off the market."""
        for order in self.ana.api.get("/api/v1/market/orders").raise_for_status().json()[:2]:
            self.ana.api.post(
                "/api/v1/market/order/cancel", json={"order_id": order["id"]}
            ).raise_for_status()

    def _order(self, person: Person, side: str, kwh: float, price: float) -> str:
        body = {"type": side, "kwh_amount": kwh, "token_price": price}
        created = person.api.post("/api/v1/market/order/create", json=body).raise_for_status().json()
        return str(created["id"])

    def depin_register(self) -> httpx.Response:
        """A meter of Ana's that is not in the network yet."""
        meter = Meter(self.base_url, f"rpi-{secrets.token_hex(4)}")
        meter.enrol().raise_for_status()
        meter.claim(self.ana).raise_for_status()
        return self._register(meter)

    def _register(self, meter: Meter) -> httpx.Response:
        body = {
            "device_id": meter.device_id,
            "operator_wallet": self.ana.wallet,
            "hardware_type": "rpi4b",
            "firmware_version": "1.2.0",
            "signature": meter.sign("depin", f"{meter.device_id}\n{self.ana.wallet}".encode()),
        }
        return self.ana.api.post("/api/v1/depin/register", json=body)

    def first_event(self) -> dict[str, Any]:
        """What the live stream sends of the past when asked from the very beginning."""
        with self.anyone.stream("GET", "/iot/events", headers={"Last-Event-ID": "0"}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    event: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return event
        raise AssertionError("the stream ended")

    def first_tick(self) -> dict[str, Any]:
        address = self.base_url.replace("http", "ws", 1) + "/ws/market"
        with connect(address, open_timeout=RECEIVED_WITHIN_S) as socket:
            tick: dict[str, Any] = json.loads(socket.recv(timeout=RECEIVED_WITHIN_S))
            return tick


@pytest.fixture(scope="module")
def world(base_url: str) -> World:
    return World(base_url)


USER = {"id": str, "wallet_address": str, "role": str, "kyc_status": str, "created_at": str}
ORDER = {
    "id": str,
    "user_id": str,
    "type": str,
    "kwh_amount": float,
    "token_price": float,
    "status": str,
    "created_at": str,
}
FACTORS = {"base_price", "f_sd", "f_soc", "f_dist", "f_time", "f_quality", "final_price"}
COMMANDS = [{"node_id": str, "action": str}]
PAGED = {"total": int, "page": int, "limit": int, "pages": int}
ENERGY_MINT = {"source": str, "tokens": float, "device_id": str, "quality_factor": float}
LISTED = {"entry": int, "leaf_index": int, "tx_hash": str, "timestamp": str}
NODES_DETAIL = [
    {"uid": "NODE_A", "ip": "192.168.1.101", "voltage": 3.921, "soc": 72.4, "state": "IDLE"},
    {"uid": "NODE_B", "ip": "192.168.1.102", "voltage": 3.61, "soc": 28.1, "state": "IDLE"},
]
PING = {
    "voltage": 3.921,
    "battery_level": 72.4,
    "state": "IDLE",
    "source": "rpi_energy_grid",
    "timestamp": "2026-02-23T09:56:48Z",
    "connected_nodes_count": 2,
    "connected_nodes": [{"uid": "NODE_A", "voltage": 3.921}, {"uid": "NODE_B", "voltage": 3.610}],
    "nodes_detail": NODES_DETAIL,
}
CMD_NODES = [{key: node[key] for key in ("uid", "voltage", "soc", "state")} for node in NODES_DETAIL]
LOAN = {"kwh_borrowed": 0.05, "token_collateral": 75.0}


def _refresh(world: World) -> httpx.Response:
    tokens = world.ben.sign_in()
    return world.anyone.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})


def _stake(world: World) -> httpx.Response:
    return world.ana.api.post("/api/v1/defi/pool/stake", json={"user_id": world.ana.wallet, "amount": 100.0})


def _unstake(world: World) -> httpx.Response:
    stake = world.ana.api.post("/api/v1/defi/pool/stake", json={"amount": 10.0}).raise_for_status().json()
    return world.ana.api.post("/api/v1/defi/pool/unstake", json={"stake_id": stake["stake_id"]})


def _borrow(world: World) -> httpx.Response:
    _stake(world).raise_for_status()
    return world.ana.api.post("/api/v1/defi/flash-loan", json={"borrower_id": world.ana.wallet} | LOAN)


def _repay(world: World) -> httpx.Response:
    loan = _borrow(world).raise_for_status().json()
    return world.ana.api.post("/api/v1/defi/flash-loan/repay", json={"loan_id": loan["loan_id"]})


def _register_node(world: World) -> httpx.Response:
    operator = Person(world.base_url)
    operator.sign_up().raise_for_status()
    operator.sign_in()
    return operator.api.post("/api/v1/network/node/register", json={"location": "Bangalore, India"})


def _nodes(world: World) -> httpx.Response:
    _register_node(world).raise_for_status()
    return world.ana.api.get("/api/v1/network/nodes")


EXAMPLES: dict[tuple[str, str], Example] = {
    ("POST", "/api/v1/auth/signup"): Example(lambda w: Person(w.base_url).sign_up(), 201, USER),
    ("POST", "/api/v1/auth/login"): Example(
        lambda w: w.anyone.post("/api/v1/auth/login", json=w.ben.proof()),
        200,
        {"access_token": str, "refresh_token": str},
    ),
    ("POST", "/api/v1/auth/refresh"): Example(_refresh, 200, {"access_token": str}),
    ("GET", "/api/v1/auth/me"): Example(
        lambda w: w.ana.api.get("/api/v1/auth/me"), 200, USER | {"location": str}
    ),
    ("GET", "/api/v1/market/orders"): Example(lambda w: w.ana.api.get("/api/v1/market/orders"), 200, [ORDER]),
    ("POST", "/api/v1/market/order/create"): Example(
        lambda w: w.ben.api.post(
            "/api/v1/market/order/create", json={"type": "buy", "kwh_amount": 0.5, "token_price": 0.5}
        ),
        201,
        ORDER,
    ),
    ("POST", "/api/v1/market/order/cancel"): Example(
        lambda w: w.ben.api.post(
            "/api/v1/market/order/cancel", json={"order_id": w._order(w.ben, "buy", 0.01, 0.1)}
        ),
        200,
        {"message": str},
    ),
    ("GET", "/api/v1/market/price"): Example(
        lambda w: w.ana.api.get("/api/v1/market/price"),
        200,
        {
            "price": float,
            "supply": int,
            "demand": int,
            "timestamp": str,
            "breakdown": dict.fromkeys(FACTORS, float),
        },
    ),
    ("GET", "/api/v1/market/history"): Example(
        lambda w: w.ana.api.get("/api/v1/market/history"), 200, [{"price": float, "timestamp": str}]
    ),
    ("POST", "/iot/ping"): Example(
        lambda w: w.meter.post("/iot/ping", **PING),
        200,
        {"status": str, "type": str, "updated": bool, "commands": COMMANDS},
    ),
    ("POST", "/iot/cmd"): Example(
        lambda w: w.meter.post("/iot/cmd", nodes=CMD_NODES),
        200,
        {
            "commands": [{"node_id": str, "action": str, "reason": str}],
            "grid_summary": dict.fromkeys(
                ("avg_soc", "discharging_nodes", "charging_nodes", "idle_nodes"), float
            ),
        },
    ),
    ("GET", "/iot/nodes/{device_id}"): Example(
        lambda w: w.meter.post("/iot/ping", **PING) and w.ana.api.get(f"/iot/nodes/{w.meter.device_id}"),
        200,
        [{"uid": str, "ip": str, "voltage": float, "soc": float, "state": str}],
    ),
    ("POST", "/iot/transfer"): Example(
        lambda w: w.ana.api.post(
            "/iot/transfer",
            json={"device_id": w.meter.device_id, "sender_node_uid": "NODE_A", "receiver_node_uid": "NODE_B"},
        ),
        200,
        {"device_id": str, "commands": COMMANDS},
    ),
    ("POST", "/iot/transfer/stop"): Example(
        lambda w: w.ana.api.post("/iot/transfer/stop", json={"device_id": w.meter.device_id}),
        200,
        {"device_id": str},
    ),
    ("POST", "/iot/energy/report"): Example(
        lambda w: w.meter.report("NODE_F", "NODE_G"),
        200,
        {
            "status": str,
            "tokens_minted": float,
            "quality_factor": float,
            "sell_order_id": str,
            "dynamic_price": float,
            "co2_saved_kg": float,
            "carbon_credit": float,
            "tx_hash": str,
            "message": str,
        },
    ),
    ("GET", "/iot/events"): Example(
        lambda w: w.first_event(), 200, {"timestamp": str, "type": str, "payload": dict}
    ),
    ("GET", "/api/v1/iot/devices"): Example(
        lambda w: w.ana.api.get("/api/v1/iot/devices"),
        200,
        [{"id": str, "device_type": str, "location": str}],
    ),
    ("POST", "/api/v1/iot/device/register"): Example(
        lambda w: w.ana.api.post(
            "/api/v1/iot/device/register", json={"device_type": "raspi", "location": "Bangalore, India"}
        ),
        201,
        {"id": str, "device_type": str, "location": str, "enrolment_code": str},
    ),
    ("GET", "/api/v1/network/nodes"): Example(_nodes, 200, [{"id": str, "location": str}]),
    ("POST", "/api/v1/network/node/register"): Example(_register_node, 201, {"id": str, "location": str}),
    ("POST", "/api/v1/depin/register"): Example(
        lambda w: w.depin_register(), 201, {"device_id": str, "operator_wallet": str, "hardware_type": str}
    ),
    ("POST", "/api/v1/depin/heartbeat"): Example(
        lambda w: w.meter.post("/api/v1/depin/heartbeat", kwh_routed=0.5), 200, {"device_id": str}
    ),
    ("GET", "/api/v1/depin/nodes"): Example(
        lambda w: w.anyone.get("/api/v1/depin/nodes"),
        200,
        ([{"device_id": str, "hardware_type": str}], {"nodes": [{"device_id": str, "hardware_type": str}]}),
    ),
    ("GET", "/api/v1/depin/stats"): Example(
        lambda w: w.anyone.get("/api/v1/depin/stats"), 200, {"total_nodes": int, "network_health": str}
    ),
    ("POST", "/api/v1/defi/pool/stake"): Example(_stake, 201, {"stake_id": int, "amount": float}),
    ("POST", "/api/v1/defi/pool/unstake"): Example(_unstake, 200, {"amount": float}),
    ("GET", "/api/v1/defi/pool/stats"): Example(
        lambda w: w.anyone.get("/api/v1/defi/pool/stats"),
        200,
        {"total_staked": float, "active_stakers": int, "current_apy": float, "pool_utilization": float},
    ),
    ("POST", "/api/v1/defi/flash-loan"): Example(_borrow, 201, {"loan_id": int, "kwh_borrowed": float}),
    ("POST", "/api/v1/defi/flash-loan/repay"): Example(_repay, 200, {"loan_id": int, "status": str}),
    ("GET", "/api/v1/defi/yield/history"): Example(
        lambda w: _unstake(w) and w.anyone.get("/api/v1/defi/yield/history"), 200, (dict, list)
    ),
    ("GET", "/api/v1/ledger/overview"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/overview"),
        200,
        {
            "total_minted": float,
            "total_burned": float,
            "circulating_supply": float,
            "total_co2_saved_kg": float,
            "books_balance": bool,
        },
    ),
    ("GET", "/api/v1/ledger/transactions"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/transactions"),
        200,
        PAGED | {"transactions": [LISTED | {"trade_id": str}]},
    ),
    ("GET", "/api/v1/ledger/mints"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/mints"),
        200,
        {
            "mints": [(LISTED | ENERGY_MINT, LISTED | {"source": str, "tokens": float, "reason": str})],
            "total_events": int,
            "total_kwh": float,
            "total_tokens": float,
        },
    ),
    ("GET", "/api/v1/ledger/burns"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/burns"),
        200,
        {
            "burns": [LISTED | {"tokens": float, "reason": str, "trade_id": str}],
            "total_events": int,
            "total_burned": float,
        },
    ),
    ("GET", "/api/v1/ledger/carbon"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/carbon"),
        200,
        {
            "credits": [LISTED | {"co2_saved_kg": float, "carbon_credit": float}],
            "total_kwh_offset": float,
            "total_co2_saved_kg": float,
            "total_credit_value": float,
        },
    ),
    ("GET", "/api/v1/ledger/price-history"): Example(
        lambda w: w.anyone.get("/api/v1/ledger/price-history"),
        200,
        {
            "prices": [{"price": float, "timestamp": str, "breakdown": dict.fromkeys(FACTORS, float)}],
            "count": int,
        },
    ),
    ("GET", "/api/v1/analytics/dashboard"): Example(
        lambda w: w.anyone.get("/api/v1/analytics/dashboard"),
        200,
        {
            "total_users": int,
            "total_iot_devices": int,
            "total_network_nodes": int,
            "total_energy_traded": float,
            "active_orders": int,
        },
    ),
    ("GET", "/api/v1/analytics/transactions"): Example(
        lambda w: w.ana.api.get("/api/v1/analytics/transactions"), 200, (dict, list)
    ),
    ("GET", "/api/v1/tokens/supply"): Example(
        lambda w: w.anyone.get("/api/v1/tokens/supply"),
        200,
        {
            "total_minted": float,
            "total_burned": float,
            "circulating_supply": float,
            "total_mint_events": int,
            "token_name": str,
            "ratio": str,
        },
    ),
    ("WS", "/ws/market"): Example(lambda w: w.first_tick(), 101, {"type": str}),
}


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_documented_call_is_answered_as_documented(row: Row, world: World) -> None:
    example = EXAMPLES[row.method, row.path]

    answer = example.call(world)

    if isinstance(answer, httpx.Response):
        assert answer.status_code == example.status, answer.text
        answer = answer.json()
    assert matches(answer, example.shape), answer


def test_every_example_stands_in_the_table() -> None:
    assert set(EXAMPLES) == {(row.method, row.path) for row in ROWS}
    assert len(ROWS) == 40


@pytest.mark.skipif(
    not SPECIFICATION.exists(), reason="the recorded cells and the specification stand elsewhere"
)
def test_the_table_is_that_of_the_specification() -> None:
    assert rows() == rows(SPECIFICATION)


@pytest.mark.parametrize("row", [row for row in ROWS if row.auth == "bearer"], ids=name_of)
def test_a_call_that_needs_a_person_is_refused_to_a_stranger(row: Row, world: World) -> None:
    answer = world.anyone.request(row.method, row.path, json={})

    assert answer.status_code == 401, answer.text
    assert list(answer.json()) == ["error"]


def test_an_unknown_path_is_answered_in_json(world: World) -> None:
    answer = world.anyone.get("/api/v1/nothing")

    assert answer.status_code == 404
    assert isinstance(answer.json()["error"], str)
