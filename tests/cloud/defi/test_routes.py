"""The pool over HTTP: shapes, amounts, whose it is, and who may not."""

import base64
import hashlib
import json

import pytest
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from tests.cloud.defi.conftest import commission, energy_mint, lt

STAKE, UNSTAKE = "/api/v1/defi/pool/stake", "/api/v1/defi/pool/unstake"
LOAN, REPAY = "/api/v1/defi/flash-loan", "/api/v1/defi/flash-loan/repay"
STATS, HISTORY = "/api/v1/defi/pool/stats", "/api/v1/defi/yield/history"
STAKES, LOANS = "/api/v1/defi/stakes", "/api/v1/defi/loans"

BODIES = {
    STAKE: {"amount": 1.0},
    UNSTAKE: {"stake_id": 1},
    LOAN: {"kwh_borrowed": 0.001, "token_collateral": 1.5},
    REPAY: {"loan_id": 1},
}
GUARDED = [("POST", path) for path in BODIES] + [("GET", STAKES), ("GET", LOANS)]


class Caller:
    def __init__(self, client, address, token, person) -> None:
        self.client, self.address, self.person = client, address, person
        self.headers = {"Authorization": f"Bearer {token}"}

    async def post(self, path, body, **headers):
        return await self.client.post(path, json=body, headers=self.headers | headers)

    async def get(self, path):
        return await self.client.get(path, headers=self.headers)


@pytest.fixture
def caller(client, parts):
    """`await caller(1, lt=100)`: a person signed in by wallet, with free LT."""

    async def sign_in(seed: int, *, lt: int = 0) -> Caller:
        key = SigningKey(bytes([seed]) * 32)
        address = StrKey.encode_ed25519_public_key(bytes(key.verify_key))
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        proof = {
            "wallet_address": address,
            "signature": base64.b64encode(key.sign(digest).signature).decode(),
        }
        await client.post("/api/v1/auth/signup", json=proof)
        token = (await client.post("/api/v1/auth/login", json=proof)).json()["access_token"]
        person = await parts.services.identity.person_of_token(token)
        if lt:
            async with parts.store.write() as tx:
                await parts.services.ledger.post(tx, energy_mint(person.account, lt * 10_000_000))
        return Caller(client, address, token, person)

    return sign_in


async def ask(client, method, path, headers):
    if method == "POST":
        return await client.post(path, json=BODIES[path], headers=headers)
    return await client.get(path, headers=headers)


async def test_without_a_valid_token_nobody_is_served(client, caller, clock):
    revoked = await caller(1, lt=10)
    await client.post("/api/v1/auth/logout", headers=revoked.headers)
    expired = await caller(2, lt=10)
    clock.advance(15 * 60)

    for headers in ({}, {"Authorization": "Bearer x"}, revoked.headers, expired.headers):
        for method, path in GUARDED:
            answer = await ask(client, method, path, headers)
            assert answer.status_code == 401, (path, headers)
            assert set(answer.json()) == {"error"}
    assert (await client.get(HISTORY)).json()["total"] == 0


async def test_what_an_empty_pool_tells_everybody(client):
    assert (await client.get(STATS)).json() == {
        "total_staked": 0,
        "active_stakers": 0,
        "current_apy": 3.0,
        "pool_utilization": 0,
    }
    assert (await client.get(HISTORY)).json() == {
        "records": [],
        "total": 0,
        "page": 1,
        "limit": 20,
        "pages": 0,
    }


async def test_the_documents_figures(client, caller):
    ana, ben = await caller(1, lt=50_000), await caller(2, lt=30_000)
    await ana.post(STAKE, {"user_id": ana.address, "amount": 50_000.0})
    loan = {"borrower_id": ben.address, "kwh_borrowed": 19.0, "token_collateral": 28_500.0}
    assert (await ben.post(LOAN, loan)).status_code == 201

    answer = await client.get(STATS)

    assert answer.json() == {
        "total_staked": 50000.0,
        "active_stakers": 1,
        "current_apy": 5.1,
        "pool_utilization": 0.38,
    }
    assert json.loads(answer.text, parse_float=str)["current_apy"] == "5.1"


