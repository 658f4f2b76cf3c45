"""Text as it stands on a page."""

from msgspec import Struct


class Box(Struct, frozen=True):
    """A piece of text and its place in pixels from the top left; confidence is the engine's, 0 to 1."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    confidence: float = 1.0

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    @property
    def height(self) -> float:
        return max(self.bottom - self.top, 1.0)


class Line(Struct, frozen=True):
    """Boxes beside each other, left to right."""

    boxes: tuple[Box, ...]

    @property
    def text(self) -> str:
        return "  ".join(box.text for box in self.boxes)

    @property
    def top(self) -> float:
        return min(box.top for box in self.boxes)

    @property
    def height(self) -> float:
        """Of its tallest box, in pixels."""
        return max(box.height for box in self.boxes)

    @property
    def confidence(self) -> float:
        """Of its least certain box."""
        return min(box.confidence for box in self.boxes)
