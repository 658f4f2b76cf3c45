"""Energy that was sold before it was there is delivered by the mint that makes it, in one transaction."""

import pytest

from cloud.identity.model import Person, Role
from cloud.kit.idempotency import NO_KEY
from cloud.ledger.model import Asset, Entry, EntryKind, Posting, SystemAccount
from cloud.market.model import Side, Wish

XLM = 10_000_000


def donor(number: int, account: str) -> Person:
    return Person(
        id=number,
        wallet_address=None,
        role=Role.DONOR,
        is_admin=False,
        kyc_status="pending",
        location="",
        account=account,
        created_at_us=0,
    )


@pytest.fixture
def sell_ahead(store, ledger, minting, payee):
    """The device's owner sells energy at 5 XLM/kWh that is not there yet."""

    async def sell(kwh: float) -> str:
        async with store.write() as tx:
            buyer = await ledger.open_account(tx)
            for account in (payee, buyer):
                postings = (
                    Posting(SystemAccount.FAUCET, Asset.XLM, -100 * XLM),
                    Posting(account, Asset.XLM, 100 * XLM),
                )
                await ledger.post(tx, Entry(kind=EntryKind.FAUCET, postings=postings))
        lots = round(kwh * 1000)
        for number, side, account in ((1, Side.SELL, payee), (2, Side.BUY, buyer)):
            wish = Wish(side=side, lots=lots, price_ticks=50_000)
            await minting._market.place(donor(number, account), wish, NO_KEY)
        return buyer

    return sell


async def balance(store, ledger, account, asset) -> int:
    async with store.read() as tx:
        return await ledger.balance(tx, account, asset)


async def test_a_mint_delivers_first_and_lists_the_rest(
    minting, device, a_claim, store, ledger, payee, sell_ahead
):
    await sell_ahead(0.4)

    mint = await minting.report(device, a_claim())  # 0.5 kWh, 526.67 LT

    assert mint.sell_order_id == f"auto_sell_{mint.id}"
    assert await balance(store, ledger, f"{payee}/orders", Asset.LT) == 100 * XLM
    assert await balance(store, ledger, "burned", Asset.LT) == 400 * XLM
    assert await balance(store, ledger, payee, Asset.XLM) == 100 * XLM + 2 * XLM * 975 // 1000


async def test_a_mint_that_was_wholly_sold_before_says_so(
    minting, device, a_claim, store, ledger, payee, sell_ahead
):
    buyer = await sell_ahead(0.5)

    mint = await minting.report(device, a_claim())

    assert mint.sell_order_id is None
    assert (
        mint.to_answer().message == "526.67 LT tokens minted for 0.5000 kWh → delivered: it was sold before"
    )
    assert await balance(store, ledger, payee, Asset.LT) == 266_700_000
    assert await balance(store, ledger, buyer, Asset.XLM) == 975 * XLM // 10
    assert await balance(store, ledger, f"{buyer}/trades", Asset.XLM) == 0


async def test_a_repeated_report_delivers_nothing_more(
    minting, device, a_claim, store, ledger, payee, sell_ahead
):
    await sell_ahead(1.0)
    claim = a_claim()

    first = await minting.report(device, claim)
    again = await minting.report(device, claim)

    assert first == again
    assert await balance(store, ledger, "burned", Asset.LT) == 500 * XLM


async def test_held_energy_delivers_when_it_is_released(
    minting, device, a_claim, store, ledger, payee, sell_ahead
):
    await sell_ahead(0.5)
    held = await minting.report(device, a_claim(current_a_mean=1.0))
    assert held.held_mwh == 500_000
    assert await balance(store, ledger, "burned", Asset.LT) == 0

    await minting.release_held(held.id)

    assert await balance(store, ledger, "burned", Asset.LT) == 500 * XLM
