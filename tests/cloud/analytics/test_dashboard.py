"""The market in figures, for everybody."""

import httpx

from cloud.app import Parts
from shared.clock import ManualClock
from tests.cloud.market.conftest import Trader

DASHBOARD = "/api/v1/analytics/dashboard"


async def test_an_empty_service_has_nothing_to_count(client: httpx.AsyncClient) -> None:
    answer = await client.get(DASHBOARD)

    assert answer.status_code == 200
    assert answer.json() == {
        "total_users": 0,
        "total_iot_devices": 0,
        "total_network_nodes": 0,
        "total_energy_traded": 0,
        "active_orders": 0,
    }


async def test_people_devices_operators_orders_and_energy_are_counted(
    client: httpx.AsyncClient, ana: Trader, ben: Trader
) -> None:
    await client.post("/iot/ping", json={"device_id": "pi-1", "status": "heartbeat"})
    body = {"device_type": "raspi", "location": "here"}
    await client.post("/api/v1/iot/device/register", headers=ana.headers, json=body)
    await client.post("/api/v1/network/node/register", headers=ben.headers, json={"location": "there"})
    await ana.minted(1, 0.5, 5.0)  # for sale
    await ben.placed("buy", 0.2, 5.0)  # filled at once
    await ben.placed("buy", 0.1, 1.0)  # waits

    assert (await client.get(DASHBOARD)).json() == {
        "total_users": 2,
        "total_iot_devices": 2,
        "total_network_nodes": 1,
        "total_energy_traded": 0.2,
        "active_orders": 2,
    }


async def test_figures_are_at_most_a_second_old_and_energy_adds_up(
    client: httpx.AsyncClient, ana: Trader, ben: Trader, clock: ManualClock
) -> None:
    await ana.minted(1, 1, 5.0)
    seen = []
    for _ in range(3):
        await ben.placed("buy", 0.3, 5.0)
        seen.append((await client.get(DASHBOARD)).json()["total_energy_traded"])
        clock.advance(0.5)
        seen.append((await client.get(DASHBOARD)).json()["total_energy_traded"])
        clock.advance(0.5)

    assert seen == [0.3, 0.3, 0.6, 0.6, 0.9, 0.9]


async def test_energy_sold_and_not_delivered_counts_when_it_is(
    client: httpx.AsyncClient, ana: Trader, ben: Trader, clock: ManualClock
) -> None:
    await ana.placed("sell", 0.5, 5.0)  # without LT: a pledge
    await ben.placed("buy", 0.5, 5.0)
    assert (await client.get(DASHBOARD)).json()["total_energy_traded"] == 0

    await ana.minted(1, 0.5, 5.0)
    clock.advance(1)

    assert (await client.get(DASHBOARD)).json()["total_energy_traded"] == 0.5


async def test_many_who_ask_at_once_cost_one_count(
    client: httpx.AsyncClient, parts: Parts, monkeypatch, clock: ManualClock
) -> None:
    counts = []
    real = parts.services.identity.total

    async def total() -> int:
        counts.append(1)
        return await real()

    monkeypatch.setattr(parts.services.identity, "total", total)
    for _ in range(20):
        await client.get(DASHBOARD)

    assert len(counts) == 1
