"""Every failure a client may act on. A class states its HTTP status; services raise, one place renders.

    CloudError (500)
    ├── BadRequest (400)       malformed or impossible input; the message names field and range
    │   └── BadParameter       which parameter of the address, and why
    ├── Unauthenticated (401)  no, expired or wrong credentials
    ├── Forbidden (403)        known, but not allowed
    ├── NotFound (404)         does not exist, or is someone else's
    ├── Conflict (409)         true already, or used already
    ├── PayloadTooLarge (413)
    ├── Unprocessable (422)    well formed, refused by a rule
    │   └── InvalidFields      which fields, and why each
    ├── RateLimited (429)
    └── Unavailable (503)      the store or a neighbour cannot serve now; try again

Domains derive from these beside the rule that raises them (`InsufficientFunds(BadRequest)`).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar


class CloudError(Exception):
    """Base; a subclass without a stated status is a defect and answers 500."""

    status: ClassVar[int] = 500
    code: ClassVar[str | None] = None
    """The investment platform's word for it, where it says more than the status."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(CloudError):
    status = 400


class BadParameter(BadRequest):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class Unauthenticated(CloudError):
    status = 401


class Forbidden(CloudError):
    status = 403


class NotFound(CloudError):
    status = 404


class Conflict(CloudError):
    status = 409


class PayloadTooLarge(CloudError):
    status = 413


class Unprocessable(CloudError):
    status = 422


class InvalidFields(Unprocessable):
    MESSAGE: ClassVar[str] = "Invalid input data"

    def __init__(self, details: Mapping[str, Sequence[str]]) -> None:
        super().__init__(self.MESSAGE)
        self.details = details


class RateLimited(CloudError):
    status = 429

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(CloudError):
    status = 503
