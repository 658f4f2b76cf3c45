"""The transparency ledger: read by anyone, without signing in."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct
from nacl.signing import SigningKey

from cloud.kit.paging import LIMIT_DEFAULT, PageLimit, PageNumber, page_facts
from cloud.ledger.books import Books
from cloud.ledger.model import (
    DECIMALS,
    MINTS,
    Anchor,
    Asset,
    ConsistencyProof,
    EntryKind,
    EntryRecord,
    InclusionProof,
    Posting,
    SystemAccount,
)
from cloud.ledger.service import Ledger
from shared.clock import rfc3339
from shared.money import round_decimal, show_amount
from shared.signatures import public_key_of

SIZE_MAX = 2**63 - 1
BURN_BEHIND_TRADE = 1
"""A trade is on the chain by the burn of its LT, which is the entry right behind it."""

EntryId = Annotated[int, PathParameter(ge=1, le=SIZE_MAX, description="As `entry` in the lists.")]
TreeSize = Annotated[int, QueryParameter(ge=0, le=SIZE_MAX, description="A number of leaves.")]
TreeSizeOrNow = Annotated[
    int | None, QueryParameter(ge=0, le=SIZE_MAX, description="A number of leaves; absent: all of now.")
]


class _Document(Struct, frozen=True):
    """A leaf as it was stored."""

    postings: tuple[Posting, ...]
    facts: dict[str, Any]

    def moved(self, account: SystemAccount, asset: Asset) -> int:
        """What it added to a system account."""
        return sum(p.amount for p in self.postings if p.account == account and p.asset is asset)


_decoder = msgspec.json.Decoder(_Document, float_hook=Decimal)


@get("/api/v1/ledger/overview", status_code=200, tags=["ledger"])
async def overview(books: NamedDependency[Books]) -> dict[str, Any]:
    supply = await books.supply()
    check = await books.check()
    return {
        "total_minted": show_amount(supply.minted),
        "total_burned": show_amount(supply.burned),
        "circulating_supply": show_amount(supply.circulating),
        "total_energy_kwh": show_amount(supply.energy_mwh, decimals=DECIMALS[Asset.ENERGY]),
        "total_co2_saved_kg": show_amount(supply.co2_saved_mg, decimals=DECIMALS[Asset.CO2_SAVED]),
        "total_carbon_credits": _credits(supply.carbon_credit),
        "total_mint_events": supply.mints,
        "total_burn_events": supply.burns,
        "total_transactions": supply.trades,
        "entries": await books.entry_total(),
        "books_balance": check.balance,
        "books_checked_at": rfc3339(check.at_us),
    }


@get("/api/v1/ledger/transactions", status_code=200, tags=["ledger"])
async def transactions(
    books: NamedDependency[Books], page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
) -> dict[str, Any]:
    found = await books.entries(EntryKind.TRADE, page=page, limit=limit)
    burns = await books.tx_hashes([record.id + BURN_BEHIND_TRADE for record in found.entries])
    return {
        "transactions": [_trade(record, burns) for record in found.entries],
        **page_facts(found.total, page, limit),
    }


@get("/api/v1/ledger/mints", status_code=200, tags=["ledger"])
async def mints(
    books: NamedDependency[Books], page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
) -> dict[str, Any]:
    found = await books.entries(EntryKind.MINT, page=page, limit=limit)
    supply = await books.supply()
    return {
        "mints": [_mint(record) for record in found.entries],
        "total_events": found.total,
        "total_kwh": show_amount(supply.energy_mwh, decimals=DECIMALS[Asset.ENERGY]),
        "total_tokens": show_amount(supply.minted),
        **page_facts(found.total, page, limit),
    }


@get("/api/v1/ledger/burns", status_code=200, tags=["ledger"])
async def burns(
    books: NamedDependency[Books], page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
) -> dict[str, Any]:
    found = await books.entries(EntryKind.BURN, page=page, limit=limit)
    supply = await books.supply()
    return {
        "burns": [_burn(record) for record in found.entries],
        "total_events": found.total,
        "total_burned": show_amount(supply.burned),
        **page_facts(found.total, page, limit),
    }


@get("/api/v1/ledger/carbon", status_code=200, tags=["ledger"])
async def carbon(
    books: NamedDependency[Books], page: PageNumber = 1, limit: PageLimit = LIMIT_DEFAULT
) -> dict[str, Any]:
    found = await books.statement(SystemAccount.CARBON_SOURCE, Asset.CARBON, page=page, limit=limit)
    supply = await books.supply()
    return {
        "credits": [_credit(record) for record in found.entries],
        "total_kwh_offset": show_amount(supply.energy_mwh, decimals=DECIMALS[Asset.ENERGY]),
        "total_co2_saved_kg": show_amount(supply.co2_saved_mg, decimals=DECIMALS[Asset.CO2_SAVED]),
        "total_credit_value": _credits(supply.carbon_credit),
        **page_facts(found.total, page, limit),
    }


@get("/api/v1/ledger/root", status_code=200, tags=["ledger"])
async def root(
    ledger: NamedDependency[Ledger], books: NamedDependency[Books], signing_key: NamedDependency[SigningKey]
) -> dict[str, Any]:
    head = await ledger.tree_head()
    return {
        **msgspec.structs.asdict(head),
        "public_key": public_key_of(signing_key),
        "anchor": _anchor(await books.last_anchor()),
    }


@get("/api/v1/ledger/proof/{entry:int}", status_code=200, tags=["ledger"])
async def proof(
    ledger: NamedDependency[Ledger], entry: EntryId, tree_size: TreeSizeOrNow = None
) -> InclusionProof:
    return await ledger.inclusion(entry, tree_size)


@get("/api/v1/ledger/consistency", status_code=200, tags=["ledger"])
async def consistency(ledger: NamedDependency[Ledger], first: TreeSize, second: TreeSize) -> ConsistencyProof:
    return await ledger.consistency(first, second)


ROUTES: list[BaseRouteHandler] = [overview, transactions, mints, burns, carbon, root, proof, consistency]


def _anchor(anchor: Anchor | None) -> dict[str, Any] | None:
    if anchor is None:
        return None
    return {
        "tx_hash": anchor.tx_hash,
        "tree_size": anchor.tree_size,
        "root_hash": anchor.root_hash,
        "timestamp": rfc3339(anchor.at_us),
    }


def _entry(record: EntryRecord) -> dict[str, Any]:
    return {
        "entry": record.id,
        "leaf_index": record.leaf_index,
        "tx_hash": record.tx_hash,
        "leaf_hash": record.leaf_hash,
        "timestamp": rfc3339(record.at_us),
        "reversed_by": record.reversed_by,
    }


def _trade(record: EntryRecord, burns: Mapping[int, str]) -> dict[str, Any]:
    tx_hash = burns.get(record.id + BURN_BEHIND_TRADE)
    return _entry(record) | {"tx_hash": tx_hash} | _decoder.decode(record.document).facts


def _mint(record: EntryRecord) -> dict[str, Any]:
    document = _decoder.decode(record.document)
    return {
        **_entry(record),
        "tokens": show_amount(-sum(document.moved(source, Asset.LT) for source in MINTS)),
        "kwh": show_amount(
            document.moved(SystemAccount.MINTED, Asset.ENERGY), decimals=DECIMALS[Asset.ENERGY]
        ),
        **_carbon_facts(document),
        **document.facts,
    }


def _burn(record: EntryRecord) -> dict[str, Any]:
    document = _decoder.decode(record.document)
    return {
        **_entry(record),
        "tokens": show_amount(document.moved(SystemAccount.BURNED, Asset.LT)),
        **document.facts,
    }


def _credit(record: EntryRecord) -> dict[str, Any]:
    document = _decoder.decode(record.document)
    return {
        **_entry(record),
        "device_id": document.facts.get("device_id"),
        "kwh": show_amount(
            document.moved(SystemAccount.MINTED, Asset.ENERGY), decimals=DECIMALS[Asset.ENERGY]
        ),
        **_carbon_facts(document),
    }


def _carbon_facts(document: _Document) -> dict[str, Decimal]:
    return {
        "co2_saved_kg": show_amount(
            -document.moved(SystemAccount.CARBON_SOURCE, Asset.CO2_SAVED), decimals=DECIMALS[Asset.CO2_SAVED]
        ),
        "carbon_credit": _credits(-document.moved(SystemAccount.CARBON_SOURCE, Asset.CARBON)),
    }


def _credits(units: int) -> Decimal:
    """Carbon credits are shown with four decimals; the leaf's postings hold all seven."""
    return round_decimal(show_amount(units), 4)
