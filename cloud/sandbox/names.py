"""The name of a sandbox, and where it can be read: a path, a client id, the issuer of a token.

    /sandboxes/sb_…/v1/projects      client_sb_…_01…      "iss": "https://host/sandboxes/sb_…"

A name is no credential: whoever reads one here asks the sandbox itself whether the credential is good.
"""

import base64
import binascii
import re

import msgspec
from msgspec import Struct

MOUNT = "/sandbox/v1"
"""The one address of every sandbox: the credential says which."""
NAMED_MOUNT = "/sandboxes"

PREFIX = "sb"
_NAME = r"sb_[0-9a-z]{26}"
_PATH = re.compile(rf"/({_NAME})(/.*)", re.ASCII)
_CLIENT_ID = re.compile(rf"client_({_NAME})_[0-9a-z]{{26}}", re.ASCII)
_ISSUER = re.compile(rf".*{NAMED_MOUNT}/({_NAME})", re.ASCII | re.DOTALL)


class _Claims(Struct):
    iss: str = ""


def base_path(name: str) -> str:
    """Under which a sandbox has its hosted pages and everything else that a browser comes to."""
    return f"{NAMED_MOUNT}/{name}"


def client_prefix(name: str) -> str:
    """Of the ids of the sandbox's applications."""
    return f"client_{name}"


def split_path(path: str) -> tuple[str, str] | None:
    """Name and the rest of a path below `NAMED_MOUNT`; None where it names none."""
    found = _PATH.fullmatch(path)
    return None if found is None else (found[1], found[2])


def name_in_client_id(client_id: str) -> str | None:
    """None where it is no client of a sandbox."""
    found = _CLIENT_ID.fullmatch(client_id)
    return None if found is None else found[1]


def name_in_token(token: str) -> str | None:
    """Which sandbox a token claims to be of; None where it is of none."""
    if token.count(".") != 2:  # noqa: PLR2004  a JWT has three parts
        return None
    payload = token.split(".")[1]
    try:
        raw = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        issuer = msgspec.json.decode(raw, type=_Claims).iss
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return None
    found = _ISSUER.fullmatch(issuer)
    return None if found is None else found[1]
