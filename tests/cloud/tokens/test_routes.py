"""Token supply."""

from cloud.ledger.model import Asset, Entry, EntryKind, Posting


def an_entry(kind, payer, payee, amount):
    return Entry(kind=kind, postings=(Posting(payer, Asset.LT, -amount), Posting(payee, Asset.LT, amount)))


async def test_before_the_first_mint_there_is_nothing(client):
    assert (await client.get("/api/v1/tokens/supply")).json() == {
        "total_minted": 0,
        "total_burned": 0,
        "circulating_supply": 0,
        "total_mint_events": 0,
        "token_name": "LT (Los Técnicos Energy Token)",
        "ratio": "1 kWh = 1000 LT",
    }


async def test_every_kind_of_mint_counts_and_what_is_burned_circulates_no_more(client, parts):
    ledger = parts.services.ledger
    async with parts.store.write() as tx:
        account = await ledger.open_account(tx)
        for source, amount in (
            ("mint/energy", 5_333_300_000),
            ("mint/reward", 1_000_000_000),
            ("mint/yield", 1),
        ):
            await ledger.post(tx, an_entry(EntryKind.MINT, source, account, amount))
        await ledger.post(tx, an_entry(EntryKind.BURN, account, "burned", 333_300_000))

    answer = (await client.get("/api/v1/tokens/supply")).json()

    assert answer["total_minted"] == 633.3300001
    assert answer["total_burned"] == 33.33
    assert answer["circulating_supply"] == 600.0000001
    assert answer["total_mint_events"] == 3
