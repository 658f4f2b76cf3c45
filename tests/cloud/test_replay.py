"""One recorded workload, replayed on both back ends, leaves the same rows in every table."""

import os
import random

import msgspec
import pytest

from cloud.app import MIGRATIONS, build
from cloud.errors import CloudError
from cloud.kit.idempotency import NO_KEY
from cloud.kit.store.database_url import SQLITE
from cloud.ledger.model import Asset, Entry, EntryKind, Posting
from cloud.market.model import Side, Wish
from cloud.settings import Settings
from shared.clock import ManualClock
from shared.signatures import Purpose, sign
from tests.cloud.audit.conftest import METER, Site
from tests.cloud.databases import back_ends, dump, migrated_database

RECORDED = (
    ("wallet", "ana"),
    ("wallet", "bo"),
    ("wallet", "cy"),
    ("wallet", "ana"),
    ("enrol", "pi-1"),
    ("signed", "NODE_A", "NODE_B", {}),
    ("signed", "NODE_A", "NODE_B", {"voltage_mv_mean": 4_300, "current_ma_mean": 907}),
    ("signed", "NODE_B", "NODE_A", {}),
    ("signed", "NODE_B", "NODE_C", {"received_mwh": None}),
    ("signed", "NODE_A", "NODE_B", {"current_ma_mean": 1}),
    ("price",),
    ("burn held", 3),
    ("release held", 4),
    ("burn held", 3),
    ("claim", "ana", "pi-1"),
    ("unsigned", "pi-2"),
    ("unsigned", "pi-2"),
    ("place", "bo", Side.BUY, 100, 60_000),
    ("place", "bo", Side.BUY, 250, 40_000),
    ("place", "cy", Side.SELL, 30, 39_000),
    ("place", "ana", Side.SELL, 10, 39_500),
    ("place", "cy", Side.BUY, 2**40, 1_000_000),
    ("cancel", "bo", 1),
    ("cancel", "cy", 0),
    ("cancel", "bo", 1),
    ("signed", "NODE_D", "NODE_E", {"received_mwh": 65}),
    ("advance", 90_000),
    ("expire",),
    ("refund",),
    ("pool", "ana"),
    ("gift", "cy", 5_000),
    ("move", "cy", "bo", 4_000),
    ("move", "cy", "bo", 40_000_000_000_000),
    ("reverse", 2),
    ("months",),
    ("price",),
)
"""What was called, in its order; some of it is refused, which leaves its traces too."""


class Player:
    """Calls the services of one back end."""

    def __init__(self, parts, clock):
        self.parts, self.services = parts, parts.services
        self.site = Site(parts, clock)
        self.clock = clock
        self.people = {}
        self.orders = {}

    async def play(self, call):
        """The answer, or in what words it was refused."""
        name, *rest = call
        try:
            return await getattr(self, name.replace(" ", "_"))(*rest)
        except CloudError as error:
            return type(error).__name__, str(error)

    async def wallet(self, name):
        self.people[name] = await self.site.wallet(ord(name[0]))

    async def enrol(self, device):
        await self.site.enrol(device, METER)

    async def signed(self, sender, receiver, changes):
        return await self.site.signed(sender, receiver, **changes)

    async def unsigned(self, device):
        return await self.site.unsigned(device)

    async def price(self):
        return await self.services.pricing.current()

    async def burn_held(self, mint):
        return await self.services.minting.burn_held(mint)

    async def release_held(self, mint):
        return await self.services.minting.release_held(mint)

    async def claim(self, name, device):
        person = self.people[name]
        message = f"{device}\n{person.shown_id}".encode()
        return await self.services.devices.claim(person, device, sign(METER, Purpose.CLAIM, message))

    async def place(self, name, side, lots, ticks):
        wish = Wish(side=side, lots=lots, price_ticks=ticks)
        answer = await self.services.market.place(self.people[name], wish, NO_KEY)
        self.orders.setdefault(name, []).append(answer.id)
        return answer

    async def cancel(self, name, number):
        return await self.services.market.cancel(self.people[name], self.orders[name][number], NO_KEY)

    async def advance(self, seconds):
        self.clock.advance(seconds)

    async def expire(self):
        await self.services.market.expire_due()

    async def refund(self):
        await self.services.market.refund_due()

    async def pool(self, name):
        await self.site.pool(self.people[name])

    async def gift(self, name, amount):
        return await self._post("faucet", self.people[name].account, amount, EntryKind.FAUCET)

    async def move(self, payer, payee, amount):
        accounts = self.people[payer].account, self.people[payee].account
        return await self._post(*accounts, amount, EntryKind.TRADE)

    async def _post(self, payer, payee, amount, kind):
        moves = Posting(payer, Asset.XLM, -amount), Posting(payee, Asset.XLM, amount)
        async with self.parts.store.write() as tx:
            return await self.services.ledger.post(tx, Entry(kind=kind, postings=moves))

    async def reverse(self, entry):
        async with self.parts.store.write() as tx:
            return await self.services.ledger.reverse(tx, entry, "replayed")

    async def months(self):
        await self.services.depin.pay_months()


async def replay(database_url, folder, monkeypatch):
    """All answers, then all rows."""
    chance = random.Random(7)
    with monkeypatch.context() as patched:  # ids, tokens and keys come out the same
        patched.setattr(os, "urandom", chance.randbytes)
        patched.setattr(random, "_urandom", chance.randbytes)
        clock = ManualClock()
        parts = build(Settings(data_dir=folder, database_url=database_url), clock)
        await parts.store.migrate(MIGRATIONS)
        player = Player(parts, clock)
        answers = [await player.play(call) for call in RECORDED]
        rows = await dump(parts.store)
        await parts.store.close()
    return answers, rows


@pytest.mark.skipif("postgres" not in back_ends(), reason="no PostgreSQL: see CONTRIBUTING.md")
async def test_a_recorded_workload_leaves_the_same_content_on_both_back_ends(tmp_path, monkeypatch):
    answers, rows = await replay(SQLITE, tmp_path / "sqlite", monkeypatch)
    async with migrated_database() as url:
        their_answers, their_rows = await replay(url, tmp_path / "postgres", monkeypatch)

    for call, answer, theirs in zip(RECORDED, answers, their_answers, strict=True):
        assert msgspec.json.encode(theirs) == msgspec.json.encode(answer), call
    assert sorted(their_rows) == sorted(rows)
    for table, content in rows.items():
        assert their_rows[table] == content, table


async def test_the_recording_reaches_what_it_is_meant_to_compare(tmp_path, monkeypatch):
    answers, rows = await replay(SQLITE, tmp_path / "sqlite", monkeypatch)

    refused = [call for call, answer in zip(RECORDED, answers, strict=True) if isinstance(answer, tuple)]
    filled = {table for table, content in rows.items() if content}
    assert 3 <= len(refused) <= 8, refused
    assert filled >= {
        "people", "devices", "mints", "held_mints", "reports", "orders", "trades", "prices",
        "entries", "postings", "balances", "accounts", "events", "stakes", "loans",
    }  # fmt: skip
