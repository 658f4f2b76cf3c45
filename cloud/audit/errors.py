"""Why an export is not accepted.

NotAccepted
├── Lie           a line contradicts another, a signature, or a rule: names the line, expected and found
└── CannotJudge   written by a newer version, or a source that cannot be read
"""


class NotAccepted(Exception):
    """The message is for people."""


class Lie(NotAccepted):
    """The first place where an export is not what it must be."""

    def __init__(self, where: str, expected: str, found: str) -> None:
        super().__init__(f"{where}: expected {expected}, found {found}")
        self.where = where
        self.expected = expected
        self.found = found


class CannotJudge(NotAccepted):
    """Neither right nor wrong, as far as this version can tell."""
