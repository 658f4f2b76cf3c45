"""A change of a JSON object by another one: https://www.rfc-editor.org/rfc/rfc7396"""

from collections.abc import Mapping
from typing import Any


def merged(known: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Objects are merged, null takes a member out, anything else replaces what was there."""
    result = dict(known)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            before = result.get(name)
            result[name] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[name] = value
    return result
