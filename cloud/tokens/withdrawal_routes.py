"""Tokens in and out: withdrawals to one's own wallet, and where to deposit."""

import asyncio
from typing import Annotated, Any, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.errors import BadRequest, Forbidden
from cloud.identity.model import Person
from cloud.identity.wallet import check_address
from cloud.kit.documented import raises
from cloud.kit.http import Number
from cloud.kit.idempotency import Once
from cloud.kit.paging import LIMIT_DEFAULT, PageLimit, PageNumber, page_facts
from cloud.ledger.model import DECIMALS, Asset
from cloud.settings import Settings
from cloud.stellar.deposits import Deposits
from cloud.stellar.errors import DepositsClosed
from cloud.stellar.model import Withdrawal
from cloud.stellar.withdrawals import Withdrawals
from shared.clock import rfc3339
from shared.money import BadAmount, parse_amount, show_amount


class WithdrawalOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall go out."""

    asset: Literal["LT", "XLM"]
    amount: Number
    destination: Annotated[str, Meta(max_length=100)] | None = None
    """The caller's own wallet, which is also what its absence means."""


@post("/api/v1/tokens/withdraw", status_code=201, tags=["tokens"])
async def withdraw(
    data: JSONBody[WithdrawalOrder],
    person: NamedDependency[Person],
    withdrawals: NamedDependency[Withdrawals],
    once: NamedDependency[Once],
) -> dict[str, Any]:
    asset = Asset(data.asset)
    try:
        amount = parse_amount(data.amount, decimals=DECIMALS[asset], field="amount")
    except BadAmount as error:
        raise BadRequest(str(error)) from None
    destination = await _own_wallet(person, data.destination)
    made = await withdrawals.withdraw(person.account, asset, amount, destination=destination, once=once)
    return _withdrawal(made)


@get("/api/v1/tokens/withdrawals", status_code=200, tags=["tokens"])
async def own_withdrawals(
    person: NamedDependency[Person],
    withdrawals: NamedDependency[Withdrawals],
    page: PageNumber = 1,
    limit: PageLimit = LIMIT_DEFAULT,
) -> dict[str, Any]:
    found, total = await withdrawals.of(person.account, page=page, limit=limit)
    return {
        "withdrawals": [_withdrawal(one) for one in found],
        **page_facts(total, page, limit),
    }


@get("/api/v1/tokens/deposit", status_code=200, opt=raises(DepositsClosed), tags=["tokens"])
async def deposit(
    person: NamedDependency[Person],
    deposits: NamedDependency[Deposits],
    settings: NamedDependency[Settings],
) -> dict[str, Any]:
    to = await deposits.address_of(person.account)
    return {
        "address": to.address,
        "memo": str(to.memo),
        "memo_type": "id",
        "network": settings.network,
        "assets": [{"code": "XLM", "issuer": None}, {"code": "LT", "issuer": to.issuer}],
        "message": "a payment without this memo is credited to nobody until an administrator finds its owner",
    }


ROUTES: list[BaseRouteHandler] = [withdraw, own_withdrawals, deposit]


async def _own_wallet(person: Person, destination: str | None) -> str:
    if destination is not None:
        await asyncio.to_thread(check_address, destination, field="destination")
    if person.wallet_address is None:
        raise BadRequest("destination: link a wallet first; withdrawals go to your own wallet only")
    if destination not in {None, person.wallet_address}:
        raise Forbidden("destination: withdrawals go to your own wallet only")
    return person.wallet_address


def _withdrawal(one: Withdrawal) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.status,
        "asset": one.asset,
        "amount": show_amount(one.amount, decimals=DECIMALS[one.asset]),
        "destination": one.destination,
        "form": one.form,
        "tx_hash": one.tx_hash,
        "entry": one.entry_id,
        "created_at": rfc3339(one.at_us),
    }
