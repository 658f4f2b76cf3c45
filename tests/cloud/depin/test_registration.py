"""Who may make a device a node, and what that earns."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from cloud.app import Parts
from cloud.settings import Settings
from shared.clock import ManualClock
from tests.cloud.depin.conftest import NODES, REGISTER, Site, Wallet, registration
from tests.cloud.devices.conftest import Agent

LT = 10_000_000


async def test_a_registered_device_is_a_node_and_its_key_earns_a_hundred(
    site: Site, ana: Wallet, agent: Agent
) -> None:
    answer = await site.register(agent, ana)

    assert answer.status_code == 201
    body = answer.json()
    [reward] = body.pop("rewards")
    assert body == {
        "id": body["id"],
        "device_id": "rpi-4b-prod-01",
        "operator_wallet": ana.address,
        "hardware_type": "rpi4b",
        "firmware_version": "1.2.0",
        "online": True,
        "reliability": 0.0,
        "uptime_seconds": 0,
        "total_kwh_credited": 0,
        "total_rewards": 100,
        "last_heartbeat": "2026-01-01T00:00:00Z",
        "registered_at": "2026-01-01T00:00:00Z",
        "reward": 100,
    }
    assert (reward["reason"], reward["amount"]) == ("register", 100)
    assert await site.lt(ana.account) == 100 * LT


async def test_the_mint_stands_in_the_public_ledger(site: Site, ana: Wallet, agent: Agent) -> None:
    await site.register(agent, ana)

    [mint] = (await site.client.get("/api/v1/ledger/mints")).json()["mints"]

    assert (mint["source"], mint["reason"], mint["tokens"]) == ("reward", "register", 100)
    assert mint["public_key"] == agent.public_key
    assert ana.address not in str(mint)


async def test_a_device_is_one_node(site: Site, ana: Wallet, ben: Wallet, agent: Agent) -> None:
    await site.register(agent, ana)
    before = await site.balances()

    assert (await site.register(agent, ana)).status_code == 409
    assert (await site.register(agent, ben)).status_code == 409
    assert await site.balances() == before


async def test_an_unknown_device_is_404(site: Site, ana: Wallet) -> None:
    answer = await site.register(Agent("rpi-nowhere"), ana)

    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}


async def test_someone_elses_device_is_404_even_with_its_signature(
    site: Site, ana: Wallet, ben: Wallet, agent: Agent
) -> None:
    await site.claim(agent, ben)
    before = await site.balances()

    assert (await site.register(agent, ana)).status_code == 404
    assert await site.balances() == before


async def test_the_wallet_is_the_callers_own(site: Site, ana: Wallet, ben: Wallet, agent: Agent) -> None:
    answer = await site.client.post(REGISTER, headers=ana.headers, json=registration(agent, ben.address))

    assert answer.status_code == 403
    assert await site.lt(ben.account) == 0


async def test_somebody_without_a_wallet_operates_nothing(client: httpx.AsyncClient, agent: Agent) -> None:
    body = {"email": "eve@example.com", "password": "securepass123", "name": "Eve", "user_type": "consumer"}
    token = (await client.post("/api/v1/auth/register", json=body)).json()["access_token"]

    for wallet in ("usr_1", "x"):
        answer = await client.post(
            REGISTER, headers={"Authorization": f"Bearer {token}"}, json=registration(agent, wallet)
        )
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "signed", [None, "bm9uZQ==", "another wallet", "another purpose", "another key"], ids=str
)
async def test_a_device_with_a_key_must_sign(
    site: Site, ana: Wallet, ben: Wallet, agent: Agent, signed: str | None
) -> None:
    payload = f"{agent.device_id}\n{ana.address}".encode()
    signature = {
        "another wallet": agent.sign("depin", f"{agent.device_id}\n{ben.address}".encode()),
        "another purpose": agent.sign("claim", payload),
        "another key": Agent(agent.device_id, seed=7).sign("depin", payload),
    }.get(signed or "", signed)

    answer = await site.register(agent, ana, signature=signature)

    assert answer.status_code == 401
    assert await site.lt(ana.account) == 0
    assert (await site.client.get(NODES)).json() == []


async def test_a_request_that_the_device_signs_needs_no_other_signature(
    site: Site, ana: Wallet, agent: Agent
) -> None:
    body = registration(agent, ana.address)
    del body["signature"]
    signed = agent.request(REGISTER, body, 1)
    signed["headers"] |= ana.headers

    answer = await site.client.post(REGISTER, **signed)
    replayed = await site.client.post(REGISTER, **signed)

    assert (answer.status_code, answer.json()["reward"]) == (201, 100)
    assert replayed.status_code == 401


async def test_another_device_cannot_sign_for_it(
    site: Site, ana: Wallet, agent: Agent, another: Callable[[int], Any]
) -> None:
    other = await another(2)
    body = registration(agent, ana.address)
    del body["signature"]
    signed = other.request(REGISTER, body, 1)
    signed["headers"] |= ana.headers

    assert (await site.client.post(REGISTER, **signed)).status_code == 403
    assert (await site.client.get(NODES)).json() == []


async def test_without_a_token_nobody_registers(site: Site, ana: Wallet, agent: Agent) -> None:
    answer = await site.client.post(REGISTER, json=registration(agent, ana.address))

    assert answer.status_code == 401


@pytest.mark.parametrize(
    "change",
    [
        {"device_id": "no spaces"},
        {"operator_wallet": ""},
        {"hardware_type": 4},
        {"firmware_version": "x" * 201},
        {"novelty": 1},
        {"signature": "x" * 121},
    ],
    ids=str,
)
async def test_a_body_that_cannot_be_is_refused(
    site: Site, ana: Wallet, agent: Agent, change: dict[str, object]
) -> None:
    assert (await site.register(agent, ana, **change)).status_code == 400


async def test_a_repeat_under_its_key_is_answered_as_the_first_time(
    site: Site, ana: Wallet, agent: Agent
) -> None:
    key = {"Idempotency-Key": "one"}
    first = await site.register(agent, ana, headers=key)

    again = await site.register(agent, ana, headers=key)
    other = await site.register(agent, ana, headers=key, firmware_version="1.3.0")

    assert (again.status_code, again.json()) == (201, first.json())
    assert other.status_code == 422
    assert await site.lt(ana.account) == 100 * LT


class TestKeyless:
    """A device that reported under open trust and never enrolled."""

    @pytest.fixture
    async def keyless(self, client: httpx.AsyncClient) -> str:
        body = {"device_id": "rpi-keyless", "status": "heartbeat"}
        assert (await client.post("/iot/ping", json=body)).status_code == 200
        return "rpi-keyless"

    async def test_it_is_a_node_that_earns_nothing_for_a_key_it_has_not(
        self, site: Site, ana: Wallet, keyless: str
    ) -> None:
        answer = await site.register(Agent(keyless), ana, signature=None)

        assert answer.status_code == 201
        assert (answer.json()["reward"], answer.json()["rewards"]) == (0, [])

    async def test_it_earns_uptime_like_any_other(
        self, site: Site, ana: Wallet, keyless: str, clock: ManualClock
    ) -> None:
        await site.register(Agent(keyless), ana, signature=None)
        clock.advance(600)

        body = {"device_id": keyless, "kwh_routed": 0}
        answer = await site.client.post("/api/v1/depin/heartbeat", json=body)

        assert answer.json()["reward"] == 0.06  # 600 s of 86.4 s for each 0.01 LT: six whole ones
        assert await site.lt(ana.account) == LT * 6 // 100

    async def test_from_afar_it_is_unknown(self, app, ana: Wallet, keyless: str) -> None:
        transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as far:
            body = registration(Agent(keyless), ana.address, signature=None)
            answer = await far.post(REGISTER, headers=ana.headers, json=body)

        assert answer.status_code == 404

    async def test_a_signature_that_no_key_can_have_made_is_refused(
        self, site: Site, ana: Wallet, keyless: str
    ) -> None:
        assert (await site.register(Agent(keyless), ana)).status_code == 401

    async def test_with_a_key_later_the_next_heartbeat_earns_for_it(
        self, site: Site, ana: Wallet, keyless: str
    ) -> None:
        agent = Agent(keyless)
        await site.register(agent, ana, signature=None)
        await site.enrol(agent)

        first, second = (await site.beat(agent)).json(), (await site.beat(agent)).json()

        assert [reward["reason"] for reward in first["rewards"]] == ["register"]
        assert second["rewards"] == []
        assert await site.lt(ana.account) == 100 * LT


class TestOncePerKey:
    async def test_a_new_key_earns_nothing_again(self, site: Site, ana: Wallet, agent: Agent) -> None:
        await site.register(agent, ana)
        renewed = Agent(agent.device_id, seed=9)
        site._counter += 1
        change = {
            "device_id": agent.device_id,
            "public_key": renewed.public_key,
            "signature": renewed.enrolment()["signature"],
        }
        answer = await site.client.post("/iot/key", **agent.request("/iot/key", change, site._counter))
        assert answer.status_code == 200, answer.text

        assert (await site.beat(renewed)).json()["rewards"] == []
        assert await site.lt(ana.account) == 100 * LT

    async def test_a_key_that_moves_to_another_device_earns_nothing_again(
        self, site: Site, ana: Wallet, agent: Agent
    ) -> None:
        await site.register(agent, ana)
        renewed = Agent(agent.device_id, seed=9)
        site._counter += 1
        change = {
            "device_id": agent.device_id,
            "public_key": renewed.public_key,
            "signature": renewed.enrolment()["signature"],
        }
        await site.client.post("/iot/key", **agent.request("/iot/key", change, site._counter))
        moved = Agent("rpi-moved")  # the first key, under another name
        await site.enrol(moved)

        answer = await site.register(moved, ana)

        assert answer.status_code == 201
        assert answer.json()["rewards"] == []
        assert await site.lt(ana.account) == 100 * LT


class TestNewOwner:
    async def test_who_comes_to_own_a_device_takes_the_node_over_with_all_that_was_counted(
        self, site: Site, ana: Wallet, ben: Wallet, agent: Agent, clock: ManualClock
    ) -> None:
        await site.register(agent, ana)
        clock.advance(600)
        await site.beat(agent)
        await site.claim(agent, ben)
        clock.advance(600)
        assert (await site.beat(agent)).json()["operator_wallet"] == ana.address  # until ben registers

        ben = await site.wallet(2)  # the token of before has expired
        answer = await site.register(agent, ben, firmware_version="1.3.0")
        clock.advance(600)
        await site.beat(agent)

        assert answer.status_code == 201
        body = answer.json()
        assert (body["operator_wallet"], body["firmware_version"]) == (ben.address, "1.3.0")
        assert (body["uptime_seconds"], body["rewards"]) == (1200, [])
        # 1200 s are 13 steps of 86.4 s, 1800 s are 20.
        assert await site.lt(ana.account) == 100 * LT + 13 * LT // 100
        assert await site.lt(ben.account) == 7 * LT // 100

    async def test_the_old_operator_cannot_take_it_back(
        self, site: Site, ana: Wallet, ben: Wallet, agent: Agent
    ) -> None:
        await site.register(agent, ana)
        await site.claim(agent, ben)
        await site.register(agent, ben)

        assert (await site.register(agent, ana)).status_code == 404
        assert (await site.register(agent, ben)).status_code == 409


class TestPublicNetwork:
    @pytest.fixture
    def settings(self, tmp_path) -> Settings:
        return Settings(
            data_dir=tmp_path / "cloud",
            network="public",
            plausibility_policy="reject",
            constant_sign_in=True,
            rate_limit_per_minute=0,
            sign_ins_per_minute=0,
        )

    @pytest.fixture
    async def agent(self, site: Site, parts: Parts, ana: Wallet) -> Agent:
        """Nobody enrols without a code there."""
        answer = await site.client.post(
            "/api/v1/iot/device/register", headers=ana.headers, json={"device_type": "raspi", "location": "x"}
        )
        found = Agent()
        enrolled = await site.client.post("/iot/enrol", json=found.enrolment(answer.json()["enrolment_code"]))
        assert enrolled.status_code == 200, enrolled.text
        return found

    async def test_a_key_is_paid_for_after_seven_signed_days(
        self, site: Site, ana: Wallet, agent: Agent, clock: ManualClock
    ) -> None:
        assert (await site.register(agent, ana)).json()["rewards"] == []
        reasons = []
        for _ in range(8):  # 2026-01-01 to 2026-01-08, thrice a day
            day = []
            for _ in range(3):
                clock.advance(600)
                rewards = (await site.beat(agent)).json()["rewards"]
                day.append([reward["reason"] for reward in rewards])
            reasons.append(day)
            clock.advance(24 * 3_600 - 1_800)

        assert reasons[:6] == [[["uptime"]] * 3] * 6
        assert reasons[6] == [["uptime", "register"], ["uptime"], ["uptime"]]
        assert reasons[7] == [["uptime"]] * 3

    async def test_a_new_key_begins_its_seven_days_anew(
        self, site: Site, ana: Wallet, agent: Agent, clock: ManualClock
    ) -> None:
        await site.register(agent, ana)
        reasons = []
        for day in range(13):  # six days under the first key, seven under the next
            if day == 6:
                renewed = Agent(agent.device_id, seed=9)
                site._counter += 1
                change = {
                    "device_id": agent.device_id,
                    "public_key": renewed.public_key,
                    "signature": renewed.enrolment()["signature"],
                }
                await site.client.post("/iot/key", **agent.request("/iot/key", change, site._counter))
                agent = renewed
            clock.advance(24 * 3_600)
            reasons.append([reward["reason"] for reward in (await site.beat(agent)).json()["rewards"]])

        assert reasons == [["uptime"]] * 12 + [["uptime", "register"]]
