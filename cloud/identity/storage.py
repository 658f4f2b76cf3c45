"""People, their emails and profiles, sign-ins, refresh tokens and used challenges in SQL."""

from collections.abc import Sequence

from msgspec import Struct, structs

from cloud.identity.model import Person, Role
from cloud.identity.profile import Profile
from cloud.identity.registration import UserType
from cloud.identity.tiers import Tier
from cloud.identity.tokens import ACCESS_LIFE_S_MAX
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx

_PROFILE = (
    "name",
    "phone",
    "timezone",
    "locale",
    "currency",
    "budget_preferences",
    "personal_category_set",
    "business_name",
    "contact_person",
    "gstin",
    "latitude",
    "longitude",
    "notify_by_email",
    "notify_by_sms",
    "consent_gmail_ingest",
    "consent_whatsapp_ingest",
    "consent_upi_ingest",
    "consent_sms_ingest",
)
_PERSON = ", ".join(Person.__struct_fields__)


class _EmailAndType(Struct, frozen=True, kw_only=True):
    email: str
    user_type: UserType


class EmailLogin(Struct, frozen=True, kw_only=True):
    """Whom an email and its type sign in, given the password."""

    person_id: int
    user_type: UserType
    password_hash: str

    def __repr__(self) -> str:
        return f"EmailLogin(person_id={self.person_id}, ***)"


class RefreshRow(Struct, frozen=True, kw_only=True):
    """A refresh token with its sign-in."""

    sign_in_id: str
    person_id: int
    expires_at_us: int
    rotated_at_us: int | None
    replaced_at_us: int | None
    revoked_at_us: int | None


async def person_by_id(tx: ReadTx, person_id: int) -> Person | None:
    return await tx.fetch_one(
        Person, f"SELECT {_PERSON} FROM people WHERE id = :person_id", {"person_id": person_id}
    )


async def people_by_id(tx: ReadTx, person_ids: Sequence[int]) -> list[Person]:
    people: list[Person] = []
    for names, params in in_lists(person_ids):
        people += await tx.fetch_all(Person, f"SELECT {_PERSON} FROM people WHERE id IN ({names})", params)
    return people


async def person_by_wallet(tx: ReadTx, wallet_address: str) -> Person | None:
    return await tx.fetch_one(
        Person,
        f"SELECT {_PERSON} FROM people WHERE wallet_address = :wallet_address",
        {"wallet_address": wallet_address},
    )


async def person_of_sign_in(tx: ReadTx, person_id: int, sign_in_id: str) -> Person | None:
    """None as well where the sign-in was revoked or is another person's."""
    return await tx.fetch_one(
        Person,
        f"SELECT {_PERSON} FROM people WHERE id = :person_id AND EXISTS (SELECT 1 FROM sign_ins"
        " WHERE sign_ins.id = :sign_in_id AND person_id = people.id AND revoked_at_us IS NULL)",
        {"person_id": person_id, "sign_in_id": sign_in_id},
    )


async def sign_in_at_us(tx: ReadTx, person_id: int, sign_in_id: str) -> int | None:
    """None as well where it was revoked or is another person's."""
    found: int | None = await tx.fetch_value(
        "SELECT created_at_us FROM sign_ins"
        " WHERE id = :sign_in_id AND person_id = :person_id AND revoked_at_us IS NULL",
        {"sign_in_id": sign_in_id, "person_id": person_id},
    )
    return found


async def add_person(tx: WriteTx, *, wallet_address: str | None, account: str, now_us: int) -> Person:
    person = await tx.fetch_one(
        Person,
        "INSERT INTO people (wallet_address, role, is_admin, kyc_status, location, account, created_at_us)"
        f" VALUES (:wallet_address, :role, 0, 'not_started', '', :account, :now_us) RETURNING {_PERSON}",
        {
            "wallet_address": wallet_address,
            "role": Role.RECIPIENT.value,
            "account": account,
            "now_us": now_us,
        },
    )
    assert person is not None  # noqa: S101  RETURNING gives the row it inserted
    return person


async def set_kyc(tx: WriteTx, person_id: int, status: str, verified_at_us: int | None) -> None:
    await tx.execute(
        "UPDATE people SET kyc_status = :status, kyc_verified_at_us = :verified_at_us WHERE id = :person_id",
        {"status": status, "verified_at_us": verified_at_us, "person_id": person_id},
    )


async def end_kyc(tx: WriteTx, *, verified_until_us: int) -> int:
    """Those verified so long ago are so no longer; how many."""
    return await tx.execute(
        "UPDATE people SET kyc_status = 'expired'"
        " WHERE kyc_status = 'verified' AND kyc_verified_at_us <= :verified_until_us",
        {"verified_until_us": verified_until_us},
    )


async def set_role(tx: WriteTx, person_id: int, role: Role) -> None:
    await tx.execute(
        "UPDATE people SET role = :role WHERE id = :person_id", {"role": role.value, "person_id": person_id}
    )


