"""What KYC needs of an identity provider, and what other domains ask of KYC."""

from collections.abc import Mapping
from typing import Protocol

from cloud.identity.model import Person
from cloud.kit.store import ReadTx
from cloud.kyc.model import Check, Notice, Opened, Verdict


class KycProvider(Protocol):
    """Raises `KycUnavailable` where the provider does not answer."""

    @property
    def name(self) -> str: ...

    async def add_applicant(self, *, first_name: str, last_name: str) -> str:
        """Make the provider know a person; the id it gives them."""
        ...

    async def open(self, check: Check, applicant_id: str) -> Opened:
        """A hosted page for the check, until `check.expires_at_us`."""
        ...

    async def verdict(self, check: Check) -> Verdict: ...

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:
        """A webhook's content; header names in lower case.

        Raises:
            NoticeRefused: not signed by the provider, or not readable.
        """
        ...

    async def close(self) -> None: ...


class KycPort(Protocol):
    """What other domains ask of KYC."""

    async def require_verified(self, tx: ReadTx, person: Person) -> None:
        """Look up the status now, whatever `person` says.

        Raises:
            KycRequired: not verified, or too long ago (403 KYC_REQUIRED).
        """
        ...
