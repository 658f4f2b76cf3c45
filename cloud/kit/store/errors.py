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
        return f"ConstraintViolated({self.detail!r})"
