"""Taking tokens out and bringing them in, over HTTP; and the transactions behind it, for everybody."""

import base64
import hashlib

import msgspec
import pytest
from nacl.signing import SigningKey
from stellar_sdk import StrKey, TransactionEnvelope

from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.settings import Settings

WITHDRAW, OWN, DEPOSIT = "/api/v1/tokens/withdraw", "/api/v1/tokens/withdrawals", "/api/v1/tokens/deposit"
LT = 10_000_000
NOBODY_LISTENS = "http://127.0.0.1:9"
TESTNET = {"network": "testnet", "horizon_url": NOBODY_LISTENS}


@pytest.fixture
def settings(tmp_path, request):
    unlimited = {"rate_limit_per_minute": 0, "sign_ins_per_minute": 0}
    return Settings(data_dir=tmp_path / "cloud", **(unlimited | getattr(request, "param", {})))


class Caller:
    def __init__(self, client, address, token, account):
        self.client, self.address, self.account = client, address, account
        self.headers = {"Authorization": f"Bearer {token}"}

    async def post(self, body, **headers):
        return await self.client.post(WITHDRAW, json=body, headers=self.headers | headers)

    async def get(self, path):
        return await self.client.get(path, headers=self.headers)


@pytest.fixture
def caller(client, parts):
    """`await caller(1, lt=5)`: somebody who signed in by wallet, with 10,000 XLM."""

    async def sign_in(seed, lt=0):
        key = SigningKey(bytes([seed]) * 32)
        digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
        address = StrKey.encode_ed25519_public_key(bytes(key.verify_key))
        proof = {
            "wallet_address": address,
            "signature": base64.b64encode(key.sign(digest).signature).decode(),
        }
        await client.post("/api/v1/auth/signup", json=proof)
        token = (await client.post("/api/v1/auth/login", json=proof)).json()["access_token"]
        person = await parts.services.identity.person_of_token(token)
        if lt:
            async with parts.store.write() as tx:
                await parts.services.ledger.post(tx, a_mint(person.account, lt * LT))
        return Caller(client, address, token, person.account)

    return sign_in


def a_mint(account, units):
    return Entry(
        kind=EntryKind.MINT,
        postings=(Posting("mint/reward", Asset.LT, -units), Posting(account, Asset.LT, units)),
    )


async def held(parts, account, asset):
    async with parts.store.read() as tx:
        return await parts.services.ledger.balance(tx, account, asset)


async def test_a_withdrawal_leaves_the_account_and_waits_in_a_signed_transaction(client, caller, parts):
    ana = await caller(1, lt=100)

    answer = await ana.post({"asset": "LT", "amount": 40.5})

    assert answer.status_code == 201
    made = answer.json()
    assert made.pop("id").startswith("wd_")
    tx_hash = made.pop("tx_hash")
    assert made == {
        "status": "pending",
        "asset": "LT",
        "amount": 40.5,
        "destination": ana.address,
        "form": "payment",
        "entry": 3,
        "created_at": "2026-01-01T00:00:00Z",
    }
    assert await held(parts, ana.account, Asset.LT) == 595_000_000
    shown = (await client.get(f"/api/v1/ledger/stellar/{tx_hash}")).json()
    envelope = TransactionEnvelope.from_xdr(shown["xdr"], shown["network_passphrase"])
    assert envelope.hash_hex() == tx_hash
    (payment,) = envelope.transaction.operations
    assert (payment.destination.account_id, payment.amount) == (ana.address, "40.5")


async def test_xlm_go_out_as_stellar_s_own(client, caller, parts):
    ana = await caller(1)

    answer = await ana.post({"asset": "XLM", "amount": 10_000, "destination": ana.address})

    assert answer.status_code == 201
    assert await held(parts, ana.account, Asset.XLM) == 0
    shown = (await client.get(f"/api/v1/ledger/stellar/{answer.json()['tx_hash']}")).json()
    envelope = TransactionEnvelope.from_xdr(shown["xdr"], shown["network_passphrase"])
    assert envelope.transaction.operations[0].asset.is_native()


