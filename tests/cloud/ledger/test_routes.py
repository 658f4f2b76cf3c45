"""The transparency ledger as anyone sees it."""

import hashlib
from datetime import datetime

import pytest

from cloud.ledger import merkle
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from shared.signatures import Purpose, tree_head_bytes, verify

PREFIX = "/api/v1/ledger"


def a_mint(account, number):
    """0.5 kWh at 4.0 V: 533.33 LT, 0.41 kg, credit 0.0205."""
    return Entry(
        kind=EntryKind.MINT,
        postings=(
            Posting("mint/energy", Asset.LT, -5_333_300_000),
            Posting(account, Asset.LT, 5_333_300_000),
            Posting("meter", Asset.ENERGY, -500_000),
            Posting("minted", Asset.ENERGY, 500_000),
            Posting("carbon", Asset.CARBON, -205_000),
            Posting(account, Asset.CARBON, 205_000),
            Posting("carbon", Asset.CO2_SAVED, -410_000),
            Posting("minted", Asset.CO2_SAVED, 410_000),
        ),
        facts={"report_id": f"report-{number}", "device_id": "pi-1", "quality_factor": 1.067},
    )


def a_burn(account):
    return Entry(
        kind=EntryKind.BURN,
        postings=(Posting(account, Asset.LT, -3_300_000), Posting("burned", Asset.LT, 3_300_000)),
        facts={"reason": "trade_settlement", "trade_id": "trade-1"},
    )


@pytest.fixture
async def ledger(parts):
    """The service's own ledger with seven mints and a burn."""
    ledger = parts.services.ledger
    async with parts.store.write() as tx:
        account = await ledger.open_account(tx)
        for number in range(1, 8):
            await ledger.post(tx, a_mint(account, number))
        await ledger.post(tx, a_burn(account))
    return ledger


async def test_the_overview_adds_up(client, ledger):
    answer = (await client.get(f"{PREFIX}/overview")).json()

    assert answer == {
        "total_minted": 3733.31,
        "total_burned": 0.33,
        "circulating_supply": 3732.98,
        "total_energy_kwh": 3.5,
        "total_co2_saved_kg": 2.87,
        "total_carbon_credits": 0.1435,
        "total_mint_events": 7,
        "total_burn_events": 1,
        "total_transactions": 0,
        "entries": 8,
        "books_balance": True,
        "books_checked_at": "2026-01-01T00:00:00Z",
    }


async def test_the_token_supply_agrees_with_the_overview(client, ledger):
    answer = (await client.get("/api/v1/tokens/supply")).json()

    assert answer == {
        "total_minted": 3733.31,
        "total_burned": 0.33,
        "circulating_supply": 3732.98,
        "total_mint_events": 7,
        "token_name": "LT (Los Técnicos Energy Token)",
        "ratio": "1 kWh = 1000 LT",
    }


async def test_mints_are_listed_newest_first_with_device_and_quality(client, ledger):
    answer = (await client.get(f"{PREFIX}/mints?page=2&limit=3")).json()

    assert [mint["report_id"] for mint in answer["mints"]] == ["report-4", "report-3", "report-2"]
    mint = answer.pop("mints")[0]
    assert answer == {
        "total_events": 7,
        "total_kwh": 3.5,
        "total_tokens": 3733.31,
        "total": 7,
        "page": 2,
        "limit": 3,
        "pages": 3,
    }
    assert len(mint.pop("tx_hash")) == 64
    assert len(mint.pop("leaf_hash")) == 64
    assert mint == {
        "entry": 4,
        "leaf_index": 3,
        "timestamp": "2026-01-01T00:00:00Z",
        "reversed_by": None,
        "tokens": 533.33,
        "kwh": 0.5,
        "co2_saved_kg": 0.41,
        "carbon_credit": 0.0205,
        "report_id": "report-4",
        "device_id": "pi-1",
        "quality_factor": 1.067,
    }


async def test_a_reversed_mint_says_so_and_counts_no_more(client, parts, ledger):
    async with parts.store.write() as tx:
        reversal = await ledger.reverse(tx, 7, "meter fault")

    answer = (await client.get(f"{PREFIX}/mints?limit=1")).json()

    assert answer["mints"][0]["entry"] == 7
    assert answer["mints"][0]["reversed_by"] == reversal.id
    assert answer["total_tokens"] == 3199.98
    assert answer["total_kwh"] == 3.0


async def test_burns_carry_reason_and_trade(client, ledger):
    answer = (await client.get(f"{PREFIX}/burns")).json()

    assert (answer["total_events"], answer["total_burned"], answer["pages"]) == (1, 0.33, 1)
    assert answer["burns"][0]["reason"] == "trade_settlement"
    assert answer["burns"][0]["trade_id"] == "trade-1"
    assert answer["burns"][0]["tokens"] == 0.33


async def test_carbon_records_carry_what_was_saved_and_its_credit(client, ledger):
    answer = (await client.get(f"{PREFIX}/carbon?limit=2")).json()

    assert len(answer["credits"]) == 2
    assert answer["credits"][0] | {"tx_hash": "", "leaf_hash": ""} == {
        "entry": 7,
        "leaf_index": 6,
        "tx_hash": "",
        "leaf_hash": "",
        "timestamp": "2026-01-01T00:00:00Z",
        "reversed_by": None,
        "device_id": "pi-1",
        "kwh": 0.5,
        "co2_saved_kg": 0.41,
        "carbon_credit": 0.0205,
    }
    del answer["credits"]
    assert answer == {
        "total_kwh_offset": 3.5,
        "total_co2_saved_kg": 2.87,
        "total_credit_value": 0.1435,
        "total": 7,
        "page": 1,
        "limit": 2,
        "pages": 4,
    }


