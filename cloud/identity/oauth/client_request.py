"""What a client sends to the token, revocation and introspection endpoints, as a form or as JSON."""

import base64
import binascii
import re
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PARAMETERS_MAX = 30

_VALUE = re.compile(r"[ -~]*")
"""VSCHAR of RFC 6749, appendix A, which is all that a code, a token, a secret or a URI is made of."""


class ClientRequest(NamedTuple):
    """Parameters and who claims to send them."""

    parameters: dict[str, str]
    client_id: str | None
    client_secret: str | None
    """None: a public client, or nobody."""

    def __repr__(self) -> str:
        return f"ClientRequest(client_id={self.client_id!r}, ***)"


class Parameters(NamedTuple):
    """Of an authorization request. Empty ones count as absent."""

    first: dict[str, str]
    every: dict[str, list[str]]

    @classmethod
    def once(cls, parameters: dict[str, str]) -> "Parameters":
        """Where none came twice."""
        return cls(parameters, {name: [value] for name, value in parameters.items()})


def client_request(media_type: str, body: bytes, authorization: str | None) -> ClientRequest:
    """Read a request.

    Raises:
        InvalidRequestError: the body is neither, a parameter comes twice, or is not printable ASCII.
        InvalidClientError: the Authorization header is not that of a client.
    """
    parameters = _parameters(media_type, body)
    by_body = parameters.pop("client_secret", None)
    if authorization is None:
        return ClientRequest(parameters, parameters.get("client_id"), by_body)
    client_id, secret = _basic(authorization)
    if by_body is not None:
        raise InvalidRequestError("The client secret belongs into the header or into the body, not both.")
    if parameters.setdefault("client_id", client_id) != client_id:
        raise InvalidRequestError("The client_id in the body is not that of the header.")
    return ClientRequest(parameters, client_id, secret)


def query_parameters(query: str) -> Parameters:
    """What a query or a form says.

    Raises:
        InvalidRequestError: not printable ASCII, or too many.
    """
    try:
        pairs = parse_qsl(query, max_num_fields=PARAMETERS_MAX, errors="strict")
    except ValueError:
        raise InvalidRequestError("The query cannot be read.") from None
    every: dict[str, list[str]] = {}
    for name, value in pairs:
        every.setdefault(_printable(name), []).append(_printable(value))
    return Parameters({name: values[0] for name, values in every.items()}, every)


def _parameters(media_type: str, body: bytes) -> dict[str, str]:
    if media_type == JSON:
        try:
            sent = msgspec.json.decode(body, type=dict[str, str])
        except (msgspec.DecodeError, RecursionError):
            raise InvalidRequestError("The body must be a JSON object of strings.") from None
        return {_printable(name): _printable(value) for name, value in sent.items() if value}
    if media_type != FORM:
        raise InvalidRequestError(f"The Content-Type must be {FORM} or {JSON}.")
    try:
        found, every = query_parameters(body.decode())
    except UnicodeDecodeError:
        raise InvalidRequestError("The body cannot be read.") from None
    if any(len(values) > 1 for values in every.values()):
        raise InvalidRequestError("A parameter comes more than once.")
    return found


def _printable(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise InvalidRequestError("Parameters must be printable ASCII.")
    return text


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of the header, each form-encoded inside (RFC 6749, 2.3.1)."""
    scheme, _, credentials = authorization.strip().partition(" ")
    try:
        text = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon or not client_id or not secret:
        raise InvalidClientError("The Authorization header must be Basic.", status_code=401)
    return _printable(unquote_plus(client_id)), _printable(unquote_plus(secret))
