"""Verification of the signed-in investor, and where providers tell that there is news."""

from collections.abc import Sequence
from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import Meta, Struct

from cloud.errors import NotFound
from cloud.identity.principal import Principal
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.documented import raises
from cloud.kit.envelope import Data
from cloud.kyc.errors import AlreadyVerified, KycUnavailable
from cloud.kyc.model import KycStatus
from cloud.kyc.onfido import ONFIDO
from cloud.kyc.return_url import LENGTH_MAX
from cloud.kyc.service import Kyc
from shared.clock import rfc3339

DOCUMENTS = ("identity_document", "selfie")
_NEXT_STEPS = {
    KycStatus.NOT_STARTED: ("start_verification",),
    KycStatus.PENDING: ("complete_verification",),
    KycStatus.VERIFIED: (),
    KycStatus.REJECTED: ("start_verification",),
    KycStatus.EXPIRED: ("start_verification",),
}


class KycStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    provider: Annotated[str, Meta(max_length=40, description="The one that the service uses.")]
    return_url: Annotated[str, Meta(max_length=LENGTH_MAX, description="Where the person goes afterwards.")]


class ShownKyc(Struct, frozen=True, kw_only=True):
    status: str
    verified_at: str | None
    documents_required: Sequence[str]
    next_steps: Sequence[str]


class StartedKyc(Struct, frozen=True, kw_only=True):
    verification_url: str | None
    applicant_id: str | None
    expires_at: str


@get("/v1/user/me/kyc", status_code=200, opt=needs(Scope.READ_PROFILE))
async def kyc_status(principal: NamedDependency[Principal], kyc: NamedDependency[Kyc]) -> Data[ShownKyc]:
    """How the person stands, and what they can do about it."""
    standing = await kyc.standing(principal.person)
    verified_at_us = standing.verified_at_us
    steps = _NEXT_STEPS[standing.status]
    if standing.status is KycStatus.PENDING and standing.check is None:
        steps = ("start_verification",)
    return Data(
        data=ShownKyc(
            status=standing.status.value,
            verified_at=None if verified_at_us is None else rfc3339(verified_at_us),
            documents_required=() if standing.status is KycStatus.VERIFIED else DOCUMENTS,
            next_steps=steps,
        )
    )


@post(
    "/v1/user/me/kyc",
    status_code=201,
    opt=needs(Scope.WRITE_PROFILE) | raises(AlreadyVerified, KycUnavailable),
)
async def start_kyc(
    data: JSONBody[KycStart], principal: NamedDependency[Principal], kyc: NamedDependency[Kyc]
) -> Data[StartedKyc]:
    """The page on which the person verifies themselves; the same one until it is used or over."""
    check = await kyc.start(principal.person, provider=data.provider, return_url=data.return_url)
    return Data(
        data=StartedKyc(
            verification_url=check.verification_url,
            applicant_id=check.applicant_id,
            expires_at=rfc3339(check.expires_at_us),
        )
    )


@post("/webhooks/onfido", status_code=204, include_in_schema=False)
async def onfido_webhook(request: Request[Any, Any, Any], kyc: NamedDependency[Kyc]) -> None:
    """Answered once it is stored; Onfido repeats it until then."""
    if kyc.provider != ONFIDO:
        raise NotFound("no such path")
    if request.content_type[0] != "application/json":
        raise HTTPException(status_code=415, detail="Content-Type: must be application/json")
    await kyc.take(dict(request.headers), await request.body())


ROUTES: list[BaseRouteHandler] = [kyc_status, start_kyc]
WEBHOOKS: list[BaseRouteHandler] = [onfido_webhook]
