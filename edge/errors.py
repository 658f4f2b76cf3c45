"""What can go wrong in the agent, as a tree:

    EdgeError
    ├── Temporary           worth trying again; a loop counts it and goes on
    │   ├── CloudUnreachable no answer from the service
    │   └── PageSilent      no answer from the agent's own page
    └── Permanent           trying again changes nothing
        ├── EnrolmentRefused the cloud does not take this device
        ├── ConfigWrong     a setting that cannot be used; stops the start
        ├── StateUnreadable a saved state that does not fit this version; the part starts afresh
        ├── PlanInputWrong  a node or a price that no plan can be made of
        └── ReplayInputWrong a recording or an option that cannot be replayed

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


class PlanInputWrong(Permanent):
    """A node or a price that no plan can be made of; the message names the field and what is allowed."""


class ReplayInputWrong(Permanent):
    """A recording or an option that cannot be replayed; the message says which."""


class CloudUnreachable(Temporary):
    """The service gave no answer, or none that makes sense; the message names the address."""


class PageSilent(Temporary):
    """The agent's page gave no answer; the message names the address and what to do."""


class EnrolmentRefused(Permanent):
    """The cloud does not take this device; the message says why and what to do."""