async def test_a_stake_from_beginning_to_end(client, caller, clock, parts):
    ana, payer = await caller(1, lt=1_000), await caller(2)
    made = await ana.post(STAKE, {"user_id": ana.address, "amount": 1000.0})
    assert made.status_code == 201
    stake = made.json()
    assert stake | {"tx_hash": ""} == {
        "stake_id": 1,
        "user_id": ana.address,
        "amount": 1000,
        "status": "active",
        "staked_at": "2026-01-01T00:00:00Z",
        "tx_hash": "",
    }
    async with parts.store.write() as tx:
        await parts.services.ledger.post(tx, commission(payer.person.account, lt(4)))
    clock.advance(876)  # a thirty-six-thousandth of a year

    shown = (await ana.get(STAKES)).json()
    assert shown["stakes"] == [stake | {"yield_earned": 0.0008333, "xlm_income": 4}]
    assert (shown["total"], shown["pages"]) == (1, 1)
    ended = await ana.post(UNSTAKE, {"stake_id": 1})

    assert ended.status_code == 200
    assert ended.json() | {"tx_hash": ""} == stake | {
        "status": "unstaked",
        "unstaked_at": "2026-01-01T00:14:36Z",
        "yield_earned": 0.0008333,
        "total_returned": 1000.0008333,
        "xlm_income": 4,
        "tx_hash": "",
    }
    assert (await ana.get(STAKES)).json()["stakes"] == [ended.json()]
    assert (await ana.post(UNSTAKE, {"stake_id": 1})).status_code == 400
    mints = (await client.get("/api/v1/ledger/mints")).json()["mints"]
    assert (mints[0]["source"], mints[0]["tokens"], mints[0]["stake_id"]) == ("yield", 0.0008333, 1)
    records = (await client.get(HISTORY)).json()["records"]
    assert [record["type"] for record in records] == ["payout", "commission", "accrual"]
    assert records[0] == {
        "id": 3,
        "type": "payout",
        "timestamp": "2026-01-01T00:14:36Z",
        "stake_id": 1,
        "amount": 1000,
        "seconds": 876,
        "yield_earned": 0.0008333,
        "from_loans": 0,
        "minted": 0.0008333,
        "xlm_income": 4,
    }
    assert records[2] == {
        "id": 1,
        "type": "accrual",
        "timestamp": "2026-01-01T00:14:36Z",
        "seconds": 876,
        "total_staked": 1000,
        "apy": 3,
        "pool_utilization": 0,
        "yield_accrued": 0.0008333,
    }


async def test_a_loan_from_beginning_to_end(client, caller, clock):
    ana, ben = await caller(1, lt=10_000), await caller(2, lt=8_000)
    await ana.post(STAKE, {"amount": 10_000})
    made = await ben.post(LOAN, {"borrower_id": ben.address, "kwh_borrowed": 5.0, "token_collateral": 7500.0})
    assert made.status_code == 201
    loan = made.json()
    assert loan | {"tx_hash": ""} == {
        "loan_id": 1,
        "borrower_id": ben.address,
        "kwh_borrowed": 5,
        "principal": 5000,
        "fee": 15,
        "amount_due": 5015,
        "token_collateral": 7500,
        "status": "active",
        "borrowed_at": "2026-01-01T00:00:00Z",
        "due_at": "2026-01-01T00:05:00Z",
        "closed_at": None,
        "tx_hash": "",
    }
    clock.advance(60)

    repaid = await ben.post(REPAY, {"loan_id": 1})

    assert repaid.status_code == 200
    assert repaid.json() | {"tx_hash": ""} == loan | {
        "status": "repaid",
        "closed_at": "2026-01-01T00:01:00Z",
        "tx_hash": "",
    }
    assert (await ben.get(LOANS)).json()["loans"] == [repaid.json()]
    assert (await ben.post(REPAY, {"loan_id": 1})).status_code == 400


async def test_the_services_own_timer_liquidates(client, caller, clock, parts):
    ana, ben = await caller(1, lt=10_000), await caller(2, lt=8_000)
    await ana.post(STAKE, {"amount": 10_000})
    await ben.post(LOAN, {"kwh_borrowed": 5.0, "token_collateral": 7500.0})

    ended = parts.events.follow(await parts.events.last_id(), types=["flash_loan"])
    clock.advance(301)
    (event,) = await anext(ended)
    await ended.aclose()

    payload = json.loads(event.payload)
    assert (payload["status"], payload["loan_id"], payload["account"]) == (
        "liquidated",
        1,
        ben.person.account,
    )
    (loan,) = (await ben.get(LOANS)).json()["loans"]
    assert (loan["status"], loan["closed_at"]) == ("liquidated", "2026-01-01T00:05:00Z")
    assert (await ben.post(REPAY, {"loan_id": 1})).status_code == 400
    (record, *_) = (await client.get(HISTORY)).json()["records"]
    assert (record["type"], record["loan_id"], record["yield_income"]) == ("liquidation", 1, 1257.5)


async def test_a_token_acts_for_its_own_person_only(caller, parts):
    ana, ben = await caller(1, lt=100), await caller(2, lt=100)
    for path, field in (
        (STAKE, "user_id"),
        (UNSTAKE, "user_id"),
        (LOAN, "borrower_id"),
        (REPAY, "borrower_id"),
    ):
        for other in (ben.address, f"usr_{ben.person.id}", "usr_", "someone", ana.address.lower()):
            answer = await ana.post(path, BODIES[path] | {field: other})
            assert answer.status_code == 403, (path, other)
            assert field in answer.json()["error"]
    assert (await ana.get(STAKES)).json()["total"] == 0

    assert (await ana.post(STAKE, {"amount": 10, "user_id": f"usr_{ana.person.id}"})).status_code == 201


