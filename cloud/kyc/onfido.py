"""Checks by Onfido: an applicant, a Studio workflow run, and its hosted page.

https://documentation.onfido.com/api/latest (v3.6). A webhook is `X-SHA2-Signature: <hex HMAC-SHA256 of the
body>`; it carries no id of its own, so its hash is one.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
import msgspec
from msgspec import Struct

from cloud.kyc.errors import KycUnavailable, NoticeRefused
from cloud.kyc.model import Check, CheckState, Notice, Opened, Verdict
from shared.units import MICROS_PER_SECOND

ONFIDO = "onfido"
VERSION = "v3.6"
TIMEOUT_S = 30.0

_STATES = {
    "approved": CheckState.VERIFIED,
    "declined": CheckState.REJECTED,
    "abandoned": CheckState.ABANDONED,
    "error": CheckState.ABANDONED,
}
"""Every other status, `review` too, is still open."""

T = TypeVar("T")


class _Applicant(Struct, frozen=True):
    id: str


class _Link(Struct, frozen=True):
    url: str


class _Run(Struct, frozen=True, kw_only=True):
    id: str
    status: str
    link: _Link | None = None


class _Object(Struct, frozen=True):
    id: str


class _Payload(Struct, frozen=True, kw_only=True):
    resource_type: str
    action: str
    object: _Object


class _Event(Struct, frozen=True):
    payload: _Payload


class Onfido:
    """A `KycProvider`."""

    name = ONFIDO

    def __init__(self, url: str, *, api_token: str, webhook_token: str, workflow_id: str) -> None:
        self._url = f"{url.rstrip('/')}/{VERSION}"
        self._headers = {"Authorization": f"Token token={api_token}"}
        self._webhook_token = webhook_token
        self._workflow_id = workflow_id
        self._session: aiohttp.ClientSession | None = None

    async def add_applicant(self, *, first_name: str, last_name: str) -> str:
        made = await self._call(
            "POST", "/applicants", _Applicant, {"first_name": first_name, "last_name": last_name}
        )
        return made.id

    async def open(self, check: Check, applicant_id: str) -> Opened:
        expires_at = datetime.fromtimestamp(check.expires_at_us // MICROS_PER_SECOND, UTC)
        run = await self._call(
            "POST",
            "/workflow_runs",
            _Run,
            {
                "workflow_id": self._workflow_id,
                "applicant_id": applicant_id,
                "customer_user_id": check.id,
                "link": {
                    "completed_redirect_url": check.return_url,
                    "expired_redirect_url": check.return_url,
                    "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
                },
            },
        )
        if run.link is None:
            raise KycUnavailable("Onfido: a workflow run without a link")
        return Opened(run_id=run.id, verification_url=run.link.url)

    async def verdict(self, check: Check) -> Verdict:
        run = await self._call("GET", f"/workflow_runs/{check.run_id}", _Run)
        return Verdict(run_id=run.id, state=_STATES.get(run.status, CheckState.OPEN))

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        expected = hmac.digest(self._webhook_token.encode(), body, "sha256").hex().encode()
        if not hmac.compare_digest(expected, headers.get("x-sha2-signature", "").encode()):
            raise NoticeRefused("X-SHA2-Signature: not ours")
        try:
            payload = msgspec.json.decode(body, type=_Event).payload
        except msgspec.MsgspecError:
            raise NoticeRefused("the event cannot be read") from None
        is_run = payload.resource_type == "workflow_run"
        return Notice(
            id=hashlib.sha256(body).hexdigest(),
            type=payload.action,
            run_id=payload.object.id if is_run else None,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, into: type[T], body: Mapping[str, Any] | None = None) -> T:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))
        try:
            async with self._session.request(
                method, self._url + path, json=body, headers=self._headers, allow_redirects=False
            ) as response:
                status, answer = response.status, await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise KycUnavailable(f"Onfido: {method} {path}: {type(error).__name__}") from None
        if not 200 <= status < 300:  # noqa: PLR2004
            raise KycUnavailable(f"Onfido: {method} {path}: {status}")
        try:
            return msgspec.json.decode(answer, type=into)
        except msgspec.MsgspecError:
            raise KycUnavailable(f"Onfido: {method} {path}: an answer that cannot be read") from None
