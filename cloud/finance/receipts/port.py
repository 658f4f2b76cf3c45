"""What the pipeline needs of whoever reads receipts."""

from typing import Protocol
from zoneinfo import ZoneInfo

from cloud.errors import Unavailable
from cloud.finance.reading import Reading, Refused

ReceiptResult = Reading | Refused


class ReaderUnavailable(Unavailable):
    """Nothing is wrong with the file: the extra `finance` is missing, or the reader does not start."""


class ReadsReceipts(Protocol):
    """From the bytes of a file to what was bought."""

    async def read(
        self, content: bytes, *, timezone: ZoneInfo, currency_hint: str, locale: str
    ) -> ReceiptResult:
        """A JPEG, PNG or PDF by its content; its name does not matter.

        `currency_hint` is the person's own currency (ISO 4217), used where the receipt names none;
        `locale`, such as `en-IN`, decides 03/04 where the receipt leaves it open.

        Raises:
            ReaderUnavailable: nothing is wrong with the file; the reader cannot work now (503).
        """
        ...
