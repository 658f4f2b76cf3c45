"""The words of an HTML mail in one pass, however broken its tags: no step looks at a character twice."""

import html
import re

_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_NAME = re.compile(r"/?[a-z][a-z0-9]{0,15}|[!?]")
_SKIPPED = ("script", "style", "title", "head")
_BLOCK_NAMES = "p div br tr table li ul ol h1 h2 h3 h4 h5 h6 hr section article header footer body"
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_CELLS = frozenset({"td", "th"})
_BLANK_LINES = re.compile(r"\s*\n\s*")


def text_of(source: str) -> str:
    """Blocks on lines of their own, table cells apart by two spaces, without scripts, styles and comments."""
    parts: list[str] = []
    lower = source.translate(_LOWER)
    place = 0
    while (begin := source.find("<", place)) >= 0:
        name = _NAME.match(lower, begin + 1)
        if name is None:
            parts.append(source[place : begin + 1])
            place = begin + 1
            continue
        parts.append(source[place:begin])
        place = _behind(lower, begin, name.group())
        if place < 0:
            break
        parts.append(_space(name.group()))
    else:
        parts.append(source[place:])
    return _BLANK_LINES.sub("\n", html.unescape("".join(parts))).strip()


def _behind(lower: str, begin: int, name: str) -> int:
    """Where the tag ends, with what a script, style or comment holds; -1: never."""
    if lower.startswith("<!--", begin):
        end = lower.find("-->", begin)
        return end if end < 0 else end + 3
    end = lower.find(">", begin)
    if end < 0 or name not in _SKIPPED:
        return end if end < 0 else end + 1
    return lower.find(f"</{name}", end)


def _space(name: str) -> str:
    bare = name.removeprefix("/")
    if bare in _BLOCKS:
        return "\n"
    return "  " if bare in _CELLS else ""
