"""A second way into one's account. The answers and errors are LUMEN's, whose body every client can read."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.identity.attempts import Attempts
from cloud.identity.email_routes import Register, Secret, shown_profile
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.linking import Linking
from cloud.identity.model import Person
from cloud.kit.http import client_address
from cloud.kit.rate_limit import caller_at
from cloud.settings import Settings
from shared.clock import rfc3339

Address = Annotated[str, Meta(max_length=100)]
Signature = Annotated[str, Meta(max_length=200)]
Message = Annotated[str, Meta(max_length=400)]


class LinkChallenge(Struct, frozen=True, kw_only=True):
    wallet_address: Address | None = None
    """None: the account's own."""


class LinkWallet(Struct, frozen=True, kw_only=True):
    wallet_address: Address
    signature: Signature
    """By the wallet, over the message."""
    message: Message
    password: Secret
    """The account's."""


class LinkEmail(Register, frozen=True, kw_only=True):
    signature: Signature
    """By the account's wallet, over the message."""
    message: Message


@post("/api/v1/auth/link/challenge", status_code=200)
async def challenge(
    data: JSONBody[LinkChallenge], person: NamedDependency[Person], linking: NamedDependency[Linking]
) -> dict[str, str]:
    """A one-use message that ties a wallet to the signed-in account."""
    message, expires_at_us = await linking.challenge(person, data.wallet_address)
    return {"message": message, "expires_at": rfc3339(expires_at_us)}


@post("/api/v1/auth/link/wallet", status_code=200)
async def link_wallet(
    data: JSONBody[LinkWallet],
    person: NamedDependency[Person],
    linking: NamedDependency[Linking],
    email_sign_in: NamedDependency[EmailSignIn],
    attempts: NamedDependency[Attempts],
    settings: NamedDependency[Settings],
    request: Request[Any, Any, Any],
) -> dict[str, Any]:
    """Give an account by email a wallet."""
    address = caller_at(client_address(request, settings.trusted_proxies))
    async with attempts.counted(f"person {person.id}", address):
        linked = await linking.link_wallet(
            person,
            data.wallet_address,
            message=data.message,
            signature=data.signature,
            password=data.password,
        )
    return shown_profile(linked, await email_sign_in.profile(linked))


@post("/api/v1/auth/link/email", status_code=200)
async def link_email(
    data: JSONBody[LinkEmail], person: NamedDependency[Person], linking: NamedDependency[Linking]
) -> dict[str, Any]:
    """Give an account by wallet an email and a password."""
    profile = await linking.link_email(
        person, data.registration, message=data.message, signature=data.signature
    )
    return shown_profile(person, profile)


ROUTES: list[BaseRouteHandler] = [challenge, link_wallet, link_email]
