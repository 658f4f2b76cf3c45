"""What can go wrong with a provider.

CloudError
├── BadRequest (400)
│   └── NoticeRefused         a webhook that the provider did not sign, or signed too long ago
└── Unavailable (503)
    └── ProviderUnavailable   the fate of a call is not known
        └── NotYet            known: nothing happened, and it will do later
ProviderRefused               the call certainly had no effect; inside the service only
"""

from cloud.errors import BadRequest, Unavailable


class NoticeRefused(BadRequest):
    """Not to be believed."""


class ProviderUnavailable(Unavailable):
    """It may have happened: ask before doing it again."""


class NotYet(ProviderUnavailable):
    """Such as a payee who has not said where the money shall go. The provider itself is well."""


class ProviderRefused(Exception):
    """The provider's word for it."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code
