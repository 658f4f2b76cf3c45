"""What a credential may do on the investment platform. Deny unless allowed."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """The document's, in its order."""

    READ_PROFILE = "read_profile"
    WRITE_PROFILE = "write_profile"
    READ_PORTFOLIO = "read_portfolio"
    READ_PROJECTS = "read_projects"
    MAKE_INVESTMENTS = "make_investments"
    READ_RETURNS = "read_returns"
    CLAIM_RETURNS = "claim_returns"
    ADMIN = "admin"


Scopes = frozenset[Scope]

MEANINGS = {
    Scope.READ_PROFILE: "Read your profile: name, email, verification and preferences",
    Scope.WRITE_PROFILE: "Change your profile",
    Scope.READ_PORTFOLIO: "See your investments and portfolio",
    Scope.READ_PROJECTS: "Read project information",
    Scope.MAKE_INVESTMENTS: "Invest money in your name",
    Scope.READ_RETURNS: "See your return distributions",
    Scope.CLAIM_RETURNS: "Claim your return distributions",
    Scope.ADMIN: "Full administrative access",
}
"""As a person is asked for them."""

CONSENTABLE: Scopes = frozenset(Scope) - {Scope.ADMIN}
"""What a person can let an application do: never `admin`."""


class UnknownScope(ValueError):
    """A word that is no scope."""


def role_scopes(*, is_admin: bool) -> Scopes:
    """What a person may do at all."""
    return frozenset(Scope) if is_admin else CONSENTABLE


def scopes_of(text: str) -> Scopes:
    """Scopes separated by spaces; none for an empty text.

    Raises:
        UnknownScope: one of the words is none.
    """
    try:
        return frozenset(Scope(word) for word in text.split())
    except ValueError as error:
        raise UnknownScope(str(error)) from None


def in_order(scopes: Iterable[Scope]) -> list[Scope]:
    """In the document's order."""
    known = frozenset(scopes)
    return [scope for scope in Scope if scope in known]


def text_of(scopes: Iterable[Scope]) -> str:
    """In the document's order, separated by spaces."""
    return " ".join(in_order(scopes))
