"""Text recognition behind one port. Imported in the worker's process only; models are inside the wheels."""

import importlib.util
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloud.finance.receipts.model import Box

if TYPE_CHECKING:
    from PIL.Image import Image

_PACKAGES = ("faster_paddle", "tesserocr")


class Engine(Protocol):
    """Finds pieces of text in a picture."""

    name: str
    sure_at_most: float
    """No field of a page it read is surer; the confidences were fitted with the paddle models."""

    def boxes(self, image: "Image") -> list[Box]:
        """Where text stands in an upright RGB picture."""
        ...


class NoEngine(Exception):
    """None is installed, or none starts: the message names the extra."""


def is_installed() -> bool:
    """Whether the extra `finance` is there; asks without loading anything."""
    needed = importlib.util.find_spec("PIL") and importlib.util.find_spec("pypdfium2")
    return bool(needed) and any(importlib.util.find_spec(package) for package in _PACKAGES)


class Paddle:
    """PP-OCR models in Rust and ONNX: `tiny` reads every page, `small` is asked where `tiny` is unsure."""

    sure_at_most = 1.0

    def __init__(self, size: str, *, threads: int = 2) -> None:
        # Spinning threads win 10 % of an idle machine's time and lose far more of a busy one's.
        os.environ.setdefault("OCR_DET_SPIN", "0")
        os.environ.setdefault("OCR_REC_SPIN", "0")
        from faster_paddle import OcrEngine

        self.name = f"faster-paddle {size}"
        self._engine = OcrEngine(model_size=size, threads=threads)

    def boxes(self, image: "Image") -> list[Box]:
        encoded = io.BytesIO()
        image.save(encoded, "BMP")
        found = self._engine.ocr(encoded.getvalue())["bounds"].values()
        boxes = []
        for one in found:
            (left, top), (right, bottom) = one["topLeftCoord"], one["bottomRightCoord"]
            boxes.append(Box(one["text"], left, top, right, bottom, one["confidence"]))
        return boxes


class Tesseract:
    """The fallback where no paddle model loads; it reads fewer photos right."""

    name = "tesserocr"
    sure_at_most = 0.85

    def __init__(self) -> None:
        os.environ.setdefault("OMP_THREAD_LIMIT", "1")
        import tesserocr

        models = Path(sys.prefix) / "share" / "tessdata"
        self._level = tesserocr.RIL.TEXTLINE
        self._api = tesserocr.PyTessBaseAPI(path=str(models), lang="eng", psm=tesserocr.PSM.SPARSE_TEXT)

    def boxes(self, image: "Image") -> list[Box]:
        self._api.SetImage(image)
        self._api.Recognize()
        found = []
        iterator = self._api.GetIterator()
        if iterator is None:
            return []
        while True:
            text, place = iterator.GetUTF8Text(self._level), iterator.BoundingBox(self._level)
            if text and text.strip() and place is not None:
                left, top, right, bottom = place
                sure = iterator.Confidence(self._level) / 100
                found.append(Box(text.strip(), left, top, right, bottom, sure))
            if not iterator.Next(self._level):
                return found


def first_engine() -> tuple[Engine, Callable[[], Engine] | None]:
    """The engine for every page, and the maker of the one for a second look, None where there is none.

    Raises:
        NoEngine: none loads.
    """
    problems = []
    try:
        return Paddle("tiny"), lambda: Paddle("small")
    except Exception as error:  # noqa: BLE001  whatever keeps a native library from loading
        problems.append(f"faster-paddle: {error}")
    try:
        return Tesseract(), None
    except Exception as error:  # noqa: BLE001
        problems.append(f"tesserocr: {error}")
    raise NoEngine("no text recognition loads; install lumengrid[finance]: " + "; ".join(problems))