async def change_role(tx: WriteTx, person_id: int, before: Role, after: Role) -> None:
    """Where it is the one of before."""
    await tx.execute(
        "UPDATE people SET role = :after WHERE id = :person_id AND role = :before",
        {"before": before.value, "after": after.value, "person_id": person_id},
    )


async def set_location(tx: WriteTx, person_id: int, location: str) -> None:
    await tx.execute(
        "UPDATE people SET location = :location WHERE id = :person_id",
        {"location": location, "person_id": person_id},
    )


async def set_wallet(tx: WriteTx, person_id: int, wallet_address: str) -> None:
    """Only for a person without one."""
    await tx.execute(
        "UPDATE people SET wallet_address = :wallet_address WHERE id = :person_id AND wallet_address IS NULL",
        {"wallet_address": wallet_address, "person_id": person_id},
    )


async def people_by_email(tx: ReadTx, email_key: str) -> list[Person]:
    """One for each type of user that has an account by this email."""
    columns = ", ".join(f"people.{name}" for name in _PERSON.split(", "))
    return await tx.fetch_all(
        Person,
        f"SELECT {columns} FROM people JOIN email_logins ON person_id = people.id"
        " WHERE email_key = :email_key ORDER BY people.id",
        {"email_key": email_key},
    )


async def set_tier(tx: WriteTx, person_id: int, tier: Tier) -> None:
    await tx.execute(
        "UPDATE people SET tier = :tier WHERE id = :person_id", {"tier": tier.value, "person_id": person_id}
    )


async def set_admin(tx: WriteTx, person_id: int, *, is_admin: bool) -> None:
    await tx.execute(
        "UPDATE people SET is_admin = :is_admin WHERE id = :person_id",
        {"is_admin": int(is_admin), "person_id": person_id},
    )


async def add_sign_in(tx: WriteTx, *, sign_in_id: str, person_id: int, now_us: int) -> None:
    """A new sign-in, which replaces the person's earlier ones; what can no longer matter of them goes."""
    await tx.execute(
        "DELETE FROM refresh_tokens WHERE expires_at_us <= :now_us"
        " AND sign_in_id IN (SELECT id FROM sign_ins WHERE person_id = :person_id)",
        {"now_us": now_us, "person_id": person_id},
    )
    await tx.execute(
        "DELETE FROM sign_ins WHERE person_id = :person_id AND replaced_at_us <= :ended_before_us"
        " AND NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE sign_in_id = sign_ins.id)",
        {"person_id": person_id, "ended_before_us": now_us - ACCESS_LIFE_S_MAX * 1_000_000},
    )
    await tx.execute(
        "UPDATE sign_ins SET replaced_at_us = :now_us WHERE person_id = :person_id"
        " AND replaced_at_us IS NULL",
        {"now_us": now_us, "person_id": person_id},
    )
    await tx.execute(
        "INSERT INTO sign_ins (id, person_id, created_at_us) VALUES (:id, :person_id, :now_us)",
        {"id": sign_in_id, "person_id": person_id, "now_us": now_us},
    )


async def revoke_sign_in(tx: WriteTx, sign_in_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE sign_ins SET revoked_at_us = :now_us WHERE id = :id AND revoked_at_us IS NULL",
        {"now_us": now_us, "id": sign_in_id},
    )


async def revoke_sign_ins_of(tx: WriteTx, person_id: int, now_us: int) -> None:
    await tx.execute(
        "UPDATE sign_ins SET revoked_at_us = :now_us WHERE person_id = :person_id AND revoked_at_us IS NULL",
        {"now_us": now_us, "person_id": person_id},
    )


async def add_refresh_token(tx: WriteTx, *, token_hash: str, sign_in_id: str, expires_at_us: int) -> None:
    await tx.execute(
        "INSERT INTO refresh_tokens (token_hash, sign_in_id, expires_at_us)"
        " VALUES (:token_hash, :sign_in_id, :expires_at_us)",
        {"token_hash": token_hash, "sign_in_id": sign_in_id, "expires_at_us": expires_at_us},
    )


async def refresh_row(tx: ReadTx, token_hash: str) -> RefreshRow | None:
    return await tx.fetch_one(
        RefreshRow,
        "SELECT sign_in_id, person_id, expires_at_us, rotated_at_us, replaced_at_us, revoked_at_us"
        " FROM refresh_tokens JOIN sign_ins ON sign_ins.id = sign_in_id WHERE token_hash = :token_hash",
        {"token_hash": token_hash},
    )


async def mark_rotated(tx: WriteTx, token_hash: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE refresh_tokens SET rotated_at_us = :now_us WHERE token_hash = :token_hash",
        {"now_us": now_us, "token_hash": token_hash},
    )


async def note_refresh(tx: WriteTx, sign_in_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE sign_ins SET refreshed_at_us = :now_us WHERE id = :id", {"now_us": now_us, "id": sign_in_id}
    )


_EMAIL_LOGIN = "SELECT person_id, user_type, password_hash FROM email_logins"


async def email_login(tx: ReadTx, email_key: str, user_type: UserType) -> EmailLogin | None:
    return await tx.fetch_one(
        EmailLogin,
        f"{_EMAIL_LOGIN} WHERE email_key = :email_key AND user_type = :user_type",
        {"email_key": email_key, "user_type": user_type.value},
    )


