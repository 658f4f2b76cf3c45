"""Many values in one statement: `column IN (:v0, :v1, …)`, so many at once as every database takes."""

from collections.abc import Iterator, Sequence

VALUES_AT_ONCE = 500


def in_lists(values: Sequence[object]) -> Iterator[tuple[str, dict[str, object]]]:
    """The names to write between the brackets, and their parameters; nothing for no values."""
    for first in range(0, len(values), VALUES_AT_ONCE):
        params = {f"v{n}": value for n, value in enumerate(values[first : first + VALUES_AT_ONCE])}
        yield ", ".join(f":{name}" for name in params), params
