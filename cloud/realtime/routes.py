"""The market, live."""

from typing import Any

from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from cloud.realtime.market_socket import MarketSocket


@websocket("/ws/market")
async def market_live(socket: WebSocket[Any, Any, Any], market_socket: NamedDependency[MarketSocket]) -> None:
    """A welcome with the market's state, then what happens; `?after=` resumes behind a `seq`."""
    await market_socket.serve(socket, socket.query_params.get("after"))


ROUTES: list[BaseRouteHandler] = [market_live]