async def email_login_of(tx: ReadTx, person_id: int) -> EmailLogin | None:
    return await tx.fetch_one(
        EmailLogin, f"{_EMAIL_LOGIN} WHERE person_id = :person_id", {"person_id": person_id}
    )


class ResetRow(Struct, frozen=True, kw_only=True):
    """Whose password a code may set."""

    person_id: int
    expires_at_us: int


async def set_password(tx: WriteTx, person_id: int, password_hash: str) -> None:
    await tx.execute(
        "UPDATE email_logins SET password_hash = :password_hash WHERE person_id = :person_id",
        {"password_hash": password_hash, "person_id": person_id},
    )


async def put_reset(tx: WriteTx, person_id: int, *, code_hash: str, expires_at_us: int) -> None:
    """A newer code takes the place of the person's older one."""
    await tx.execute(
        "INSERT INTO password_resets (person_id, code_hash, expires_at_us)"
        " VALUES (:person_id, :code_hash, :expires_at_us) ON CONFLICT (person_id) DO UPDATE"
        " SET code_hash = excluded.code_hash, expires_at_us = excluded.expires_at_us",
        {"person_id": person_id, "code_hash": code_hash, "expires_at_us": expires_at_us},
    )


async def reset_row(tx: ReadTx, code_hash: str) -> ResetRow | None:
    return await tx.fetch_one(
        ResetRow,
        "SELECT person_id, expires_at_us FROM password_resets WHERE code_hash = :code_hash",
        {"code_hash": code_hash},
    )


async def drop_reset(tx: WriteTx, person_id: int) -> None:
    await tx.execute("DELETE FROM password_resets WHERE person_id = :person_id", {"person_id": person_id})


async def add_email_login(tx: WriteTx, login: EmailLogin, *, email: str, email_key: str, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO email_logins (person_id, email, email_key, user_type, password_hash, created_at_us)"
        " VALUES (:person_id, :email, :email_key, :user_type, :password_hash, :now_us)",
        {
            "person_id": login.person_id,
            "email": email,
            "email_key": email_key,
            "user_type": login.user_type.value,
            "password_hash": login.password_hash,
            "now_us": now_us,
        },
    )


async def profile_of(tx: ReadTx, person_id: int) -> Profile:
    """The defaults where nothing was told."""
    told = await tx.fetch_one(
        Profile,
        f"SELECT {', '.join(_PROFILE)} FROM profiles WHERE person_id = :person_id",
        {"person_id": person_id},
    )
    email = await tx.fetch_one(
        _EmailAndType,
        "SELECT email, user_type FROM email_logins WHERE person_id = :person_id",
        {"person_id": person_id},
    )
    last_active_us = await tx.fetch_value(
        "SELECT MAX(COALESCE(refreshed_at_us, created_at_us)) FROM sign_ins WHERE person_id = :person_id",
        {"person_id": person_id},
    )
    return structs.replace(
        told or Profile(),
        email=email.email if email else None,
        user_type=email.user_type if email else UserType.CONSUMER,
        last_active_us=last_active_us,
    )


async def set_profile(tx: WriteTx, person_id: int, profile: Profile) -> None:
    changes = ", ".join(f"{name} = excluded.{name}" for name in _PROFILE)
    await tx.execute(
        f"INSERT INTO profiles (person_id, {', '.join(_PROFILE)})"
        f" VALUES (:person_id, {', '.join(':' + name for name in _PROFILE)})"
        f" ON CONFLICT (person_id) DO UPDATE SET {changes}",
        {"person_id": person_id} | {name: _stored(getattr(profile, name)) for name in _PROFILE},
    )


def _stored(value: object) -> object:
    """A boolean as the number that its column holds."""
    return int(value) if isinstance(value, bool) else value


class PlaceRow(Struct, frozen=True, kw_only=True):
    """Where a person says they are."""

    person_id: int
    latitude: float
    longitude: float


async def places_of(tx: ReadTx, person_ids: Sequence[int]) -> list[PlaceRow]:
    """Of those who told."""
    rows: list[PlaceRow] = []
    for names, params in in_lists(person_ids):
        rows += await tx.fetch_all(
            PlaceRow,
            "SELECT person_id, latitude, longitude FROM profiles"
            f" WHERE person_id IN ({names}) AND latitude IS NOT NULL",
            params,
        )
    return rows


async def use_challenge(tx: WriteTx, *, nonce: str, expires_at_us: int, now_us: int) -> bool:
    """Whether this is its first use. Those that have expired are forgotten on the way."""
    await tx.execute("DELETE FROM used_challenges WHERE expires_at_us <= :now_us", {"now_us": now_us})
    return bool(
        await tx.execute(
            "INSERT INTO used_challenges (nonce, expires_at_us) VALUES (:nonce, :expires_at_us)"
            " ON CONFLICT (nonce) DO NOTHING",
            {"nonce": nonce, "expires_at_us": expires_at_us},
        )
    )


async def person_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM people"))