async def test_what_is_someone_elses_is_404(caller):
    ana, ben = await caller(1, lt=100), await caller(2, lt=100)
    await ana.post(STAKE, {"amount": 100})
    await ben.post(LOAN, {"kwh_borrowed": 0.001, "token_collateral": 1.5})

    assert (await ben.post(UNSTAKE, {"stake_id": 1})).status_code == 404
    assert (await ana.post(UNSTAKE, {"stake_id": 2})).status_code == 404
    assert (await ana.post(REPAY, {"loan_id": 1})).status_code == 404
    assert (await ben.post(REPAY, {"loan_id": 2})).status_code == 404
    assert (await ben.get(STAKES)).json()["stakes"] == []
    assert (await ana.get(LOANS)).json()["loans"] == []


AMOUNTS = ["0", "-1", "0.00000001", "1e-8", "1e30", "101", '"NaN"', '"Infinity"', "null", "true", '"x"']


async def test_amounts_that_cannot_be(caller):
    ana, ben = await caller(1, lt=100), await caller(2, lt=100)
    await ben.post(STAKE, {"amount": 100})
    headers = ana.headers | {"Content-Type": "application/json"}

    for path, field, rest in ((STAKE, "amount", ""), (LOAN, "token_collateral", ',"kwh_borrowed":0.001')):
        for amount in AMOUNTS:
            content = f'{{"{field}":{amount}{rest}}}'
            answer = await ana.client.post(path, content=content, headers=headers)
            assert answer.status_code == 400, content
            assert field in answer.json()["error"] or "insufficient" in answer.json()["error"]


async def test_energy_that_cannot_be_borrowed(caller):
    ana = await caller(1, lt=200_000)
    await ana.post(STAKE, {"amount": 100_000})

    for kwh in (0, -0.001, 0.0005, 50.001, 1e12):
        answer = await ana.post(LOAN, {"kwh_borrowed": kwh, "token_collateral": 90_000})
        assert answer.status_code == 400, kwh
        assert "kwh_borrowed" in answer.json()["error"]


async def test_bodies_that_cannot_be(caller):
    ana = await caller(1, lt=10)

    for path, body in BODIES.items():
        for wrong in ({}, body | {"extra": 1}, []):
            assert (await ana.post(path, wrong)).status_code == 400, (path, wrong)
    for path in (UNSTAKE, REPAY):
        for id_ in (0, -1, 2**63, "1", 1.5):
            answer = await ana.post(path, dict.fromkeys(BODIES[path], id_))
            assert answer.status_code == 400, (path, id_)


async def test_each_post_is_done_once_under_its_key(caller, parts):
    ana, ben = await caller(1, lt=100), await caller(2, lt=100)
    key = {"Idempotency-Key": "k"}
    for who, path, body in (
        (ana, STAKE, {"amount": 100}),
        (ben, LOAN, BODIES[LOAN]),
        (ben, REPAY, {"loan_id": 1}),
        (ana, UNSTAKE, {"stake_id": 1}),
    ):
        first = await who.post(path, body, **key)
        entries = await parts.services.books.entry_total()
        again = await who.post(path, body, **key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert first.status_code in (200, 201)
        assert await parts.services.books.entry_total() == entries
        other = await who.post(path, dict.fromkeys(body, 2), **key)
        assert other.status_code == 422


async def test_events_name_accounts_and_nobody(caller, parts):
    ana, ben = await caller(1, lt=100), await caller(2, lt=100)
    await ana.post(STAKE, {"amount": 100})
    await ben.post(LOAN, BODIES[LOAN])
    await ben.post(REPAY, {"loan_id": 1})
    await ana.post(UNSTAKE, {"stake_id": 1})

    events = await parts.events.after(0, types=["defi_stake", "flash_loan"])

    told = [(event.type, json.loads(event.payload)) for event in events]
    assert [(type_, said.get("action") or said["status"]) for type_, said in told] == [
        ("defi_stake", "stake"),
        ("flash_loan", "active"),
        ("flash_loan", "repaid"),
        ("defi_stake", "unstake"),
    ]
    assert told[0][1] == {
        "action": "stake",
        "stake_id": 1,
        "account": ana.person.account,
        "amount": 100,
        "yield_earned": 0,
        "total_staked": 100,
        "current_apy": 3,
    }
    for event in events:
        assert ana.address not in event.payload
        assert ben.address not in event.payload
        assert "usr_" not in event.payload


async def test_lists_come_in_pages(caller):
    ana = await caller(1, lt=10)
    for _ in range(3):
        await ana.post(STAKE, {"amount": 1})

    page = (await ana.get(f"{STAKES}?page=2&limit=2")).json()

    assert [stake["stake_id"] for stake in page["stakes"]] == [1]
    assert (page["total"], page["page"], page["limit"], page["pages"]) == (3, 2, 2, 2)
    for path in (STAKES, LOANS, HISTORY):
        assert (await ana.get(f"{path}?limit=101")).status_code == 400
        assert (await ana.get(f"{path}?page=0")).status_code == 400
