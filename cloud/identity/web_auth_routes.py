"""SEP-1's file and SEP-10's two calls. Wallets in browsers read them from anywhere."""

from typing import Annotated, Any
from urllib.parse import parse_qs

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import QueryParameter, RawBody
from msgspec import Meta, Struct

from cloud.errors import BadRequest, PayloadTooLarge, Unauthenticated
from cloud.identity.web_auth import WebAuth
from cloud.kit.documented import raises
from cloud.kit.http import decode

ANYWHERE = {"Access-Control-Allow-Origin": "*"}
Shown = Annotated[str, QueryParameter(max_length=200)]
MaybeShown = Annotated[str | None, QueryParameter(max_length=200)]


class SignedChallenge(Struct, frozen=True, kw_only=True):
    transaction: Annotated[str, Meta(max_length=20_000)]
    """The challenge with the account's signature, base64 XDR."""


@get("/.well-known/stellar.toml", status_code=200, media_type=MediaType.TEXT)
async def stellar_toml(web_auth: NamedDependency[WebAuth]) -> Response[str]:
    """Where to sign in, and whose key signs the challenges."""
    return Response(await web_auth.stellar_toml(), media_type=MediaType.TEXT, headers=ANYWHERE)


@get("/sep10/auth", status_code=200)
async def web_challenge(
    web_auth: NamedDependency[WebAuth],
    account: Shown,
    home_domain: MaybeShown = None,
    memo: MaybeShown = None,
) -> dict[str, str]:
    """A transaction to sign."""
    if memo is not None:
        raise BadRequest("memo: not supported, an account is one person")
    asked = await web_auth.challenge(account, home_domain)
    return {"transaction": asked.transaction, "network_passphrase": asked.network_passphrase}


@post("/sep10/auth", status_code=200, opt=raises(BadRequest, Unauthenticated, PayloadTooLarge))
async def web_token(
    body: RawBody, request: Request[Any, Any, Any], web_auth: NamedDependency[WebAuth]
) -> dict[str, str]:
    """The token for a signed challenge, as JSON or as a form."""
    media_type = request.content_type[0]
    if media_type == "application/x-www-form-urlencoded":
        signed = _from_form(body)
    else:
        signed = decode(body, SignedChallenge).transaction
    return {"token": await web_auth.token(signed)}


def _from_form(body: bytes) -> str:
    try:
        sent = parse_qs(body.decode(), max_num_fields=10)
    except ValueError:
        raise BadRequest("the body is no form") from None
    transactions = sent.get("transaction", [])
    if len(transactions) != 1:
        raise BadRequest("transaction: required, once")
    return transactions[0]


ROUTES: list[BaseRouteHandler] = [stellar_toml, web_challenge, web_token]