async def test_an_empty_book_has_empty_lists_and_a_root(client):
    trades = (await client.get(f"{PREFIX}/transactions")).json()
    root = (await client.get(f"{PREFIX}/root")).json()

    assert trades == {"transactions": [], "total": 0, "page": 1, "limit": 20, "pages": 0}
    assert (root["tree_size"], root["root_hash"]) == (0, hashlib.sha256(b"").hexdigest())


@pytest.mark.parametrize("name", ["transactions", "mints", "burns", "carbon"])
async def test_paging_values_out_of_range_are_a_400(client, name):
    for value in ("page=0", "page=-1", "page=x", "page=1.5", "page=99999999999999999999"):
        answer = await client.get(f"{PREFIX}/{name}?{value}")
        assert (answer.status_code, answer.json()["error"][:5]) == (400, "page:")
    for value in ("limit=0", "limit=101", "limit="):
        answer = await client.get(f"{PREFIX}/{name}?{value}")
        assert (answer.status_code, answer.json()["error"][:6]) == (400, "limit:")


async def test_a_page_beyond_the_end_is_empty(client, ledger):
    answer = (await client.get(f"{PREFIX}/mints?page=1000000000&limit=100")).json()

    assert (answer["mints"], answer["total"]) == ([], 7)


async def test_the_root_is_signed_with_the_key_it_names(client, ledger):
    root = (await client.get(f"{PREFIX}/root")).json()

    assert root["tree_size"] == 8
    signed = tree_head_bytes(8, root["root_hash"], datetime.fromisoformat(root["utc"]))
    assert signed == f"8\n{root['root_hash']}\n2026-01-01T00:00:00Z\n".encode()
    verify(root["public_key"], Purpose.TREE_HEAD, signed, root["signature"])


async def test_every_entry_is_proved_against_the_root(client, ledger):
    root = bytes.fromhex((await client.get(f"{PREFIX}/root")).json()["root_hash"])

    for entry in range(1, 9):
        shown = (await client.get(f"{PREFIX}/proof/{entry}")).json()
        assert (shown["entry"], shown["leaf_index"], shown["tree_size"]) == (entry, entry - 1, 8)
        leaf = hashlib.sha256(b"\x00" + shown["leaf"].encode()).digest()
        assert shown["leaf_hash"] == leaf.hex()
        path = [bytes.fromhex(step) for step in shown["inclusion_path"]]
        assert merkle.verify_inclusion(leaf, entry - 1, 8, path, root)


async def test_a_proof_can_be_had_for_an_earlier_tree(client, ledger):
    shown = (await client.get(f"{PREFIX}/proof/2?tree_size=3")).json()

    path = [bytes.fromhex(step) for step in shown["inclusion_path"]]
    leaf, root = bytes.fromhex(shown["leaf_hash"]), bytes.fromhex(shown["root_hash"])
    assert merkle.verify_inclusion(leaf, 1, 3, path, root)


async def test_the_log_is_shown_to_have_only_grown(client, ledger):
    for first, second in [(0, 8), (1, 8), (3, 7), (4, 8), (8, 8), (0, 0)]:
        shown = (await client.get(f"{PREFIX}/consistency?first={first}&second={second}")).json()
        path = [bytes.fromhex(step) for step in shown["consistency_path"]]
        roots = bytes.fromhex(shown["first_root"]), bytes.fromhex(shown["second_root"])
        assert merkle.verify_consistency(first, roots[0], second, roots[1], path)


async def test_what_cannot_be_proved_is_refused(client, ledger):
    expected = {
        "proof/9": 404,
        "proof/0": 400,
        "proof/99999999999999999999": 400,
        "proof/x": 404,
        "proof/3?tree_size=2": 400,
        "proof/3?tree_size=9": 400,
        "proof/3?tree_size=-1": 400,
        "consistency": 400,
        "consistency?first=1": 400,
        "consistency?first=5&second=4": 400,
        "consistency?first=1&second=9": 400,
        "consistency?first=-1&second=4": 400,
        "consistency?first=a&second=4": 400,
    }

    answers = {path: await client.get(f"{PREFIX}/{path}") for path in expected}

    assert {path: answer.status_code for path, answer in answers.items()} == expected
    unknown_path = answers.pop("proof/x").json()  # an entry is a number: no route, so no document of its own
    assert set(unknown_path) == {"error", "message", "timestamp"}
    assert all(list(answer.json()) == ["error"] for answer in answers.values())


async def test_a_private_entry_has_no_proof(client, parts, ledger):
    postings = Posting("faucet", Asset.XLM, -1), Posting("burned", Asset.XLM, 1)
    async with parts.store.write() as tx:
        private = await ledger.post(tx, Entry(kind=EntryKind.BURN, postings=postings, book="private"))

    assert (await client.get(f"{PREFIX}/proof/{private.id}")).status_code == 404
