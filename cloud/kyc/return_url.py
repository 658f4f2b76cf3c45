"""Where a person may be sent back to after a check."""

import re
from urllib.parse import urlsplit

LENGTH_MAX = 2_000
_SANE = re.compile(r"[!-~]+")
"""Printable ASCII without blanks."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def return_url_problem(url: str, *, allows_loopback: bool) -> str | None:
    """What is wrong with it; None where nothing is."""
    if len(url) > LENGTH_MAX or not _SANE.fullmatch(url) or "\\" in url:
        return f"must be a URL of at most {LENGTH_MAX} ASCII characters"
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return "must be a URL"
    if parts.username is not None or parts.password is not None:
        return "must hold no user or password"
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http" and allows_loopback and host in _LOOPBACK:
        return None
    return "must begin with https://" + (" or http://localhost" if allows_loopback else "")
