"""Who calls the investment platform, and what the credential allows."""

from enum import StrEnum

from msgspec import Struct

from cloud.identity.model import Person
from cloud.identity.scopes import Scopes, role_scopes


class Credential(StrEnum):
    SIGN_IN = "sign_in"
    """Of the person, good everywhere."""
    OAUTH = "oauth"
    """Of an application that the person let in; good on this platform only."""
    API_KEY = "api_key"
    """Of a program of the person's own; good on this platform only."""


class Principal(Struct, frozen=True, kw_only=True):
    """A person with what the credential lets do in their name."""

    person: Person
    scopes: Scopes
    credential: Credential
    credential_id: str | None = None
    """The application's client id or the API key's id; None for a sign-in."""


def signed_in_as(person: Person) -> Principal:
    """A sign-in has the person's own scopes."""
    return Principal(
        person=person, scopes=role_scopes(is_admin=person.is_admin), credential=Credential.SIGN_IN
    )
