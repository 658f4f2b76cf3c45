"""Sign-up, sign-in and the tokens' life, in the shapes of the energy network's document."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody, RawBody
from msgspec import Meta, Struct

from cloud.errors import BadRequest
from cloud.identity.model import Person, Tokens
from cloud.identity.service import Identity, WalletProof
from cloud.kit.http import JsonResponse, decode
from shared.clock import rfc3339

Address = Annotated[str, Meta(max_length=100)]
Signature = Annotated[str, Meta(max_length=200)]
Message = Annotated[str, Meta(max_length=300)]


class SignUp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wallet_address: Address
    signature: Signature
    message: Message | None = None
    """A challenge; absent: the constant message was signed."""


class SignIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The field that is there tells the way in."""

    wallet_address: Address | None = None
    signature: Signature | None = None
    message: Message | None = None

    def wallet_proof(self) -> WalletProof:
        """The wallet's way in.

        Raises:
            BadRequest: a field of the wallet's way in is missing.
        """
        if self.wallet_address is None:
            raise BadRequest("wallet_address: required")
        if self.signature is None:
            raise BadRequest("signature: required")
        return WalletProof(wallet_address=self.wallet_address, signature=self.signature, message=self.message)


class ChallengeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    wallet_address: Address | None = None
    """Binds the challenge to one wallet."""


class RefreshRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    refresh_token: UUID
    rotate: bool = False


@post("/api/v1/auth/signup", status_code=201)
async def signup(data: JSONBody[SignUp], identity: NamedDependency[Identity]) -> Response[dict[str, Any]]:
    """Register a wallet by its signature; 200 with the same person where it is known."""
    person, is_new = await identity.signup(
        WalletProof(wallet_address=data.wallet_address, signature=data.signature, message=data.message)
    )
    return JsonResponse(_shown(person), status_code=201 if is_new else 200, media_type="application/json")


@post("/api/v1/auth/login", status_code=200)
async def login(data: JSONBody[SignIn], identity: NamedDependency[Identity]) -> Tokens:
    """Tokens for a known wallet's signature."""
    return await identity.login(data.wallet_proof())


@post("/api/v1/auth/refresh", status_code=200)
async def refresh(data: JSONBody[RefreshRequest], identity: NamedDependency[Identity]) -> dict[str, str]:
    """A new access token; with `rotate` a new refresh token too, and the old one is spent."""
    access_token, fresh = await identity.refresh(data.refresh_token, rotate=data.rotate)
    answer = {"access_token": access_token}
    return answer if fresh is None else answer | {"refresh_token": str(fresh)}


@post("/api/v1/auth/challenge", status_code=200)
async def challenge(body: RawBody, identity: NamedDependency[Identity]) -> dict[str, str]:
    """A one-use message to sign instead of the constant one. The body may be empty."""
    asked = decode(body or b"{}", ChallengeRequest)
    message, expires_at_us = await identity.challenge(asked.wallet_address)
    return {"message": message, "expires_at": rfc3339(expires_at_us)}


@get("/api/v1/auth/me", status_code=200)
async def me(person: NamedDependency[Person]) -> dict[str, Any]:
    """The signed-in person."""
    return _shown(person) | {"location": person.location}


@post("/api/v1/auth/logout", status_code=200)
async def logout(person: NamedDependency[Person], identity: NamedDependency[Identity]) -> dict[str, str]:
    """End every sign-in of the person."""
    await identity.logout(person)
    return {"message": "signed out"}


def _shown(person: Person) -> dict[str, Any]:
    return {
        "id": person.shown_id,
        "wallet_address": person.wallet_address,
        "role": person.role,
        "kyc_status": person.kyc_status,
        "created_at": rfc3339(person.created_at_us),
    }


ROUTES: list[BaseRouteHandler] = [signup, login, refresh, challenge, me, logout]
