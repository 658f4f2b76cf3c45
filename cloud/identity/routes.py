"""Sign-up, sign-in and the tokens' life: the energy network's routes, and one it shares with LUMEN."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, RawBody
from litestar.typing import FieldDefinition
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from cloud.errors import (
    BadRequest,
    InvalidFields,
    PayloadTooLarge,
    RateLimited,
    Unauthenticated,
    Unavailable,
)
from cloud.identity.attempts import Attempts
from cloud.identity.email_routes import shown_session
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.errors import TokenRefused, UnknownWallet
from cloud.identity.model import Person, Tokens
from cloud.identity.registration import UserType, email_key
from cloud.identity.service import Identity, WalletProof
from cloud.kit.documented import also, raises, shapes
from cloud.kit.fields import decode_fields
from cloud.kit.http import JsonBody, JsonResponse, client_address, decode
from cloud.kit.rate_limit import caller_at
from cloud.settings import Settings
from shared.clock import rfc3339

Address = Annotated[str, Meta(max_length=100)]
Signature = Annotated[str, Meta(max_length=200)]
Message = Annotated[str, Meta(max_length=300)]

SIGN_IN_BY = "sign_in_by"
"""Under this name a connection's state holds `wallet` or `email`, once its body told."""

NOT_STARTED = "not_started"
"""A word that this document does not have: it says pending from the beginning."""


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What proves a wallet."""

    wallet_address: Address
    signature: Signature
    message: Message | None = None
    """A challenge; absent: the constant message was signed."""


class WalletSignIn(SignUp, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a sign-in by wallet."""


class EmailLogin(Struct, frozen=True, kw_only=True):
    """The body of a sign-in by email."""

    email: Annotated[str, Meta(max_length=300)]
    password: Annotated[str, Meta(max_length=300)]
    user_type: UserType


class SignInBody(JsonBody[Any]):
    """The body of the sign-in that two documents share: the field that is there tells which."""

    def decode_bytes(self, value: bytes) -> WalletSignIn | EmailLogin:
        sent = decode(value, dict[str, Raw])
        by_wallet, by_email = "wallet_address" in sent, "email" in sent
        if by_wallet == by_email:
            raise BadRequest("body: must have either wallet_address or email")
        self.asgi_connection.scope["state"][SIGN_IN_BY] = "wallet" if by_wallet else "email"
        return decode(value, WalletSignIn) if by_wallet else decode_fields(value, EmailLogin)

    @classmethod
    def is_supported_model_type_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003
        return True


class SignInError(Struct, frozen=True, kw_only=True):
    """How signing in refuses: a wallet is told `error` alone."""

    error: str
    message: str | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    details: dict[str, list[str]] | UnsetType = UNSET
    """By field; only where fields are wrong."""


class ChallengeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wallet_address: Address | None = None
    """Binds the challenge to one wallet."""


class RefreshRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: UUID
    rotate: bool = False


@post("/api/v1/auth/signup", status_code=201, opt=also(200) | raises(Unauthenticated))
async def signup(data: JSONBody[SignUp], identity: NamedDependency[Identity]) -> Response[dict[str, Any]]:
    """Register a wallet by its signature; 200 with the same person where it is known."""
    person, is_new = await identity.signup(proof_of(data))
    return JsonResponse(_shown(person), status_code=201 if is_new else 200, media_type="application/json")


@post(
    "/api/v1/auth/login",
    status_code=200,
    dto=SignInBody,
    opt=raises(
        BadRequest, Unauthenticated, UnknownWallet, PayloadTooLarge, InvalidFields, RateLimited, Unavailable
    )
    | shapes(error=SignInError),
)
async def login(
    data: JSONBody[WalletSignIn | EmailLogin],
    request: Request[Any, Any, Any],
    identity: NamedDependency[Identity],
    email_sign_in: NamedDependency[EmailSignIn],
    attempts: NamedDependency[Attempts],
    settings: NamedDependency[Settings],
) -> Tokens | dict[str, Any]:
    """Tokens for a known wallet's signature, or for an email and its password."""
    address = caller_at(client_address(request, settings.trusted_proxies))
    if isinstance(data, WalletSignIn):
        async with attempts.counted(data.wallet_address, address):
            return await identity.login(proof_of(data))
    async with attempts.counted(f"{email_key(data.email)} {data.user_type}", address):
        return shown_session(await email_sign_in.login(data.email, data.password, data.user_type))


@post("/api/v1/auth/refresh", status_code=200, opt=raises(TokenRefused))
async def refresh(data: JSONBody[RefreshRequest], identity: NamedDependency[Identity]) -> dict[str, str]:
    """A new access token; with `rotate` a new refresh token too, and the old one is spent."""
    access_token, fresh = await identity.refresh(data.refresh_token, rotate=data.rotate)
    answer = {"access_token": access_token}
    return answer if fresh is None else answer | {"refresh_token": str(fresh)}


@post("/api/v1/auth/challenge", status_code=200, opt=raises(BadRequest, PayloadTooLarge))
async def challenge(body: RawBody, identity: NamedDependency[Identity]) -> dict[str, str]:
    """A one-use message to sign instead of the constant one. The body may be empty."""
    asked = decode(body or b"{}", ChallengeRequest)
    message, expires_at_us = await identity.challenge(asked.wallet_address)
    return {"message": message, "expires_at": rfc3339(expires_at_us)}


@get("/api/v1/auth/me", status_code=200)
async def me(person: NamedDependency[Person]) -> dict[str, Any]:
    """The signed-in person."""
    return _shown(person) | {"location": person.location}


def proof_of(data: SignUp) -> WalletProof:
    return WalletProof(wallet_address=data.wallet_address, signature=data.signature, message=data.message)


def _shown(person: Person) -> dict[str, Any]:
    return {
        "id": person.shown_id,
        "wallet_address": person.wallet_address,
        "role": person.role,
        "kyc_status": "pending" if person.kyc_status == NOT_STARTED else person.kyc_status,
        "created_at": rfc3339(person.created_at_us),
    }


ROUTES: list[BaseRouteHandler] = [signup, refresh, challenge, me]
SHARED: list[BaseRouteHandler] = [login]
"""Two documents have it."""
