"""What can go wrong in the agent, as a tree:

    EdgeError
    ├── Temporary           worth trying again; a loop counts it and goes on
    └── Permanent           trying again changes nothing
        ├── ConfigWrong     a setting that cannot be used; stops the start
        └── StateUnreadable a saved state that does not fit this version; the part starts afresh

A part that needs its own error derives it from Temporary or Permanent in this file.
"""


class EdgeError(Exception):
    """Root of the agent's own errors."""


class Temporary(EdgeError):
    """May succeed later without anybody's help."""


class Permanent(EdgeError):
    """Stays wrong until somebody changes something."""


class ConfigWrong(Permanent):
    """A setting that cannot be used: the message names it, its value and what is allowed."""


class StateUnreadable(Permanent):
    """A saved state that cannot be used; the message says of which part."""
