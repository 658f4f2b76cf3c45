"""The signed-in investor: who they are and what they prefer."""

from typing import Annotated, Any

from litestar import get, patch
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.principal import Principal
from cloud.identity.profile import Profile, ProfileChange
from cloud.identity.scope_guard import needs
from cloud.identity.scopes import Scope
from cloud.kit.envelope import Data
from shared.clock import rfc3339

Line = Annotated[str, Meta(max_length=200)]


class Notifications(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """By which ways the person wants to hear; absent in a change: as it was."""

    email: bool | UnsetType = UNSET
    sms: bool | UnsetType = UNSET


class Preferences(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    currency: Annotated[str, Meta(description="ISO 4217.")] | UnsetType = UNSET
    notifications: Notifications | UnsetType = UNSET


class UserChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays."""

    name: Line | UnsetType = UNSET
    preferences: Preferences | UnsetType = UNSET


class User(Struct, frozen=True, kw_only=True):
    id: str
    email: str | None
    name: str
    kyc_status: str
    kyc_verified_at: str | None
    created_at: str
    preferences: Preferences


class ChangedUser(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The id, and of the rest what was sent, as it is now."""

    id: str
    name: str | UnsetType = UNSET
    preferences: Preferences | UnsetType = UNSET


@get("/v1/user/me", status_code=200, opt=needs(Scope.READ_PROFILE))
async def current_user(
    principal: NamedDependency[Principal], email_sign_in: NamedDependency[EmailSignIn]
) -> Data[User]:
    """The person in whose name the credential acts."""
    person = principal.person
    profile = await email_sign_in.profile(person)
    user = User(
        id=person.user_id,
        email=profile.email,
        name=profile.name,
        kyc_status=person.kyc_status,
        kyc_verified_at=None if person.kyc_verified_at_us is None else rfc3339(person.kyc_verified_at_us),
        created_at=rfc3339(person.created_at_us),
        preferences=_preferences(profile),
    )
    return Data(data=user)


@patch("/v1/user/me", status_code=200, opt=needs(Scope.WRITE_PROFILE))
async def update_user(
    data: JSONBody[UserChange],
    principal: NamedDependency[Principal],
    email_sign_in: NamedDependency[EmailSignIn],
) -> Data[ChangedUser]:
    """Change what is named; all of it or nothing."""
    profile = await email_sign_in.change_profile(principal.person, _change(data))
    now = _preferences(profile)
    return Data(
        data=ChangedUser(
            id=principal.person.user_id,
            name=UNSET if data.name is UNSET else profile.name,
            preferences=UNSET if data.preferences is UNSET else _as_sent(data.preferences, now),
        )
    )


def _change(sent: UserChange) -> ProfileChange:
    changes: dict[str, Any] = {"name": sent.name}
    if sent.preferences is not UNSET:
        changes["currency"] = sent.preferences.currency
        if sent.preferences.notifications is not UNSET:
            changes["notify_by_email"] = sent.preferences.notifications.email
            changes["notify_by_sms"] = sent.preferences.notifications.sms
    return ProfileChange(**changes)


def _preferences(profile: Profile) -> Preferences:
    return Preferences(
        currency=profile.currency,
        notifications=Notifications(email=profile.notify_by_email, sms=profile.notify_by_sms),
    )


def _as_sent(sent: Preferences, now: Preferences) -> Preferences:
    return Preferences(
        currency=UNSET if sent.currency is UNSET else now.currency,
        notifications=UNSET if sent.notifications is UNSET else now.notifications,
    )


ROUTES: list[BaseRouteHandler] = [current_user, update_user]
