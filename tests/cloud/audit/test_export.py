"""The export route: pages of one moment, while writers go on."""

import json

import pytest

from cloud.audit import service
from cloud.audit.verifier import Verifier
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from shared.money import TOKEN_UNITS

EXPORT = "/api/v1/ledger/export"


@pytest.fixture
def gifts(parts):
    """Opens accounts and gives each what a new wallet gets."""

    async def give(count: int) -> None:
        units = 10_000 * TOKEN_UNITS
        async with parts.store.write() as tx:
            for _ in range(count):
                account = await parts.services.ledger.open_account(tx)
                postings = (Posting("faucet", Asset.XLM, -units), Posting(account, Asset.XLM, units))
                await parts.services.ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings))

    return give


def accepted(*parts: bytes):
    verifier = Verifier()
    for part in parts:
        verifier.read(part.splitlines(keepends=True))
    return verifier.finish()


async def test_an_empty_ledger_has_an_export_that_holds(client):
    answer = await client.get(EXPORT)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert accepted(answer.content).entries == 0


async def test_every_public_entry_is_exported_as_it_was_hashed(client, parts, gifts):
    await gifts(3)
    units = 5 * TOKEN_UNITS
    async with parts.store.write() as tx:  # a number that the public book does not have
        postings = (Posting("faucet", Asset.XLM, -units), Posting("burned", Asset.XLM, units))
        await parts.services.ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings, book="private"))
    await gifts(1)

    lines = (await client.get(EXPORT)).content.splitlines()
    found = [json.loads(line) for line in lines if line.startswith(b'{"entry"')]
    assert [line["entry"] for line in found] == [1, 2, 3, 5]
    proof = (await client.get("/api/v1/ledger/proof/5")).json()
    assert proof["leaf"].encode() in lines[4]
    assert proof["leaf_hash"] == found[3]["leaf_hash"]


async def test_pages_and_their_seams_do_not_show(client, gifts, monkeypatch):
    monkeypatch.setattr(service, "PAGE", 4)
    for count in (3, 1, 1, 4):  # one below, at and above a page, then two pages and a bit
        await gifts(count)
        total = accepted((await client.get(EXPORT)).content).entries
        head = (await client.get("/api/v1/ledger/root")).json()
        assert total == head["tree_size"]


async def test_the_rest_of_an_interrupted_export_can_be_had(client, gifts):
    await gifts(5)
    first = (await client.get(EXPORT)).content
    cut = b"".join(first.splitlines(keepends=True)[:4])  # header and leaves 0 to 2
    await gifts(2)

    rest = (await client.get(f"{EXPORT}?after=2")).content
    assert accepted(cut, rest).entries == 7
    assert accepted(first, (await client.get(f"{EXPORT}?after=4")).content).entries == 7
    assert b'{"entry"' not in (await client.get(f"{EXPORT}?after=6")).content


@pytest.mark.parametrize("after", ["1", "7", "-1", "x", str(2**63)])
async def test_an_index_that_the_log_does_not_have_is_refused(client, gifts, after):
    await gifts(1)

    answer = await client.get(f"{EXPORT}?after={after}")
    assert answer.status_code == 400
    assert "after" in answer.json()["error"]


async def test_entries_that_come_during_an_export_are_not_in_it(parts, gifts, monkeypatch):
    """The writer goes on between any two pages, and no reader's place is kept for the export."""
    monkeypatch.setattr(service, "PAGE", 2)
    await gifts(5)
    pieces = []
    async for piece in await parts.services.ledger_export.open():
        pieces.append(piece)
        await gifts(1)
        async with parts.store.read(), parts.store.read(), parts.store.read(), parts.store.read():
            pass  # every reader there is can be had

    assert accepted(b"".join(pieces)).entries == 5
    assert max(piece.count(b"\n") for piece in pieces) == 2
