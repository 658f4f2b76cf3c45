"""What a person tells about themselves, its defaults and its rules."""

import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import UNSET, Struct, UnsetType

from cloud.errors import InvalidFields
from cloud.identity.registration import UserType, is_phone

CATEGORIES = {
    UserType.CONSUMER: ("Groceries", "Food & Dining", "Transport", "Utilities", "Entertainment"),
    UserType.BUSINESS: ("Inventory", "Supplies", "Travel", "Services", "Salary"),
}
CATEGORIES_MAX = 50
CATEGORY_LENGTH_MAX = 60
BUDGET_BYTES_MAX = 4_096

_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", re.ASCII)
"""Language, script, region of BCP 47."""
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
"""ISO 4217."""


class Profile(Struct, frozen=True, kw_only=True):
    """What is known, with the defaults of somebody who told nothing."""

    email: str | None = None
    user_type: UserType = UserType.CONSUMER
    name: str = ""
    phone: str | None = None
    timezone: str = "Asia/Kolkata"
    locale: str = "en"
    currency: str = "INR"
    budget_preferences: str = "{}"
    """A JSON object of the client's own; the service reads nothing from it."""
    personal_category_set: str | None = None
    """A JSON array of names; None: those of the user type."""
    business_name: str | None = None
    contact_person: str | None = None
    gstin: str | None = None
    latitude: float | None = None
    """Degrees; None with the longitude: not told. Nobody else is shown it."""
    longitude: float | None = None
    notify_by_email: bool = True
    notify_by_sms: bool = False
    consent_gmail_ingest: bool = False
    """Whether mails may be read for purchases; the three below likewise for their source."""
    consent_whatsapp_ingest: bool = False
    consent_upi_ingest: bool = False
    consent_sms_ingest: bool = False
    last_active_us: int | None = None
    """The newest sign-in or refresh; None before the first."""

    @property
    def categories(self) -> tuple[str, ...]:
        """The person's own set, or the one of the user type."""
        if self.personal_category_set is None:
            return CATEGORIES[self.user_type]
        return msgspec.json.decode(self.personal_category_set, type=tuple[str, ...])


class ProfileChange(Struct, frozen=True, kw_only=True):
    """What to change; UNSET stays as it is."""

    name: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    timezone: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    currency: str | UnsetType = UNSET
    budget_preferences: dict[str, Any] | UnsetType = UNSET
    personal_category_set: tuple[str, ...] | UnsetType = UNSET
    business_name: str | UnsetType = UNSET
    contact_person: str | UnsetType = UNSET
    latitude: float | UnsetType | None = UNSET
    longitude: float | UnsetType | None = UNSET
    notify_by_email: bool | UnsetType = UNSET
    notify_by_sms: bool | UnsetType = UNSET
    consent_gmail_ingest: bool | UnsetType = UNSET
    consent_whatsapp_ingest: bool | UnsetType = UNSET
    consent_upi_ingest: bool | UnsetType = UNSET
    consent_sms_ingest: bool | UnsetType = UNSET

    def applied(self, profile: Profile) -> Profile:
        """The profile after it.

        Raises:
            InvalidFields: all that do not hold.
        """
        changes = {
            name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET
        }
        problems = {
            name: problem
            for name, value in changes.items()
            if (problem := _problem(name, value, profile.user_type)) is not None
        }
        if problems:
            raise InvalidFields({name: [problem] for name, problem in problems.items()})
        for name in ("budget_preferences", "personal_category_set"):
            if name in changes:
                changes[name] = msgspec.json.encode(changes[name]).decode()
        changed = msgspec.structs.replace(profile, **changes)
        if (changed.latitude is None) != (changed.longitude is None):
            missing = "latitude" if changed.latitude is None else "longitude"
            raise InvalidFields({missing: ["Latitude and longitude belong together"]})
        return changed


def _problem(name: str, value: Any, user_type: UserType) -> str | None:
    match name:
        case "latitude" | "longitude" | "notify_by_email" | "notify_by_sms":
            return None
        case _ if name.startswith("consent_"):
            return None
        case "name":
            return None if value.strip() else "Must not be empty"
        case "phone":
            told = value is None or is_phone(value)
            return None if told else "Must be + and country code, 7 to 15 digits"
        case "timezone":
            return None if _is_zone(value) else "Not an IANA time zone such as Asia/Kolkata"
        case "locale":
            return None if _LOCALE.fullmatch(value) else "Not a locale such as en or en-IN"
        case "currency":
            return None if _CURRENCY.fullmatch(value) else "Not an ISO 4217 code such as INR"
        case "budget_preferences":
            return _budget_problem(value)
        case "personal_category_set":
            return _categories_problem(value)
        case _:
            if user_type is UserType.CONSUMER:
                return "Only for business users"
            return None if value.strip() else "Must not be empty"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name is a folder, or too long
        return False
    return True


def _budget_problem(value: dict[str, Any]) -> str | None:
    too_long = len(msgspec.json.encode(value)) > BUDGET_BYTES_MAX
    return f"At most {BUDGET_BYTES_MAX} bytes" if too_long else None


def _categories_problem(names: tuple[str, ...]) -> str | None:
    if not 1 <= len(names) <= CATEGORIES_MAX:
        return f"Must be 1 to {CATEGORIES_MAX} names"
    if any(not name.strip() or len(name) > CATEGORY_LENGTH_MAX for name in names):
        return f"Each name must be 1 to {CATEGORY_LENGTH_MAX} characters"
    if len({name.casefold() for name in names}) < len(names):
        return "No name twice"
    return None
