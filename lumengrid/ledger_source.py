"""Where an export comes from: a file, or a service over HTTP, bounded in size and time."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit, urlunsplit

from cloud.audit.lines import LINE_BYTES_MAX

EXPORT_PATH = "/api/v1/ledger/export"
STALL_S = 30.0
"""The longest wait for the next bytes."""
BODY_CHARS_MAX = 300


class SourceFailed(Exception):
    """The export could not be had; the message says why."""


class Budget:
    """What a download may take in all."""

    def __init__(self, *, bytes_max: int, seconds_max: float, monotonic: Callable[[], float]) -> None:
        self._bytes_left = bytes_max
        self._monotonic = monotonic
        self._deadline = monotonic() + seconds_max
        self._bytes_max, self._seconds_max = bytes_max, seconds_max

    def spend(self, size: int) -> None:
        """Raise SourceFailed once size or time is used up."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise SourceFailed(f"more than {self._bytes_max // 2**20} MiB: raise --max-mib")
        if self._monotonic() > self._deadline:
            raise SourceFailed(f"not done in {self._seconds_max / 60:g} minutes: raise --max-minutes")


class Cut(Exception):
    """The connection ended early; what arrived can be continued."""


class _Response(Protocol):
    def readline(self, limit: int = -1, /) -> bytes: ...


def is_url(source: str) -> bool:
    """Whether it names a service and not a file."""
    return source.startswith(("http://", "https://"))


def file_lines(path: Path) -> Iterator[bytes]:
    """Its lines, each with its newline.

    Raises:
        SourceFailed: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            yield from _lines(file)
    except OSError as error:
        raise SourceFailed(f"{path}: {error.strerror or error}") from None


def export_url(source: str) -> str:
    """The export's address, given that or the service's alone."""
    parts = urlsplit(source)
    return urlunsplit(parts._replace(path=EXPORT_PATH)) if parts.path in {"", "/"} else source


def url_lines(source: str, *, after: int | None, budget: Budget) -> Iterator[bytes]:
    """The lines that a service sends.

    Raises:
        Cut: the connection broke after the answer began.
        SourceFailed: no answer, one that is no export, or the budget is used up.
    """
    url = export_url(source)
    if after is not None:
        url += ("&" if "?" in url else "?") + f"after={after}"
    try:
        response = _opener().open(url, timeout=STALL_S)
    except urllib.error.HTTPError as error:
        body = error.read(BODY_CHARS_MAX).decode(errors="replace")
        raise SourceFailed(f"{url}: {error.code} {error.reason}: {body}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise SourceFailed(f"{url}: {getattr(error, 'reason', error)}") from None
    with response:
        try:
            for line in _lines(response):
                budget.spend(len(line))
                yield line
        except (OSError, HTTPException) as error:
            raise Cut(f"{url}: {error}") from None


def _lines(source: BinaryIO | _Response) -> Iterator[bytes]:
    while line := source.readline(LINE_BYTES_MAX + 1):
        yield line


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS alone: a redirect leads to no file and no other protocol."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
