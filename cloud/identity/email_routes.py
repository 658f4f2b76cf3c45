"""Accounts by email, and the signed-in person's profile: LUMEN's identity routes."""

from typing import Annotated, Any

from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from cloud.identity.email_sign_in import EmailSession, EmailSignIn
from cloud.identity.model import Person
from cloud.identity.profile import Profile, ProfileChange
from cloud.identity.registration import Registration, UserType
from cloud.identity.service import Identity
from shared.clock import rfc3339
from shared.coordinates import Latitude, Longitude

Line = Annotated[str, Meta(max_length=200)]
Secret = Annotated[str, Meta(max_length=300)]


class Register(Struct, frozen=True, kw_only=True):
    """What an account by email is made of; the last three are a business's."""

    email: Annotated[str, Meta(max_length=300)]
    password: Secret
    name: Line
    user_type: UserType
    phone: Line | None = None
    business_name: Line | None = None
    contact_person: Line | None = None
    gstin: Line | None = None

    @property
    def registration(self) -> Registration:
        return Registration(
            email=self.email,
            password=self.password,
            name=self.name,
            user_type=self.user_type,
            phone=self.phone,
            business_name=self.business_name,
            contact_person=self.contact_person,
            gstin=self.gstin,
        )


class Update(Struct, frozen=True, kw_only=True):
    """What is absent stays."""

    name: Line | UnsetType = UNSET
    phone: Line | UnsetType | None = UNSET
    timezone: Line | UnsetType = UNSET
    locale: Line | UnsetType = UNSET
    currency: Line | UnsetType = UNSET
    budget_preferences: dict[str, Any] | UnsetType = UNSET
    personal_category_set: tuple[Line, ...] | UnsetType = UNSET
    business_name: Line | UnsetType = UNSET
    contact_person: Line | UnsetType = UNSET
    latitude: Latitude | UnsetType | None = UNSET
    """With the longitude, or neither; for the distance factor of the price."""
    longitude: Longitude | UnsetType | None = UNSET


class Consent(Struct, frozen=True, kw_only=True):
    """Which sources may be read; what is absent stays."""

    consent_gmail_ingest: bool | UnsetType = UNSET
    consent_whatsapp_ingest: bool | UnsetType = UNSET
    consent_upi_ingest: bool | UnsetType = UNSET
    consent_sms_ingest: bool | UnsetType = UNSET


@post("/api/v1/auth/register", status_code=201)
async def register(data: JSONBody[Register], email_sign_in: NamedDependency[EmailSignIn]) -> dict[str, Any]:
    """A new account by email, signed in."""
    return shown_session(await email_sign_in.register(data.registration))


@post("/api/v1/auth/logout", status_code=200)
async def logout(person: NamedDependency[Person], identity: NamedDependency[Identity]) -> dict[str, str]:
    """End every sign-in of the person, however they came in."""
    await identity.logout(person)
    return {"message": "Logged out successfully"}


@get("/api/v1/users/me", status_code=200)
async def user_me(
    person: NamedDependency[Person], email_sign_in: NamedDependency[EmailSignIn]
) -> dict[str, Any]:
    """The signed-in person's profile."""
    return shown_profile(person, await email_sign_in.profile(person))


@patch("/api/v1/users/me", status_code=200)
async def update_me(
    data: JSONBody[Update],
    person: NamedDependency[Person],
    email_sign_in: NamedDependency[EmailSignIn],
) -> dict[str, Any]:
    """Change what is named; all of it or nothing."""
    values = {name: getattr(data, name) for name in data.__struct_fields__}
    change = ProfileChange(**values)
    return shown_profile(person, await email_sign_in.change_profile(person, change))


@patch("/api/v1/users/me/consent", status_code=200)
async def update_consent(
    data: JSONBody[Consent],
    person: NamedDependency[Person],
    email_sign_in: NamedDependency[EmailSignIn],
) -> dict[str, Any]:
    """Let a source be read, or no longer; what was read stays."""
    values = {name: getattr(data, name) for name in data.__struct_fields__}
    return shown_profile(person, await email_sign_in.change_profile(person, ProfileChange(**values)))


def shown_session(session: EmailSession) -> dict[str, Any]:
    return {
        "access_token": session.access_token,
        "token_type": "bearer",
        "user_id": session.person_id,
        "user_type": session.user_type,
    }


def shown_profile(person: Person, profile: Profile) -> dict[str, Any]:
    """LUMEN's shape: ids are integers. A business has three fields more, whoever told their place two."""
    shown: dict[str, Any] = {
        "id": person.id,
        "email": profile.email,
        "wallet_address": person.wallet_address,
        "user_type": profile.user_type,
        "name": profile.name,
        "phone": profile.phone,
        "timezone": profile.timezone,
        "locale": profile.locale,
        "currency": profile.currency,
        "budget_preferences": Raw(profile.budget_preferences.encode()),
        "personal_category_set": profile.categories,
        "consent_gmail_ingest": profile.consent_gmail_ingest,
        "consent_whatsapp_ingest": profile.consent_whatsapp_ingest,
        "consent_upi_ingest": profile.consent_upi_ingest,
        "consent_sms_ingest": profile.consent_sms_ingest,
        "is_active": True,
        "created_at": rfc3339(person.created_at_us),
        "last_active": None if profile.last_active_us is None else rfc3339(profile.last_active_us),
    }
    if profile.user_type is UserType.BUSINESS:
        shown |= {
            "business_name": profile.business_name,
            "contact_person": profile.contact_person,
            "gstin": profile.gstin,
        }
    if profile.latitude is not None:
        shown |= {"latitude": profile.latitude, "longitude": profile.longitude}
    return shown


ROUTES: list[BaseRouteHandler] = [register, logout, user_me, update_me, update_consent]
