"""What the market and its price answer over HTTP."""

import base64
import hashlib

import httpx
import pytest
from nacl.signing import SigningKey
from stellar_sdk import StrKey

from cloud.app import Parts
from cloud.settings import Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path / "cloud", grid_zone="Asia/Kolkata")


@pytest.fixture
async def wallet(client: httpx.AsyncClient) -> tuple[str, dict[str, str]]:
    """A signed-in person: wallet address and headers."""
    key = SigningKey(bytes([3]) * 32)
    address = StrKey.encode_ed25519_public_key(bytes(key.verify_key))
    digest = hashlib.sha256(b"Stellar Signed Message:\nlos-tecnicos-auth").digest()
    proof = {
        "wallet_address": address,
        "signature": base64.b64encode(key.sign(digest).signature).decode(),
    }
    await client.post("/api/v1/auth/signup", json=proof)
    tokens = (await client.post("/api/v1/auth/login", json=proof)).json()
    return address, {"Authorization": f"Bearer {tokens['access_token']}"}


@pytest.mark.parametrize("path", ["orders", "history", "price"])
async def test_a_stranger_is_asked_to_sign_in(client, path):
    answer = await client.get(f"/api/v1/market/{path}")

    assert answer.status_code == 401
    assert "error" in answer.json()


async def test_an_open_order_has_the_documented_shape(client, wallet, parts: Parts):
    address, headers = wallet
    async with parts.store.write() as tx:
        await tx.execute(
            "INSERT INTO orders (id, account, owner_person_id, side, cover, lots, lots_open, price_ticks,"
            " status, created_at_us) VALUES"
            " ('auto_sell_42', 'acct_x', 1, 'sell', 'covered', 600, 500, 73800, 'Created', 1771837200000000)"
        )

    answer = await client.get("/api/v1/market/orders", headers=headers)

    assert answer.status_code == 200
    assert answer.json() == [
        {
            "id": "auto_sell_42",
            "user_id": address,
            "type": "sell",
            "kwh_amount": 0.5,
            "token_price": 7.38,
            "status": "Created",
            "created_at": "2026-02-23T09:00:00Z",
        }
    ]


async def test_trade_times_are_those_of_the_grids_zone(client, wallet, parts: Parts):
    async with parts.store.write() as tx:
        for order_id, side in (("b", "buy"), ("s", "sell")):
            await tx.execute(
                "INSERT INTO orders (id, account, side, cover, lots, lots_open, price_ticks, status,"
                " created_at_us) VALUES (:id, 'a', :side, 'covered', 1, 0, 1, 'Completed', 0)",
                {"id": order_id, "side": side},
            )
        await tx.execute(
            "INSERT INTO trades (id, buy_order_id, sell_order_id, buyer, seller, lots, price_ticks, deposit,"
            " status, created_at_us, completed_at_us, burn_entry_id) VALUES"
            " ('t', 'b', 's', 'acct_b', 'acct_s', 1, 87500, 0, 'Completed', 0, 1771837260000000, 1)"
        )

    answer = await client.get("/api/v1/market/history", headers=wallet[1])

    # 09:01 UTC is 14:31 in Kolkata.
    assert answer.json() == [{"price": 8.75, "timestamp": "14:31"}]


async def test_nothing_sold_yet_is_an_empty_list(client, wallet):
    assert (await client.get("/api/v1/market/history", headers=wallet[1])).json() == []
    assert (await client.get("/api/v1/market/orders", headers=wallet[1])).json() == []


async def test_the_price_is_its_own_breakdowns_final_price(client, wallet):
    answer = await client.get("/api/v1/market/price", headers=wallet[1])

    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"price", "supply", "demand", "timestamp", "breakdown"}
    assert body["price"] == body["breakdown"]["final_price"]
    # Nobody there, nothing open, 05:30 in Kolkata: 5 · (1 + 0.2 ln 0.1) · 1.125 · 1.2 · 0.85 = 3.10
    assert body["price"] == 3.10
    assert body["breakdown"] == {
        "base_price": 5.0,
        "f_sd": 0.539,
        "f_soc": 1.125,
        "f_dist": 1.2,
        "f_time": 0.85,
        "f_quality": 1.0,
        "final_price": 3.10,
    }


async def test_the_price_history_is_public(client, wallet):
    shown = (await client.get("/api/v1/market/price", headers=wallet[1])).json()

    answer = await client.get("/api/v1/ledger/price-history")

    assert answer.status_code == 200
    assert answer.json() == {"prices": [shown], "count": 1}
    assert (await client.get("/api/v1/ledger/price-history?page=2")).json() == {"prices": [], "count": 0}


@pytest.mark.parametrize(
    "query", ["page=0", "limit=0", "limit=101", "page=x", "limit=nan", "page=1000000001"]
)
async def test_a_page_that_cannot_be_is_refused(client, query):
    answer = await client.get(f"/api/v1/ledger/price-history?{query}")

    assert answer.status_code == 400
    assert query.split("=")[0] in answer.json()["error"]
