"""Heartbeats: what they credit and pay, and what everybody sees of it."""

import pytest

from cloud.app import Parts
from shared.clock import ManualClock
from tests.cloud.depin.conftest import HEARTBEAT, NODES, STATS, Site, Wallet
from tests.cloud.devices.conftest import Agent

LT = 10_000_000


@pytest.fixture
async def node(site: Site, ana: Wallet, agent: Agent) -> Agent:
    await site.claim(agent, ana)
    assert (await site.register(agent, ana)).status_code == 201
    return agent


async def test_ten_minutes_earn_six_hundredths(site: Site, node: Agent, clock: ManualClock) -> None:
    clock.advance(600)

    body = (await site.beat(node)).json()

    assert (body["status"], body["online"]) == ("received", True)
    assert (body["uptime_credited_seconds"], body["uptime_seconds"]) == (600, 600)
    assert (body["reward"], body["total_rewards"], body["reliability"]) == (0.06, 100.06, 100.0)
    assert [reward["reason"] for reward in body["rewards"]] == ["uptime"]


async def test_what_single_heartbeats_leave_over_is_paid_in_the_end(
    site: Site, ana: Wallet, node: Agent, clock: ManualClock
) -> None:
    rewards = []
    for _ in range(6):
        clock.advance(30)
        rewards.append((await site.beat(node)).json()["reward"])

    assert rewards == [0, 0, 0.01, 0, 0, 0.01]  # 86.4 s each
    assert await site.lt(ana.account) == 100 * LT + 2 * LT // 100


async def test_an_outage_is_not_paid_and_shows(site: Site, node: Agent, clock: ManualClock) -> None:
    clock.advance(3_600)
    [seen] = (await site.client.get(NODES)).json()
    assert (seen["online"], seen["reliability"]) == (False, 0)

    body = (await site.beat(node)).json()

    assert body["uptime_credited_seconds"] == 600
    assert body["reliability"] == 16.67


async def test_heartbeats_within_a_second_are_one(site: Site, node: Agent, clock: ManualClock) -> None:
    credited = []
    for pause_s in (100, 0, 0.4, 0.4, 0.4):
        clock.advance(pause_s)
        credited.append((await site.beat(node)).json()["uptime_credited_seconds"])

    assert credited == [100, 0, 0, 0, 1.2]


async def test_a_clock_that_is_set_back_counts_nothing_twice(
    site: Site, node: Agent, clock: ManualClock
) -> None:
    clock.advance(600)
    await site.beat(node)
    clock.step_wall(-300)
    credited = []
    for _ in range(4):
        clock.advance(100)
        credited.append((await site.beat(node)).json()["uptime_credited_seconds"])

    assert credited == [0, 0, 0, 100]


async def test_minted_energy_is_credited_once_and_no_more_than_there_is(
    site: Site, ana: Wallet, node: Agent
) -> None:
    await site.mint(node, 65)  # 0.065 kWh on a bench
    before = await site.lt(ana.account)

    claimed = [(await site.beat(node, kwh)).json() for kwh in (0, 0.02, 5, 5)]

    assert [body["kwh_credited"] for body in claimed] == [0, 0.02, 0.045, 0]
    assert [body["kwh_routed"] for body in claimed] == [0, 0.02, 5, 5]
    energy = [sum(r["amount"] for r in body["rewards"] if r["reason"] == "energy") for body in claimed]
    assert energy == [0, 0.02, 0.04, 0]
    assert await site.lt(ana.account) - before == LT * 6 // 100
    assert claimed[-1]["total_kwh_credited"] == 0.065


async def test_what_does_not_fill_a_step_is_paid_with_the_next(site: Site, node: Agent) -> None:
    await site.mint(node, 65)
    await site.beat(node, 1)
    await site.mint(node, 65, sender_uid="NODE_C")

    body = (await site.beat(node, 1)).json()

    # 0.13 kWh in all: thirteen steps, of which six were paid.
    assert [r["amount"] for r in body["rewards"] if r["reason"] == "energy"] == [0.07]


async def test_held_energy_waits_for_its_release(site: Site, parts: Parts, node: Agent) -> None:
    await site.mint(node, 65, current_ma_mean=1)  # V·I·t says next to nothing
    [held] = await parts.services.minting.held()
    assert (await site.beat(node, 1)).json()["kwh_credited"] == 0

    await parts.services.minting.release_held(held.id)

    assert [(await site.beat(node, 1)).json()["kwh_credited"] for _ in range(2)] == [0.065, 0]


async def test_burned_energy_is_never_credited(site: Site, parts: Parts, node: Agent) -> None:
    await site.mint(node, 65, current_ma_mean=1)
    [held] = await parts.services.minting.held()
    await parts.services.minting.burn_held(held.id)

    assert (await site.beat(node, 1)).json()["kwh_credited"] == 0


async def test_energy_is_credited_to_the_device_that_minted_it(
    site: Site, ana: Wallet, node: Agent, another
) -> None:
    other = await another(2)
    await site.register(other, ana)
    await site.mint(node, 65)

    assert (await site.beat(other, 1)).json()["kwh_credited"] == 0
    assert (await site.beat(node, 1)).json()["kwh_credited"] == 0.065


