"""What an account by email must bring: the rules, field by field."""

import re
from enum import StrEnum

from msgspec import Struct

from cloud.errors import InvalidFields
from cloud.identity.gstin import is_gstin

PASSWORD_LENGTH_MIN = 8
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]"
    r"(?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])",
    re.ASCII,
)
"""As a browser's email field takes it (WHATWG HTML), with a domain of at least two labels."""
EMAIL_LENGTH_MAX = 254
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
"""E.164."""


class UserType(StrEnum):
    CONSUMER = "consumer"
    BUSINESS = "business"


class Registration(Struct, frozen=True, kw_only=True):
    """An account by email, as asked for."""

    email: str
    password: str
    name: str
    user_type: UserType
    phone: str | None
    business_name: str | None
    contact_person: str | None
    gstin: str | None

    def __repr__(self) -> str:
        return f"Registration(user_type={self.user_type!r}, ***)"

    def check(self) -> None:
        """Return silently when every field holds.

        Raises:
            InvalidFields: all that do not.
        """
        details: dict[str, list[str]] = {}
        if not is_email(self.email):
            details["email"] = ["Invalid email format"]
        if len(self.password) < PASSWORD_LENGTH_MIN:
            details["password"] = [f"Password must be at least {PASSWORD_LENGTH_MIN} characters"]
        if not self.name.strip():
            details["name"] = ["Required"]
        if self.phone is not None and not is_phone(self.phone):
            details["phone"] = ["Must be + and country code, 7 to 15 digits"]
        details |= self._business_problems()
        if details:
            raise InvalidFields(details)

    def _business_problems(self) -> dict[str, list[str]]:
        told = {
            "business_name": self.business_name,
            "contact_person": self.contact_person,
            "gstin": self.gstin,
        }
        if self.user_type is UserType.CONSUMER:
            return {name: ["Only for business users"] for name, text in told.items() if text is not None}
        missing = {
            name: ["Required for business users"]
            for name, text in told.items()
            if not (text and text.strip())
        }
        if "gstin" not in missing and not is_gstin(self.gstin or ""):
            return missing | {"gstin": ["Invalid GSTIN: 15 characters, the last one a check character"]}
        return missing


def is_email(text: str) -> bool:
    return len(text) <= EMAIL_LENGTH_MAX and _EMAIL.fullmatch(text) is not None


def is_phone(text: str) -> bool:
    return _PHONE.fullmatch(text) is not None


def email_key(email: str) -> str:
    """What makes two spellings of an address one."""
    return email.lower()
