"""What a store can say no with."""

from cloud.errors import Conflict, Unavailable


class StoreUnavailable(Unavailable):
    """The write was not stored; the same request may be sent again."""


class ConstraintViolated(Conflict):
    """A CHECK, UNIQUE or foreign key of the database refused the row: the last line of defence spoke."""
