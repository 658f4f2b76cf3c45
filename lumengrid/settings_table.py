"""docs/settings.md, from the settings themselves: `python -m lumengrid.settings_table` rewrites it."""

from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from cloud.settings import ENVIRONMENT_PREFIX, Settings
from edge.config import ENVIRONMENT_PREFIX as EDGE_PREFIX
from edge.config import settings_table as edge_table

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "settings.md"


def document() -> str:
    """The whole document."""
    return f"""# Settings

Read once at start; a wrong value stops the start and names field, value and range. Secrets print as `***`.

## Service

From a TOML file (`lumengrid cloud run --settings FILE`);
`{ENVIRONMENT_PREFIX}<NAME>` in the environment wins.

{_cloud_table()}
## Agent

From a TOML file (`lumengrid edge run --config FILE`);
`{EDGE_PREFIX}<TABLE>_<NAME>` in the environment wins.

{edge_table()}"""


def _cloud_table() -> str:
    lines = ["| setting | default | allowed | meaning |", "|---|---|---|---|"]
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        inner, meta = get_args(hints[field.name])
        lines.append(
            f"| `{field.name}` | {_shown(field.default)} | {_allowed(inner, meta)} | {meta.description} |"
        )
    return "\n".join(lines) + "\n"


def _allowed(kind: Any, meta: Meta) -> str:
    choices = [kind, *get_args(kind)]
    for choice in choices:
        if "Literal" in str(get_origin(choice)):
            return ", ".join(get_args(choice))
    if meta.ge is not None and meta.le is not None:
        return f"{meta.ge} to {meta.le}"
    if meta.ge is not None:
        return f"at least {meta.ge}"
    return f"above {meta.gt}" if meta.gt is not None else ""


def _shown(value: object) -> str:
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
