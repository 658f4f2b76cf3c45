"""Boxes into lines, also where the paper lies askew."""

from collections.abc import Sequence

from cloud.finance.receipts.model import Box, Line

_NEAR = 0.55
"""Two boxes share a line when their levelled middles are nearer than this part of the lower one's height."""
_SLOPES = tuple(step / 200 for step in sorted(range(-30, 31), key=abs))
"""Rise per pixel to the right, up to 8.5 degrees, the smallest first."""
_LIKELY = 3
_STEPS = (-0.002, -0.001, 0.001, 0.002)
"""Between two slopes the right one is blurred; a wrong one, each line joined with the next, looks sharper."""
_SHARP = 0.2
_STEEP_COSTS = 0.3
_PAIRS_MAX = 4_000


def slope_of(boxes: Sequence[Box]) -> float:
    """How far lines sink per pixel to the right: the slope on which most boxes have a level neighbour."""
    pairs: list[tuple[float, float]] = []
    for left in boxes:
        for right in boxes:
            across = right.left - left.right
            height = min(left.height, right.height)
            if across > 0 and abs(right.middle - left.middle) < 0.16 * across + 2 * height:
                centres = (right.left + right.right - left.left - left.right) / 2
                pairs.append((centres / height, (right.middle - left.middle) / height))
        if len(pairs) > _PAIRS_MAX:
            break

    def level(slope: float) -> float:
        nearness = (1 - abs(down - slope * across) / _SHARP for across, down in pairs)
        return sum(one for one in nearness if one > 0) * (1 - _STEEP_COSTS * abs(slope) / 0.15)

    if not pairs:
        return 0.0
    likely = sorted(_SLOPES, key=level, reverse=True)[:_LIKELY]
    between = [near + step for near in likely for step in _STEPS]
    return max(sorted([*likely, *between], key=abs), key=level)


def lines_of(boxes: Sequence[Box]) -> list[Line]:
    """Lines from top to bottom."""
    slope = slope_of(boxes)

    def level(box: Box) -> float:
        return box.middle - slope * (box.left + box.right) / 2

    def joins(left: Box, right: Box) -> bool:
        near = abs(level(left) - level(right)) < _NEAR * min(left.height, right.height)
        return near and right.left > left.left + 0.3 * (left.right - left.left)

    rows: list[list[Box]] = []
    for box in sorted(boxes, key=lambda one: one.left):
        fitting = [row for row in rows if joins(row[-1], box)]
        if fitting:
            min(fitting, key=lambda row: abs(level(row[-1]) - level(box))).append(box)
        else:
            rows.append([box])
    return [Line(tuple(row)) for row in sorted(rows, key=lambda row: level(row[0]))]


def below(pages: Sequence[Sequence[Box]]) -> list[Box]:
    """The pages' boxes as if each page lay under the one before."""
    placed: list[Box] = []
    offset = 0.0
    for page in pages:
        placed += [
            Box(box.text, box.left, box.top + offset, box.right, box.bottom + offset, box.confidence)
            for box in page
        ]
        offset = max((box.bottom for box in placed), default=0.0) + 1
    return placed
