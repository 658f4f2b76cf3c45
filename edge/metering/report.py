"""An energy report as bytes with the device's signature over exactly those bytes."""

from typing import NamedTuple

from nacl.signing import SigningKey

from shared.messages import EnergyReport, encode
from shared.signatures import Purpose, sign


class SignedReport(NamedTuple):
    """What the journal keeps and the uplink sends, unchanged."""

    raw: bytes
    signature: str


def sign_report(key: SigningKey, report: EnergyReport) -> SignedReport:
    """The report's bytes and their signature, base64."""
    raw = encode(report)
    return SignedReport(raw=raw, signature=sign(key, Purpose.ENERGY, raw))
