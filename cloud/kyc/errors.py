"""What can go wrong with a check of identity.

CloudError
├── BadRequest (400)
│   └── NoticeRefused      a webhook that the provider did not sign
├── Forbidden (403)
│   └── KycRequired        the person is not verified
├── Conflict (409)
│   └── AlreadyVerified
└── Unavailable (503)
    └── KycUnavailable     the provider does not answer
"""

from cloud.errors import BadRequest, Conflict, Forbidden, Unavailable


class NoticeRefused(BadRequest):
    """Not to be believed."""


class KycRequired(Forbidden):
    code = "KYC_REQUIRED"

    def __init__(self) -> None:
        super().__init__("verify your identity first: POST /v1/user/me/kyc")


class AlreadyVerified(Conflict):
    def __init__(self) -> None:
        super().__init__("you are verified already")


class KycUnavailable(Unavailable):
    """Ask again later."""
