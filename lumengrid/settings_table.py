"""The table of settings in docs/settings.md, from the Structs themselves.

`python -m lumengrid.settings_table` rewrites the document.
"""

from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.inspect import Metadata, type_info

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "settings.md"


def settings_table(settings: type[Struct]) -> str:
    """One Markdown row for each setting: name, meaning, default."""
    rows = ["| setting | meaning | default |", "|---|---|---|"]
    for field in msgspec.structs.fields(settings):
        info = type_info(field.type)
        extra: dict[str, Any] = {}
        if isinstance(info, Metadata):
            extra = info.extra_json_schema or {}
        default = "required" if field.required else f"`{_shown(field.default)}`"
        rows.append(f"| `{field.name}` | {extra.get('description', '')} | {default} |")
    return "\n".join(rows) + "\n"


def _shown(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if not isinstance(value, tuple) else ", ".join(map(str, value)) or "none"


def document() -> str:
    """The whole of docs/settings.md."""
    from cloud.settings import ENVIRONMENT_PREFIX, Settings
    from edge.config import EdgeConfig

    return f"""# Settings

Read once at start; a wrong value stops the start and names field, value and range. Secrets print as `***`.

## Service

From a TOML file (`lumengrid cloud run --settings FILE`);
`{ENVIRONMENT_PREFIX}<NAME>` in the environment wins.

{settings_table(Settings)}
## Agent

From a TOML file (`lumengrid edge run --config FILE`);
`LUMENGRID_EDGE_<NAME>` in the environment wins.

{settings_table(EdgeConfig)}"""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
