"""The pool over a real store and ledger, with people who own LT."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from cloud.defi.service import Defi
from cloud.identity.model import Person, Role
from cloud.kit.events import EventLog
from cloud.kit.store import Store
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.ledger.service import Ledger
from shared.clock import ManualClock

UNITS = 10_000_000


def lt(amount: str | int) -> int:
    """Units of LT or XLM, as a person writes them."""
    return int(Decimal(amount) * UNITS)


def energy_mint(account: str, units: int) -> Entry:
    return Entry(
        kind=EntryKind.MINT,
        postings=(
            Posting(SystemAccount.MINT_ENERGY, Asset.LT, -units),
            Posting(account, Asset.LT, units),
        ),
    )


def commission(account: str, units: int) -> Entry:
    """As a settled trade leaves it."""
    return Entry(
        kind=EntryKind.TRADE,
        postings=(
            Posting(account, Asset.XLM, -units),
            Posting(SystemAccount.POOL, Asset.XLM, units),
        ),
    )


def faucet(account: str, units: int) -> Entry:
    return Entry(
        kind=EntryKind.FAUCET,
        postings=(
            Posting(SystemAccount.FAUCET, Asset.XLM, -units),
            Posting(account, Asset.XLM, units),
        ),
    )


@pytest.fixture
def defi(store: Store, clock: ManualClock, events: EventLog, ledger: Ledger) -> Defi:
    return Defi(store, clock, events, ledger)


@pytest.fixture
def a_person(store: Store, ledger: Ledger) -> Callable[..., Awaitable[Person]]:
    """`await a_person(1, lt=100)`: somebody with free LT and 10,000 XLM."""

    async def make(id_: int, *, lt: int | str = 0) -> Person:
        async with store.write() as tx:
            account = await ledger.open_account(tx)
            await ledger.post(tx, faucet(account, 10_000 * UNITS))
            if lt:
                await ledger.post(tx, energy_mint(account, int(Decimal(lt) * UNITS)))
        return Person(
            id=id_,
            wallet_address=None,
            role=Role.DONOR,
            is_admin=False,
            kyc_status="pending",
            location="",
            account=account,
            created_at_us=0,
        )

    return make


@pytest.fixture
def post(store: Store, ledger: Ledger) -> Callable[[Entry], Awaitable[None]]:
    async def post_one(entry: Entry) -> None:
        async with store.write() as tx:
            await ledger.post(tx, entry)

    return post_one


@pytest.fixture
def balance(store: Store, ledger: Ledger) -> Callable[..., Awaitable[int]]:
    async def balance_of(account: str, asset: Asset = Asset.LT) -> int:
        async with store.read() as tx:
            return await ledger.balance(tx, account, asset)

    return balance_of


@pytest.fixture
def balances(store: Store) -> Callable[[], Awaitable[bytes]]:
    """Every table of the pool and the ledger, to be compared byte by byte."""

    async def all_rows() -> bytes:
        found = []
        async with store.read() as tx:
            for table in ("balances", "entries", "pool", "stakes", "loans", "yield_records", "events"):
                rows = await tx.fetch_all(dict, f"SELECT * FROM {table} ORDER BY 1, 2")
                found.append(repr(rows))
        return "\n".join(found).encode()

    return all_rows
