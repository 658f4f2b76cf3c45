"""What can go wrong.

TerraLuminaError
    ConnectionFailedError         no answer came
    UnexpectedAnswerError         an answer that the document does not know
    OAuthError                    a refusal in the words of RFC 6749
    WebhookVerificationError      a delivery that is not from Terra Lumina, or not from now
    StreamClosedError             the stream was ended for a reason that connecting again does not mend
    ApiError                      the API refused
        InvalidRequestError           INVALID_REQUEST
        AuthenticationError           AUTHENTICATION_REQUIRED
        PermissionDeniedError         INSUFFICIENT_PERMISSIONS
        NotFoundError                 RESOURCE_NOT_FOUND
        ValidationError               VALIDATION_ERROR
        InsufficientFundsError        INSUFFICIENT_FUNDS
        InvestmentUnavailableError    INVESTMENT_UNAVAILABLE
        KycRequiredError              KYC_REQUIRED
        RateLimitError                RATE_LIMIT_EXCEEDED
        ServerError                   any 5xx
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class TerraLuminaError(Exception):
    """Base of all errors of this library."""


class ConnectionFailedError(TerraLuminaError):
    """No answer came, however often it was tried; what was asked for may have happened all the same."""

    def __init__(self, message: str, *, was_sent: bool = True) -> None:
        super().__init__(message)
        self.was_sent = was_sent
        """False: the last try never left, so that did not happen."""


class UnexpectedAnswerError(TerraLuminaError):
    """An answer that the document does not know."""


class WebhookVerificationError(TerraLuminaError):
    """Not signed with the secret, or not lately."""


class StreamClosedError(TerraLuminaError):
    """The service closed the stream, and would again."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        """WebSocket close code."""
        self.reason = reason


class OAuthError(TerraLuminaError):
    """RFC 6749, section 5.2, or section 4.1.2.1 where the person was sent back with it."""

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error if description is None else f"{error}: {description}")
        self.error = error
        """`invalid_grant`, `access_denied`, …"""
        self.description = description


class ApiError(TerraLuminaError):
    """The API refused."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}" + (f" ({request_id})" if request_id else ""))
        self.message = message
        self.status = status
        self.code = code
        self.details = dict(details or {})
        """By field."""
        self.request_id = request_id
        """What support asks for."""
        self.retry_after = retry_after_s
        """Seconds to wait before the next try; None: not said."""


class InvalidRequestError(ApiError):
    pass


class AuthenticationError(ApiError):
    pass


class PermissionDeniedError(ApiError):
    pass


class NotFoundError(ApiError):
    pass


class ValidationError(ApiError):
    pass


class InsufficientFundsError(ApiError):
    pass


class InvestmentUnavailableError(ApiError):
    pass


class KycRequiredError(ApiError):
    pass


class RateLimitError(ApiError):
    pass


class ServerError(ApiError):
    pass


_BY_CODE: dict[str, type[ApiError]] = {
    "INVALID_REQUEST": InvalidRequestError,
    "AUTHENTICATION_REQUIRED": AuthenticationError,
    "INSUFFICIENT_PERMISSIONS": PermissionDeniedError,
    "RESOURCE_NOT_FOUND": NotFoundError,
    "VALIDATION_ERROR": ValidationError,
    "INSUFFICIENT_FUNDS": InsufficientFundsError,
    "INVESTMENT_UNAVAILABLE": InvestmentUnavailableError,
    "KYC_REQUIRED": KycRequiredError,
    "RATE_LIMIT_EXCEEDED": RateLimitError,
}
_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: ValidationError,
    429: RateLimitError,
}
SERVER_ERRORS_FROM = 500
REFUSALS_FROM = 400


class _Refusal(Struct):
    code: str
    message: str = ""
    details: dict[str, Any] | None = None
    request_id: str | None = None
    retry_after: int | float | None = None


class _Refused(Struct):
    error: _Refusal


class _OAuthRefusal(Struct):
    error: str
    error_description: str | None = None


def error_of(
    status: int, body: bytes, *, retry_after_s: float | None, request_id: str | None
) -> TerraLuminaError:
    """The error that an answer of status 300 or above stands for; `retry_after_s` as its header says."""
    if status < REFUSALS_FROM:
        return UnexpectedAnswerError(f"status {status}")
    try:
        told = msgspec.json.decode(body, type=_Refused).error
    except msgspec.MsgspecError:
        told = _Refusal(code="", message=f"status {status}")
    kind = ServerError if status >= SERVER_ERRORS_FROM else _BY_STATUS.get(status, ApiError)
    return _BY_CODE.get(told.code, kind)(
        told.message,
        status=status,
        code=told.code,
        details=told.details,
        request_id=told.request_id or request_id,
        retry_after_s=told.retry_after if retry_after_s is None else retry_after_s,
    )


def oauth_error_of(status: int, body: bytes) -> TerraLuminaError:
    """The error that a refusal of the token endpoint stands for."""
    try:
        told = msgspec.json.decode(body, type=_OAuthRefusal)
    except msgspec.MsgspecError:
        return error_of(status, body, retry_after_s=None, request_id=None)
    return OAuthError(told.error, told.error_description)
