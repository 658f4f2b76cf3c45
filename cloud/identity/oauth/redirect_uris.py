"""Where an application may have its users sent back to: the rules. Compared character by character later."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

URIS_MAX = 10
LENGTH_MAX = 500
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"[A-Za-z0-9.:-]+")
_PRINTABLE = re.compile(r"[!-~]+")
_PRIVATE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+")
"""The reversed domain of its maker (RFC 8252, 7.1), so neither `javascript` nor another app's plain word."""


def redirect_uri_problem(uri: str, *, is_confidential: bool) -> str | None:
    """Why the URI cannot be registered; None where it can."""
    if not _PRINTABLE.fullmatch(uri) or len(uri) > LENGTH_MAX:
        return f"{uri!r}: must be printable ASCII without spaces, at most {LENGTH_MAX} characters"
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{uri}: not a URI"
    if "#" in uri or '"' in uri or "\\" in uri:
        return f"{uri}: must have no fragment, quote or backslash"
    if parts.username is not None:
        return f"{uri}: must have no user name"
    if host and not _HOST.fullmatch(host):
        return f"{uri}: not a host"
    if parts.scheme == "https" and host:
        return None
    if parts.scheme == "http":
        return None if host in _LOOPBACK else f"{uri}: must be https, or http on a loopback address"
    if _PRIVATE_SCHEME.fullmatch(parts.scheme):
        return f"{uri}: only public applications have a scheme of their own" if is_confidential else None
    return f"{uri}: must begin with https://, http://localhost or a reversed domain such as com.example.app:/"


def redirect_uris_problem(uris: Sequence[str], *, is_confidential: bool) -> str | None:
    """Why these cannot be registered together; None where they can. A confidential client may have none."""
    if len(uris) > URIS_MAX:
        return f"At most {URIS_MAX}"
    if not uris and not is_confidential:
        return "Required for a public application"
    problems = [redirect_uri_problem(uri, is_confidential=is_confidential) for uri in uris]
    return next((problem for problem in problems if problem is not None), None)
