"""How one call is carried out, whoever does the waiting: authorization, retries, errors.

A conversation is a generator. It yields what is to be done and is sent what came of it, so that the blocking
and the asynchronous client share all of it but the doing.
"""

import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
from msgspec import Struct

from terra_lumina.calls import Call
from terra_lumina.errors import (
    ConnectionFailedError,
    TerraLuminaError,
    UnexpectedAnswerError,
    error_of,
    oauth_error_of,
)
from terra_lumina.models import Page
from terra_lumina.oauth import OAuthApp, Token
from terra_lumina.retrying import Retry, may_be_repeated, retry_after_s
from terra_lumina.version import __version__

T = TypeVar("T")

PRODUCTION_URL = "https://api.terralumina.org/v1"
SANDBOX_URL = "https://sandbox-api.terralumina.org/v1"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
API_KEY_VARIABLE = "TERRA_LUMINA_API_KEY"
BASE_URL_VARIABLE = "TERRA_LUMINA_BASE_URL"
TIMEOUT_S = 30.0
UNAUTHORIZED = 401
REFUSED_FROM = 300

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Looked up in any case."""
    body: bytes


class Unanswered(NamedTuple):
    error: Exception
    was_sent: bool
    """Whether the service may have acted on it."""


class Send(NamedTuple):
    method: str
    url: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes | None


class Wait(NamedTuple):
    seconds: float


class Renew(NamedTuple):
    """Get a new token in the place of this one, unless another call has done so meanwhile."""

    stale: Token


Step: TypeAlias = Send | Wait | Renew
Outcome: TypeAlias = Answer | Unanswered | None
Conversation: TypeAlias = Generator[Step, Outcome, T]


@dataclass
class Account:
    """In whose name is called: an API key, a token, or an application with the token of its user."""

    api_key: str | None = None
    access_token: str | None = None
    app: OAuthApp | None = None
    token: Token | None = None
    on_token: Callable[[Token], None] | None = None
    """Told of each new token."""

    def __repr__(self) -> str:
        return "Account(***)"

    @property
    def bearer(self) -> str | None:
        return self.token.access_token if self.token is not None else self.access_token

    def headers(self) -> dict[str, str]:
        if self.api_key is not None:
            return {"X-API-Key": self.api_key}
        return {} if self.bearer is None else {"Authorization": f"Bearer {self.bearer}"}

    def credential(self) -> str:
        """What the WebSocket is told.

        Raises:
            ValueError: there is no token.
        """
        if self.bearer is None:
            raise ValueError("a stream needs access_token, or app and token; keys are for requests alone")
        return self.bearer

    def renewable(self) -> Token | None:
        """The token, where a new one can be had in its place."""
        has_way = self.app is not None and self.token is not None and self.token.refresh_token is not None
        return self.token if has_way else None

    def signing_app(self) -> OAuthApp:
        """Raises:
        ValueError: there is none.
        """
        if self.app is None:
            raise ValueError("a token belongs to an application: give app")
        return self.app

    def signed_in(self) -> Token:
        """Raises:
        ValueError: nobody is.
        """
        if self.token is None:
            raise ValueError("nobody has signed in: give token, or finish an authorization request")
        return self.token

    def keep(self, token: Token) -> Token:
        self.token = token
        if self.on_token is not None:
            self.on_token(token)
        return token


class Caller(NamedTuple):
    """What all calls of a client have in common."""

    base_url: str
    account: Account
    retry: Retry
    random: Callable[[], float]
    """From 0 to 1."""
    now_s: Callable[[], float]
    """Epoch seconds."""

    def call(self, call: Call[T]) -> Conversation[Answer]:
        """Raises:
        TerraLuminaError: the tree is in `terra_lumina.errors`.
        """
        headers = _headers()
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
        content = None if call.body is None else _encode(call.body)
        if content is not None:
            headers["Content-Type"] = "application/json"
        was_renewed = False
        tried = 0
        while True:
            token = self.account.renewable()
            if token is not None and token.is_ending(self.now_s()):
                yield Renew(token)
                was_renewed = True
            token = self.account.renewable()
            outcome = yield Send(
                call.method, self.base_url + call.path, call.query, headers | self.account.headers(), content
            )
            if isinstance(outcome, Answer) and outcome.status < REFUSED_FROM:
                return outcome
            if token is not None and not was_renewed and _status(outcome) == UNAUTHORIZED:
                yield Renew(token)
                was_renewed = True
                continue
            tried += 1
            yield Wait(self._pause_s(outcome, call, tried))

    def _pause_s(self, outcome: Outcome, call: Call[T], tried: int) -> float:
        """How long to wait before the next try.

        Raises:
            TerraLuminaError: there is none.
        """
        headers = outcome.headers if isinstance(outcome, Answer) else {}
        told_s = retry_after_s(headers, self.now_s())
        error = _error(outcome, told_s)
        if told_s is None:
            told_s = getattr(error, "retry_after", None)
        was_sent = not isinstance(outcome, Unanswered) or outcome.was_sent
        if not may_be_repeated(_status(outcome), is_repeatable=call.is_repeatable, was_sent=was_sent):
            raise error
        wait_s = self.retry.wait_s(tried=tried, retry_after_s=told_s, jitter=self.random())
        if wait_s is None:
            raise error
        return wait_s

    def form(self, path: str, form: Mapping[str, str]) -> Conversation[Answer]:
        """A call of an OAuth endpoint. It is sent once: a refresh token used twice ends its whole family.

        Raises:
            TerraLuminaError: OAuthError where the endpoint refuses.
        """
        headers = _headers() | {"Content-Type": "application/x-www-form-urlencoded"}
        outcome = yield Send("POST", self.base_url + path, {}, headers, str(httpx.QueryParams(form)).encode())
        if not isinstance(outcome, Answer):
            raise _error(outcome, None)
        if outcome.status >= REFUSED_FROM:
            raise oauth_error_of(outcome.status, outcome.body)
        return outcome


class _Envelope(Struct):
    data: msgspec.Raw


class _Pagination(Struct):
    has_more: bool
    next_cursor: str | None = None
    next_after: str | None = None
    total: int | None = None


class _Listed(Struct):
    data: list[msgspec.Raw]
    pagination: _Pagination


def one(answer: Answer, into: type[T]) -> T:
    """What stands under `data`.

    Raises:
        UnexpectedAnswerError: it is something else.
    """
    try:
        return msgspec.json.decode(msgspec.json.decode(answer.body, type=_Envelope).data, type=into)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswerError(str(error)) from error


def page(answer: Answer, into: type[T]) -> Page[T]:
    """Raises:
    UnexpectedAnswerError: it is no page of these.
    """
    try:
        listed = msgspec.json.decode(answer.body, type=_Listed)
        items = tuple(msgspec.json.decode(item, type=into) for item in listed.data)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswerError(str(error)) from error
    more = listed.pagination
    return Page(
        items=items,
        next_cursor=(more.next_cursor or more.next_after) if more.has_more else None,
        total=more.total,
    )


def url_of(base_url: str | None) -> str:
    return checked_url(base_url or os.environ.get(BASE_URL_VARIABLE) or PRODUCTION_URL)


def account_of(
    api_key: str | None,
    access_token: str | None,
    app: OAuthApp | None,
    token: Token | None,
    on_token: Callable[[Token], None] | None,
) -> Account:
    """Raises:
    ValueError: nobody's, or more than one's.
    """
    if api_key is None and access_token is None and app is None:
        api_key = os.environ.get(API_KEY_VARIABLE)
    if sum(one_of is not None for one_of in (api_key, access_token, app)) != 1:
        raise ValueError(f"give one of api_key, access_token and app, or set {API_KEY_VARIABLE}")
    return Account(api_key, access_token, app, token, on_token)


def checked_url(base_url: str) -> str:
    """Without a slash at its end.

    Raises:
        ValueError: credentials would travel in the clear.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"base_url: must be https, or http on this machine: {base_url!r}")
    return base_url.rstrip("/")


def unanswered(error: httpx.RequestError) -> Unanswered:
    never_sent = httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    return Unanswered(error, was_sent=not isinstance(error, never_sent))


def _headers() -> dict[str, str]:
    return {"Accept": "application/json", "User-Agent": f"terra-lumina-python/{__version__}"}


def _status(outcome: Outcome) -> int | None:
    return outcome.status if isinstance(outcome, Answer) else None


def _error(outcome: Outcome, told_s: float | None) -> TerraLuminaError:
    if isinstance(outcome, Answer):
        request_id = outcome.headers.get("x-request-id")
        return error_of(outcome.status, outcome.body, retry_after_s=told_s, request_id=request_id)
    cause, was_sent = outcome if outcome is not None else (None, True)
    failed = ConnectionFailedError(f"{type(cause).__name__}: {cause}", was_sent=was_sent)
    failed.__cause__ = cause
    return failed
