"""The one live line of `lumengrid up`."""

import asyncio
import shutil
import sys
from contextlib import suppress
from typing import Any

import aiohttp

REFRESH_S = 1.0
PLAIN_REFRESH_S = 10.0
"""Where the output is no terminal, each refresh is a line of its own: fewer of them."""


class StatusLine:
    """Asks service and page what is going on, and says it in one line."""

    def __init__(self, service_url: str, page_url: str) -> None:
        self._service_url = service_url
        self._page_url = page_url

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until `stop` is set."""
        terminal = sys.stdout.isatty()
        period_s = REFRESH_S if terminal else PLAIN_REFRESH_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            while not stop.is_set():
                line = _sentence(
                    await _json(session, f"{self._page_url}/state.json"),
                    await _json(session, f"{self._service_url}/api/v1/tokens/supply"),
                    await _json(session, f"{self._service_url}/api/v1/ledger/transactions?limit=1"),
                )
                if terminal:
                    width = shutil.get_terminal_size().columns - 1
                    print(f"\r\x1b[K{line[:width]}", end="", flush=True)
                else:
                    print(line, flush=True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(period_s):
                        await stop.wait()


async def _json(session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
    try:
        async with session.get(url) as response:
            answer = await response.json()
            return answer if isinstance(answer, dict) else None
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _sentence(
    page: dict[str, Any] | None, supply: dict[str, Any] | None, trades: dict[str, Any] | None
) -> str:
    parts = []
    if page is None:
        parts.append("agent does not answer")
    else:
        parts += [_node(node) for node in page.get("nodes", [])]
    if supply is None:
        parts.append("service does not answer")
    else:
        parts.append(f"{supply['total_minted']:.2f} LT in {supply['total_mint_events']} mints")
    if trades is not None:
        parts.append(f"{trades['total']} trades")
    return "  ".join(parts)


def _node(node: dict[str, Any]) -> str:
    arrow = {"SUPPLYING": "↑", "RECEIVING": "↓", "FAULT": "!"}.get(node.get("state", ""), "·")
    soc = node.get("soc_percent")
    return f"{str(node.get('uid', '?')).removeprefix('NODE_')}{arrow}{'?' if soc is None else f'{soc:.1f}%'}"
