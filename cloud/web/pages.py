"""How a page is made: a template filled in, and headers by which it loads and sends nothing foreign."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.datastructures import Cookie

from shared.units import MICROS_PER_SECOND

FOLDER = Path(__file__).parent

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    template: str,
    *,
    status_code: int = 200,
    cookies: Sequence[Cookie] = (),
    sent_on_to: str | None = None,
    policy: str | None = None,
    **values: Any,
) -> Response[str]:
    """A page. `sent_on_to` is where a form on it may lead in the end, beside this service; `policy` is the
    Content-Security-Policy of one that cannot do with the usual one, which has no scripts.
    """
    values.setdefault("who", None)
    text = _templates.get_template(template).render(**values)
    headers = _HEADERS | {"Content-Security-Policy": policy or _policy(sent_on_to)}
    return Response(
        text, status_code=status_code, media_type=MediaType.HTML, headers=headers, cookies=list(cookies)
    )


def sent_to(location: str, *, cookies: Sequence[Cookie] = ()) -> Response[str]:
    """On to another address. 303, so that no browser sends a form on (RFC 9700, 4.12)."""
    headers = _HEADERS | {"Location": location}
    return Response("", status_code=303, media_type=MediaType.HTML, headers=headers, cookies=list(cookies))


def _policy(sent_on_to: str | None) -> str:
    form_action = "'self'" if sent_on_to is None else f"'self' {_source(sent_on_to)}"
    return (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none';"
        f" frame-ancestors 'none'; form-action {form_action}"
    )


def _source(uri: str) -> str:
    """A registered redirect URI as the policy names it: its origin, or its scheme where it has none."""
    parts = urlsplit(uri)
    if parts.scheme in {"http", "https"} and ":" not in (parts.hostname or ":"):
        return f"{parts.scheme}://{parts.netloc}"
    return f"{parts.scheme}:"  # browsers know no IPv6 address in a policy


def _day(at_us: int) -> str:
    """The date in UTC."""
    return datetime.fromtimestamp(at_us / MICROS_PER_SECOND, UTC).strftime("%Y-%m-%d")


def _hour(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / MICROS_PER_SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


_templates.filters |= {"day": _day, "hour": _hour}
