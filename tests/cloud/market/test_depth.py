"""The depth of the market: what is open at the best prices, as stored."""

from cloud.market.model import Depth, Level


async def test_an_empty_market_has_no_depth(parts) -> None:
    assert await parts.services.market.depth(20) == Depth(bids=[], asks=[])


async def test_depth_adds_up_the_orders_of_each_price_best_first(ana, ben, parts) -> None:
    for kwh, price in ((0.5, 4.10), (0.2, 4.00), (0.3, 4.00), (1.0, 3.90)):
        await ben.placed("buy", kwh, price)
    for kwh, price in ((0.1, 5.00), (0.4, 4.50)):
        await ana.placed("sell", kwh, price)
    market = parts.services.market
    assert await market.depth(2) == Depth(
        bids=[Level(41_000, 500, 1), Level(40_000, 500, 2)],
        asks=[Level(45_000, 400, 1), Level(50_000, 100, 1)],
    )
    assert (await market.depth(20)).bids[2] == Level(39_000, 1_000, 1)


async def test_depth_follows_fills_and_cancels_and_is_the_same_object_while_nothing_changes(
    ana, ben, parts
) -> None:
    market = parts.services.market
    order = await ben.placed("buy", 1.0, 4.00)
    before = await market.depth(20)
    assert await market.depth(20) is before
    await ana.placed("sell", 0.25, 4.00)
    assert (await market.depth(20)).bids == [Level(40_000, 750, 1)]
    await ben.cancel(order["id"])
    assert (await market.depth(20)).bids == []