@pytest.mark.parametrize(
    "body, said",
    [
        ({"asset": "LT", "amount": 100.0000001}, "insufficient"),
        ({"asset": "XLM", "amount": 10000.0000001}, "insufficient"),
        ({"asset": "LT", "amount": 0}, "amount"),
        ({"asset": "LT", "amount": -1}, "amount"),
        ({"asset": "LT", "amount": 0.00000001}, "decimals"),
        ({"asset": "LT", "amount": 1e30}, "range"),
        ({"asset": "LT", "amount": "NaN"}, "amount"),
        ({"asset": "kWh", "amount": 1}, "asset"),
        ({"asset": "CO2", "amount": 1}, "asset"),
        ({"asset": "LT"}, "amount"),
        ({"amount": 1}, "asset"),
        ({"asset": "LT", "amount": 1, "account": "acct_x"}, "account"),
        ({"asset": "LT", "amount": 1, "destination": "GABC"}, "destination"),
        ({"asset": "LT", "amount": 1, "destination": ""}, "destination"),
        ({"asset": "LT", "amount": 1, "destination": 5}, "destination"),
    ],
)
async def test_what_cannot_be_withdrawn_is_refused_and_nothing_moves(caller, parts, body, said):
    ana = await caller(1, lt=100)

    answer = await ana.post(body)

    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert await held(parts, ana.account, Asset.LT) == 100 * LT
    assert (await ana.get(OWN)).json()["total"] == 0


async def test_to_another_s_wallet_nothing_goes(caller, parts):
    ana, ben = await caller(1, lt=100), await caller(2)

    answer = await ana.post({"asset": "LT", "amount": 1, "destination": ben.address})

    assert answer.status_code == 403
    assert await held(parts, ana.account, Asset.LT) == 100 * LT


async def test_without_a_wallet_there_is_nowhere_to_go(client, parts):
    body = {
        "email": "ana@example.org",
        "password": "correct horse",
        "user_type": "consumer",
        "name": "Ana",
    }
    registered = await client.post("/api/v1/auth/register", json=body)
    assert registered.status_code == 201, registered.text
    login = {key: body[key] for key in ("email", "password", "user_type")}
    token = (await client.post("/api/v1/auth/login", json=login)).json()["access_token"]

    answer = await client.post(
        WITHDRAW, json={"asset": "XLM", "amount": 1}, headers={"Authorization": f"Bearer {token}"}
    )

    assert answer.status_code == 400
    assert "link a wallet" in str(answer.json())


async def test_without_a_valid_token_nobody_is_served(client, caller, clock, parts):
    revoked = await caller(1, lt=10)
    await client.post("/api/v1/auth/logout", headers=revoked.headers)
    expired = await caller(2, lt=10)
    clock.advance(15 * 60)

    for headers in ({}, {"Authorization": "Bearer x"}, revoked.headers, expired.headers):
        for answer in (
            await client.post(WITHDRAW, json={"asset": "LT", "amount": 1}, headers=headers),
            await client.get(OWN, headers=headers),
            await client.get(DEPOSIT, headers=headers),
        ):
            assert answer.status_code == 401
    for account in (revoked.account, expired.account):
        assert await held(parts, account, Asset.LT) == 10 * LT


async def test_the_same_key_pays_out_once(caller, parts):
    ana = await caller(1, lt=100)
    body = {"asset": "LT", "amount": 40}

    first = await ana.post(body, **{"Idempotency-Key": "k1"})
    again = await ana.post(body, **{"Idempotency-Key": "k1"})
    other = await ana.post({"asset": "LT", "amount": 41}, **{"Idempotency-Key": "k1"})

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert first.json() == again.json()
    assert await held(parts, ana.account, Asset.LT) == 60 * LT


async def test_each_sees_their_own_withdrawals_newest_first(caller):
    ana, ben = await caller(1, lt=100), await caller(2, lt=5)
    for amount in (1, 2, 3):
        await ana.post({"asset": "LT", "amount": amount})
    await ben.post({"asset": "LT", "amount": 4})

    page = (await ana.get(f"{OWN}?limit=2")).json()
    rest = (await ana.get(f"{OWN}?limit=2&page=2")).json()

    assert [one["amount"] for one in page["withdrawals"]] == [3, 2]
    assert [one["amount"] for one in rest["withdrawals"]] == [1]
    assert (page["total"], page["pages"]) == (3, 2)
    assert [one["amount"] for one in (await ben.get(OWN)).json()["withdrawals"]] == [4]


async def test_offline_nothing_can_be_deposited(caller):
    ana = await caller(1)

    assert (await ana.get(DEPOSIT)).status_code == 409


