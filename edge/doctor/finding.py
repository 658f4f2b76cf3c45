"""What one check says."""

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    """It works, with less safety or less certainty than it should."""
    FAIL = "fail"
    """Something does not work until a person acts."""


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the report."""

    check: str
    """What was looked at; its first word is the chapter in docs/operator/troubleshooting.md."""
    verdict: Verdict
    found: str
    fix: str = ""
    """What mends it; empty where nothing is wrong."""


def ok(check: str, found: str) -> Finding:
    """Nothing to do."""
    return Finding(check=check, verdict=Verdict.OK, found=found)


def warn(check: str, found: str, fix: str) -> Finding:
    """Better mended."""
    return Finding(check=check, verdict=Verdict.WARN, found=found, fix=fix)


def fail(check: str, found: str, fix: str) -> Finding:
    """Must be mended."""
    return Finding(check=check, verdict=Verdict.FAIL, found=found, fix=fix)


def report(findings: Sequence[Finding]) -> str:
    """The findings as text, each fix under its finding, and the sum."""
    width = max((len(finding.check) for finding in findings), default=0)
    lines = []
    for finding in findings:
        lines.append(f"{finding.verdict.value:<4}  {finding.check:<{width}}  {finding.found}")
        if finding.fix:
            lines.append(f"{'':<4}  {'':<{width}}  fix: {finding.fix}")
    counts = {verdict: sum(finding.verdict is verdict for finding in findings) for verdict in Verdict}
    lines.append("")
    lines.append(", ".join(f"{number} {verdict.value}" for verdict, number in counts.items()))
    return "\n".join(lines)
