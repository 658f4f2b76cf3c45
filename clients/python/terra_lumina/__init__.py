"""The client library of the Terra Lumina API."""

from terra_lumina.async_client import AsyncTerraLumina
from terra_lumina.client import TerraLumina
from terra_lumina.conversation import PRODUCTION_URL, SANDBOX_URL
from terra_lumina.errors import (
    ApiError,
    AuthenticationError,
    ConnectionFailedError,
    InsufficientFundsError,
    InvalidRequestError,
    InvestmentUnavailableError,
    KycRequiredError,
    NotFoundError,
    OAuthError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    StreamClosedError,
    TerraLuminaError,
    UnexpectedAnswerError,
    ValidationError,
    WebhookVerificationError,
)
from terra_lumina.oauth import AuthorizationRequest, OAuthApp, Token
from terra_lumina.retrying import Retry
from terra_lumina.streaming import Update
from terra_lumina.version import __version__
from terra_lumina.webhooks import Webhook, verify_webhook

__all__ = [
    "PRODUCTION_URL",
    "SANDBOX_URL",
    "ApiError",
    "AsyncTerraLumina",
    "AuthenticationError",
    "AuthorizationRequest",
    "ConnectionFailedError",
    "InsufficientFundsError",
    "InvalidRequestError",
    "InvestmentUnavailableError",
    "KycRequiredError",
    "NotFoundError",
    "OAuthApp",
    "OAuthError",
    "PermissionDeniedError",
    "RateLimitError",
    "Retry",
    "ServerError",
    "StreamClosedError",
    "TerraLumina",
    "TerraLuminaError",
    "Token",
    "UnexpectedAnswerError",
    "Update",
    "ValidationError",
    "Webhook",
    "WebhookVerificationError",
    "__version__",
    "verify_webhook",
]
