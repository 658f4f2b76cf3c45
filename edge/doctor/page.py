"""What the running agent says of itself on its page."""

from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from edge.config import EdgeConfig
from edge.config_file import load_config
from edge.doctor.finding import Finding, fail, ok, warn
from edge.errors import ConfigWrong, PageSilent

PORT = 8090
TIMEOUT_S = 3.0
TURN_AGE_S_MAX = 5.0
_EVERYWHERE = {"0.0.0.0", "::", ""}  # noqa: S104  not bound here: asked for on loopback
_LOOK = "`systemctl status lumengrid-edge`, `journalctl -u lumengrid-edge -n 50`"


def page_url(config_file: Path) -> str:
    """Where the page of this machine's agent listens; the default where the settings cannot be read."""
    try:
        return url_of(load_config(config_file))
    except ConfigWrong:
        return f"http://127.0.0.1:{PORT}"


def url_of(config: EdgeConfig) -> str:
    """The page's address as seen from this machine."""
    host = "127.0.0.1" if config.page.host in _EVERYWHERE else config.page.host
    return f"http://{f'[{host}]' if ':' in host else host}:{config.page.port or PORT}"


async def ask(url: str) -> tuple[dict[str, Any], str]:
    """The agent's state as a document and as the text that was sent.

    Raises:
        PageSilent: nobody answers, or something else does.
    """
    address = url.rstrip("/") + "/state.json"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.get(address) as response,
        ):
            text = await response.text()
            status = response.status
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise PageSilent(f"{address} does not answer ({reason}): is the agent running?") from None
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        document = None
    if status != 200 or not isinstance(document, dict) or "nodes" not in document:  # noqa: PLR2004
        raise PageSilent(f"{address} answers {status} and is no agent's page: is the port another program's?")
    return document, text


async def check_page(config: EdgeConfig) -> list[Finding]:
    """Page, nodes, uplink and journal as the agent sees them; the page alone where nobody answers."""
    try:
        document, _ = await ask(url_of(config))
    except PageSilent as error:
        return [warn("page", str(error), f"`sudo systemctl start lumengrid-edge`; {_LOOK}")]
    return [_alive(document, config), _nodes(document), _uplink(document), _journal(document)]


def _alive(document: dict[str, Any], config: EdgeConfig) -> Finding:
    url, age_s = url_of(config), document.get("turn_age_s")
    stuck = [name for name, part in document["health"]["parts"].items() if not part["ok"]]
    if age_s is None or age_s > TURN_AGE_S_MAX or not document["health"]["live"]:
        shown = "no turn yet" if age_s is None else f"last turn {age_s:.1f} s ago"
        return fail(
            "page", f"{url} answers, but the agent stands still: {shown}, stuck {', '.join(stuck)}", _LOOK
        )
    return ok("page", f"{url} answers, turn {document['turns']}, {document['overruns']} overruns")


def _nodes(document: dict[str, Any]) -> Finding:
    faults = [f"{node['uid']}: {node['fault']}" for node in document["nodes"] if node["fault"]]
    doubts = [
        f"{node['uid']} {quantity} {value['quality']}"
        for node in document["nodes"]
        for quantity, value in node["values"].items()
        if value["quality"] not in {"good", "estimated"}
        # A quantity that no chip measures is missing by design.
        and not (value["quality"] == "missing" and value["age_s"] is None)
    ]
    if faults:
        return fail(
            "nodes",
            "; ".join(faults),
            "the fault names the limit; docs/operator/troubleshooting.md says what releases it",
        )
    if doubts:
        return warn("nodes", ", ".join(doubts), "look at the chip behind it: the lines above, or its wires")
    return ok("nodes", f"{len(document['nodes'])} nodes with good readings")


def _uplink(document: dict[str, Any]) -> Finding:
    cloud = document["cloud"]
    if cloud["up"]:
        return ok("uplink", f"{cloud['kind']}, last acknowledgement {_age(cloud['last_ack_age_s'])}")
    reason = cloud["problem"] or "down"
    return warn(
        "uplink",
        f"{cloud['kind']}: {reason}",
        "see service, enrolment and broker; records wait in the journal",
    )


def _journal(document: dict[str, Any]) -> Finding:
    journal = document["journal"]
    if journal is None:
        return warn("journal", "not written yet", _LOOK)
    if journal["problem"]:
        return fail("journal", journal["problem"], "see disk and disk space")
    waiting = journal["live"] + journal["backlog"] + journal["energy"]
    return ok(
        "journal", f"{waiting} records wait, the oldest for {_age(journal['oldest_age_s'], since=False)}"
    )


def _age(seconds: float | None, *, since: bool = True) -> str:
    if seconds is None:
        return "never" if since else "no time"
    return f"{seconds:.0f} s ago" if since else f"{seconds:.0f} s"
