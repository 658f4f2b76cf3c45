"""Bytes of a file as text: by its byte order mark, else UTF-8, else what Windows wrote."""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(data: bytes) -> str | None:
    """None: no text, but a binary file."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _by(data, name)
    if b"\0" in data:
        head = data[:200]
        wide = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return _by(data, wide) if head.count(0) * 3 > len(head) else None
    return _by(data, "utf-8") or data.decode("cp1252", errors="replace")


def _by(data: bytes, name: str) -> str | None:
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