@pytest.mark.parametrize("settings", [TESTNET], indirect=True)
async def test_a_deposit_needs_the_memo_that_one_is_told(caller, parts):
    ana, ben = await caller(1), await caller(2)

    told, again, other = [(await one.get(DEPOSIT)).json() for one in (ana, ana, ben)]

    assert told == again
    assert told["memo"] != other["memo"]
    assert told["address"] == parts.services.outbox.envelopes.keys.custody.address
    assert told["memo_type"] == "id"
    assert [one["code"] for one in told["assets"]] == ["XLM", "LT"]


@pytest.mark.parametrize("settings", [TESTNET], indirect=True)
async def test_while_the_network_is_away_withdrawals_go_on_and_signatures_stay_unseen(client, caller):
    ana = await caller(1, lt=100)

    answer = await ana.post({"asset": "LT", "amount": 1})

    assert answer.status_code == 201
    tx_hash = answer.json()["tx_hash"]
    shown = (await client.get(f"/api/v1/ledger/stellar/{tx_hash}")).json()
    envelope = TransactionEnvelope.from_xdr(shown["xdr"], shown["network_passphrase"])
    assert shown["state"] == "built"
    assert envelope.signatures == []  # whoever had them could send it after it was replaced
    assert envelope.hash_hex() == tx_hash


async def test_a_mint_s_transaction_shows_what_it_stands_for(client, caller, parts):
    ana = await caller(1)
    async with parts.store.write() as tx:
        posted = await parts.services.ledger.post(tx, a_mint(ana.account, 5_333_300_000))

    shown = (await client.get(f"/api/v1/ledger/stellar/{posted.tx_hash}")).json()

    assert shown["state"] == "built"
    assert shown["network"] == "offline"
    assert shown["sequence"] == "2"
    assert shown["operations"] == [
        {
            "kind": "mint",
            "state": "waiting",
            "entry": posted.id,
            "asset": "LT",
            "amount": 533.33,
            "form": None,
            "root_hash": None,
            "tree_size": None,
        }
    ]
    assert (shown["replaces"], shown["replaced_by"]) == ([], [])
    listed = (await client.get("/api/v1/ledger/mints")).json()["mints"][0]
    assert listed["tx_hash"] == posted.tx_hash
    assert listed["leaf_hash"] == posted.leaf_hash


async def test_a_withdrawal_s_transaction_names_no_entry(client, caller):
    ana = await caller(1, lt=100)
    tx_hash = (await ana.post({"asset": "LT", "amount": 1})).json()["tx_hash"]

    (operation,) = (await client.get(f"/api/v1/ledger/stellar/{tx_hash}")).json()["operations"]

    assert (operation["kind"], operation["entry"]) == ("withdrawal", None)


@pytest.mark.parametrize("tx_hash, status", [("0" * 64, 404), ("F" * 64, 400), ("1", 400)])
async def test_an_unknown_hash_is_not_found(client, tx_hash, status):
    assert (await client.get(f"/api/v1/ledger/stellar/{tx_hash}")).status_code == status


async def test_the_root_shows_the_last_anchor(client, parts):
    assert (await client.get("/api/v1/ledger/root")).json()["anchor"] is None
    async with parts.store.write() as tx:
        account = await parts.services.ledger.open_account(tx)
        await parts.services.ledger.post(tx, a_mint(account, LT))
    await parts.services.anchoring.anchor()

    root = (await client.get("/api/v1/ledger/root")).json()

    anchor = root["anchor"]
    assert (anchor["tree_size"], anchor["root_hash"]) == (1, root["root_hash"])
    shown = (await client.get(f"/api/v1/ledger/stellar/{anchor['tx_hash']}")).json()
    envelope = TransactionEnvelope.from_xdr(shown["xdr"], shown["network_passphrase"])
    assert envelope.transaction.memo.memo_hash.hex() == root["root_hash"]


async def test_a_withdrawal_says_nothing_of_its_wallet_in_the_public_book(client, caller):
    ana = await caller(1, lt=100)
    await ana.post({"asset": "LT", "amount": 1})

    export = (await client.get("/api/v1/ledger/export")).text

    lines = [msgspec.json.decode(line) for line in export.splitlines()]
    (leaf,) = [line["leaf"] for line in lines if line.get("leaf", {}).get("kind") == "withdrawal"]
    assert set(leaf["facts"]) == {"withdrawal_id"}
    assert ana.address not in export
