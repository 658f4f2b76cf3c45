"""What a store can say no with."""

from cloud.errors import Conflict, Unavailable


class StoreUnavailable(Unavailable):
    """The write was not stored; the same request may be sent again."""


class ConstraintViolated(Conflict):
    """A CHECK, UNIQUE or foreign key of the database refused the row: the last line of defence spoke."""

    def __init__(self, detail: str) -> None:
        super().__init__("this contradicts what is stored: it is there already, or was changed meanwhile")
        self.detail = detail
        """In the database's words, for the log alone."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.detail!r})"


class TextRefused(ConstraintViolated):
    """A text holds U+0000, which PostgreSQL has no room for, not even to look for it."""

    status = 400

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.message = "a text holds the character U+0000, which no text may"