async def test_a_device_that_is_no_node_is_404(site: Site, agent: Agent) -> None:
    before = await site.balances()

    answer = await site.beat(agent, 1)

    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}
    assert await site.balances() == before


async def test_a_keyed_device_must_sign(site: Site, node: Agent, clock: ManualClock) -> None:
    clock.advance(600)
    body = {"device_id": node.device_id, "kwh_routed": 0}

    assert (await site.client.post(HEARTBEAT, json=body)).status_code == 401
    forged = Agent(node.device_id, seed=3).request(HEARTBEAT, body, 1_000)
    assert (await site.client.post(HEARTBEAT, **forged)).status_code == 401
    assert (await site.client.get(NODES)).json()[0]["uptime_seconds"] == 0


@pytest.mark.parametrize("kwh", ["-0.001", "0.0000001", "1e30", '"x"', "null", "NaN", "true"], ids=str)
async def test_a_claim_that_is_no_amount_is_refused(
    site: Site, node: Agent, clock: ManualClock, kwh: str
) -> None:
    clock.advance(600)
    site._counter += 1
    request = node.request(HEARTBEAT, {}, site._counter)
    content = b'{"device_id": "%b", "kwh_routed": %b}' % (node.device_id.encode(), kwh.encode())
    signature = node.sign("request", f"POST\n{HEARTBEAT}\n{site._counter}\n".encode() + content)
    request["headers"]["X-Device-Signature"] = signature
    before = await site.balances()

    answer = await site.client.post(HEARTBEAT, content=content, headers=request["headers"])

    assert answer.status_code == 400, answer.text
    assert await site.balances() == before


async def test_a_repeat_under_its_key_counts_once(
    site: Site, ana: Wallet, node: Agent, clock: ManualClock
) -> None:
    clock.advance(600)
    first = await site.beat(node, 0, **{"Idempotency-Key": "beat-1"})
    clock.advance(600)

    again = await site.beat(node, 0, **{"Idempotency-Key": "beat-1"})
    other = await site.beat(node, 1, **{"Idempotency-Key": "beat-1"})

    assert again.json()["rewards"] == first.json()["rewards"]
    assert again.json()["uptime_seconds"] == 600
    assert other.status_code == 422
    assert await site.lt(ana.account) == 100 * LT + 6 * LT // 100


async def test_everybody_sees_nodes_oldest_first_page_by_page(
    site: Site, ana: Wallet, node: Agent, another, clock: ManualClock
) -> None:
    for number in (2, 3):
        clock.advance(1)
        await site.register(await another(number), ana)

    found = (await site.client.get(NODES)).json()
    first = (await site.client.get(f"{NODES}?limit=2")).json()
    rest = (await site.client.get(f"{NODES}?limit=2&after={first[-1]['id']}")).json()

    assert [body["device_id"] for body in found] == [node.device_id, "rpi-2", "rpi-3"]
    assert first + rest == found
    assert not any(word in str(found) for word in ("acct_", "usr_", "127.0.0.1", "person"))


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", f"after={'x' * 65}"])
async def test_a_page_that_cannot_be_is_refused(site: Site, query: str) -> None:
    assert (await site.client.get(f"{NODES}?{query}")).status_code == 400


async def test_a_network_without_nodes(site: Site) -> None:
    assert (await site.client.get(STATS)).json() == {
        "total_nodes": 0,
        "online_nodes": 0,
        "average_reliability": 0,
        "network_health": "no_nodes",
        "total_uptime_hours": 0,
        "total_kwh_credited": 0,
        "total_rewards": 0,
    }
    assert (await site.client.get(NODES)).json() == []


async def test_the_network_is_the_mean_of_its_nodes(
    site: Site, ana: Wallet, node: Agent, another, clock: ManualClock
) -> None:
    other = await another(2)
    await site.register(other, ana)
    for _ in range(6):
        clock.advance(600)
        await site.beat(node)
    await site.mint(node, 65)
    await site.beat(node, 1)

    body = (await site.client.get(STATS)).json()

    # One was there all 61 minutes, the other for none of them; 3660 s are 42 steps of 86.4 s.
    assert body == {
        "total_nodes": 2,
        "online_nodes": 1,
        "average_reliability": 50.0,
        "network_health": "critical",
        "total_uptime_hours": 1.02,
        "total_kwh_credited": 0.065,
        "total_rewards": 200.48,
    }


async def test_what_was_paid_is_announced_without_a_word_about_persons(
    site: Site, parts: Parts, node: Agent, clock: ManualClock
) -> None:
    clock.advance(600)
    await site.beat(node)

    found = await parts.events.after(0, types=["depin_register", "depin_reward"])

    assert [event.type for event in found] == ["depin_register", "depin_reward"]
    assert '"reason":"uptime"' in found[1].payload
    assert not any(word in event.payload for event in found for word in ("acct_", "usr_", "person", 'ip"'))
