"""The code blocks of a README."""

import re
from pathlib import Path

CLIENTS = Path(__file__).resolve().parents[2] / "clients"


def snippets(client: str, language: str) -> dict[str, str]:
    """By the heading above, empty for none."""
    heading = ""
    found: dict[str, str] = {}
    text = (CLIENTS / client / "README.md").read_text(encoding="utf-8")
    for match in re.finditer(rf"^## ([^\n]+)$|^```{language}\n(.*?)^```$", text, re.M | re.S):
        if match[1] is not None:
            heading = match[1]
        else:
            found[heading] = match[2]
    return found
