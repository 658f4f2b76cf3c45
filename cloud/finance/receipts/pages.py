"""A file's pages as pictures or as text that is already there. Used in the worker's process only."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cloud.finance.reading import Refusal, Refused
from cloud.finance.receipts.content import JPEG_PIXELS_MAX, Kind
from cloud.finance.receipts.model import Box

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfPage

PAGES_READ = 3
PAGES_MAX = 50
POINTS_MAX = 5_000
"""Longest side of a PDF page, 1.76 m."""
PIXELS_READ = 4_000_000
SIDE_READ = 3_600
"""A picture is scaled down to this before it is read; letters of a receipt stay 15 pixels tall and more."""
_TEXT_MIN = 24
"""Letters and digits that make a PDF page one with text rather than a scan."""
_TEXT_MAX = 20_000


class Unreadable(Exception):
    """The file cannot be shown; holds the refusal."""

    def __init__(self, refusal: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.refused = Refused(refusal, detail)


def _shrunk(image: "Image") -> "Image":
    from PIL import Image as Pictures

    width, height = image.size
    scale = min(1.0, (PIXELS_READ / (width * height)) ** 0.5, SIDE_READ / max(width, height))
    if scale < 1.0:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        image = image.resize(size, Pictures.Resampling.LANCZOS, reducing_gap=2.0)
    return image


def _on_white(image: "Image") -> "Image":
    from PIL import Image as Pictures

    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layers = image.convert("RGBA")
        paper = Pictures.new("RGBA", layers.size, "white")
        return Pictures.alpha_composite(paper, layers).convert("RGB")
    if image.mode.startswith("I"):
        image = image.point(lambda value: value / 256).convert("L")
    return image.convert("RGB")


def picture(content: bytes, kind: Kind) -> "Image":
    """The photo upright, RGB, no larger than is read.

    Raises:
        Unreadable: it ends too early or is not what it says.
    """
    from PIL import Image as Pictures
    from PIL import ImageOps

    Pictures.MAX_IMAGE_PIXELS = JPEG_PIXELS_MAX
    try:
        image: Image = Pictures.open(io.BytesIO(content), formats=[kind.value])
        width, height = image.size
        scale = min(1.0, (PIXELS_READ / (width * height)) ** 0.5)
        image.draft("RGB", (max(int(width * scale), 1), max(int(height * scale), 1)))
        image.load()
        return _on_white(_shrunk(ImageOps.exif_transpose(image)))
    except (OSError, SyntaxError, ValueError, EOFError, Pictures.DecompressionBombError) as error:
        raise Unreadable(
            Refusal.DAMAGED, f"the {kind} cannot be decoded to its end: send the file again"
        ) from error


def _text_boxes(page: "PdfPage") -> list[Box]:
    """The text a page carries; empty where it is a scan."""
    text = page.get_textpage()
    try:
        if text.count_chars() > _TEXT_MAX:
            raise Unreadable(
                Refusal.TOO_COSTLY, f"a page holds more than {_TEXT_MAX} characters: that is no receipt"
            )
        if sum(one.isalnum() for one in text.get_text_range()) < _TEXT_MIN:
            return []
        height = page.get_height()
        boxes = []
        for index in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(index)
            words = text.get_text_bounded(left, bottom, right, top).strip()
            if words:
                boxes.append(Box(" ".join(words.split()), left, height - top, right, height - bottom))
        return boxes
    finally:
        text.close()


def pdf_pages(content: bytes) -> Iterator["list[Box] | Image"]:
    """The first pages: boxes where there is text, else a picture.

    Raises:
        Unreadable: damaged, locked, or more than a receipt needs.
    """
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).casefold():
            raise Unreadable(Refusal.PROTECTED, "the PDF asks for a password: send one without") from error
        raise Unreadable(Refusal.DAMAGED, "the PDF cannot be opened: send the file again") from error
    try:
        count = len(document)
        if count > PAGES_MAX:
            raise Unreadable(
                Refusal.TOO_COSTLY, f"the PDF has {count} pages; at most {PAGES_MAX} make a receipt"
            )
        for index in range(min(count, PAGES_READ)):
            page = document[index]
            width, height = page.get_size()
            if max(width, height) > POINTS_MAX or min(width, height) < 1:
                raise Unreadable(
                    Refusal.TOO_COSTLY,
                    f"page {index + 1} is {width:.0f} x {height:.0f} points: too large for a receipt",
                )
            boxes = _text_boxes(page)
            if boxes:
                yield boxes
            else:
                scale = min(200 / 72, (PIXELS_READ / (width * height)) ** 0.5, SIDE_READ / max(width, height))
                yield page.render(scale=scale, may_draw_forms=False).to_pil().convert("RGB")
    except pypdfium2.PdfiumError as error:
        raise Unreadable(Refusal.DAMAGED, "a page of the PDF cannot be read: send the file again") from error
    finally:
        document.close()
