"""Applications, their secrets, grants, codes and refresh tokens in SQL."""

from msgspec import Struct

from cloud.identity.oauth.model import Application, Code, Grant, RefreshToken
from cloud.kit.store import ReadTx, WriteTx

_APPLICATION = (
    "client_id, owner_id, name, is_confidential, redirect_uris, scopes, created_at_us, revoked_at_us"
)
_GRANT = "id, client_id, person_id, scopes, created_at_us, ends_at_us, revoked_at_us"
_CODE = "code_hash, redirect_uri, code_challenge, expires_at_us, used_at_us"
_REFRESH = "token_hash, expires_at_us, used_at_us"


class AllowedRow(Struct, frozen=True, kw_only=True):
    """An application that a person let in."""

    client_id: str
    name: str
    scopes: str
    created_at_us: int


async def add_application(tx: WriteTx, application: Application) -> None:
    await tx.execute(
        "INSERT INTO applications"
        " (client_id, owner_id, name, is_confidential, redirect_uris, scopes, created_at_us)"
        " VALUES (:client_id, :owner_id, :name, :is_confidential, :redirect_uris, :scopes, :created_at_us)",
        {
            "client_id": application.client_id,
            "owner_id": application.owner_id,
            "name": application.name,
            "is_confidential": int(application.is_confidential),
            "redirect_uris": application.redirect_uris,
            "scopes": application.scopes,
            "created_at_us": application.created_at_us,
        },
    )


async def application(tx: ReadTx, client_id: str) -> Application | None:
    """None as well where it was revoked."""
    return await tx.fetch_one(
        Application,
        f"SELECT {_APPLICATION} FROM applications WHERE client_id = :client_id AND revoked_at_us IS NULL",
        {"client_id": client_id},
    )


async def applications_of(tx: ReadTx, owner_id: int) -> list[Application]:
    """Those that work, the newest first."""
    return await tx.fetch_all(
        Application,
        f"SELECT {_APPLICATION} FROM applications WHERE owner_id = :owner_id AND revoked_at_us IS NULL"
        " ORDER BY client_id DESC",
        {"owner_id": owner_id},
    )


async def change_application(tx: WriteTx, changed: Application) -> None:
    """Name, redirect URIs and scopes."""
    await tx.execute(
        "UPDATE applications SET name = :name, redirect_uris = :redirect_uris, scopes = :scopes"
        " WHERE client_id = :client_id",
        {
            "name": changed.name,
            "redirect_uris": changed.redirect_uris,
            "scopes": changed.scopes,
            "client_id": changed.client_id,
        },
    )


async def revoke_application(tx: WriteTx, client_id: str, now_us: int) -> None:
    """With all that people allowed it."""
    params = {"client_id": client_id, "now_us": now_us}
    await tx.execute("UPDATE applications SET revoked_at_us = :now_us WHERE client_id = :client_id", params)
    await tx.execute(
        "UPDATE oauth_grants SET revoked_at_us = :now_us"
        " WHERE client_id = :client_id AND revoked_at_us IS NULL",
        params,
    )


async def add_secret(tx: WriteTx, client_id: str, *, secret_hash: str, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO application_secrets (secret_hash, client_id, created_at_us)"
        " VALUES (:secret_hash, :client_id, :now_us)",
        {"secret_hash": secret_hash, "client_id": client_id, "now_us": now_us},
    )


async def expire_secrets(tx: WriteTx, client_id: str, at_us: int) -> None:
    """Never later than they would anyway."""
    await tx.execute(
        "UPDATE application_secrets SET expires_at_us = :at_us"
        " WHERE client_id = :client_id AND (expires_at_us IS NULL OR expires_at_us > :at_us)",
        {"client_id": client_id, "at_us": at_us},
    )


class _Hash(Struct, frozen=True):
    secret_hash: str


async def secret_hashes(tx: ReadTx, client_id: str, now_us: int) -> list[str]:
    """Of the secrets that work."""
    rows = await tx.fetch_all(
        _Hash,
        "SELECT secret_hash FROM application_secrets WHERE client_id = :client_id"
        " AND (expires_at_us IS NULL OR expires_at_us > :now_us)",
        {"client_id": client_id, "now_us": now_us},
    )
    return [row.secret_hash for row in rows]


async def add_grant(tx: WriteTx, grant: Grant) -> None:
    await tx.execute(
        "INSERT INTO oauth_grants (id, client_id, person_id, scopes, created_at_us, ends_at_us)"
        " VALUES (:id, :client_id, :person_id, :scopes, :created_at_us, :ends_at_us)",
        {
            "id": grant.id,
            "client_id": grant.client_id,
            "person_id": grant.person_id,
            "scopes": grant.scopes,
            "created_at_us": grant.created_at_us,
            "ends_at_us": grant.ends_at_us,
        },
    )


async def grant(tx: ReadTx, grant_id: str) -> Grant | None:
    return await tx.fetch_one(
        Grant, f"SELECT {_GRANT} FROM oauth_grants WHERE id = :grant_id", {"grant_id": grant_id}
    )


async def grant_of_code(tx: ReadTx, code_hash: str) -> tuple[Code, Grant] | None:
    code = await tx.fetch_one(
        Code,
        f"SELECT {_CODE} FROM authorization_codes WHERE code_hash = :code_hash",
        {"code_hash": code_hash},
    )
    found = await tx.fetch_one(
        Grant,
        f"SELECT {_GRANT} FROM oauth_grants WHERE id ="
        " (SELECT grant_id FROM authorization_codes WHERE code_hash = :code_hash)",
        {"code_hash": code_hash},
    )
    return None if code is None or found is None else (code, found)


async def grant_of_refresh_token(tx: ReadTx, token_hash: str) -> tuple[RefreshToken, Grant] | None:
    token = await tx.fetch_one(
        RefreshToken,
        f"SELECT {_REFRESH} FROM oauth_refresh_tokens WHERE token_hash = :token_hash",
        {"token_hash": token_hash},
    )
    found = await tx.fetch_one(
        Grant,
        f"SELECT {_GRANT} FROM oauth_grants WHERE id ="
        " (SELECT grant_id FROM oauth_refresh_tokens WHERE token_hash = :token_hash)",
        {"token_hash": token_hash},
    )
    return None if token is None or found is None else (token, found)


async def add_code(tx: WriteTx, grant_id: str, code: Code) -> None:
    await tx.execute(
        "INSERT INTO authorization_codes (code_hash, grant_id, redirect_uri, code_challenge, expires_at_us)"
        " VALUES (:code_hash, :grant_id, :redirect_uri, :code_challenge, :expires_at_us)",
        {
            "code_hash": code.code_hash,
            "grant_id": grant_id,
            "redirect_uri": code.redirect_uri,
            "code_challenge": code.code_challenge,
            "expires_at_us": code.expires_at_us,
        },
    )


async def use_code(tx: WriteTx, code_hash: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE authorization_codes SET used_at_us = :now_us WHERE code_hash = :code_hash",
        {"code_hash": code_hash, "now_us": now_us},
    )


async def add_refresh_token(tx: WriteTx, grant_id: str, token: RefreshToken) -> None:
    """The grant lasts as long as its newest token."""
    params = {"grant_id": grant_id, "expires_at_us": token.expires_at_us}
    await tx.execute(
        "INSERT INTO oauth_refresh_tokens (token_hash, grant_id, expires_at_us)"
        " VALUES (:token_hash, :grant_id, :expires_at_us)",
        params | {"token_hash": token.token_hash},
    )
    await tx.execute("UPDATE oauth_grants SET ends_at_us = :expires_at_us WHERE id = :grant_id", params)


async def use_refresh_token(tx: WriteTx, token_hash: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE oauth_refresh_tokens SET used_at_us = :now_us WHERE token_hash = :token_hash",
        {"token_hash": token_hash, "now_us": now_us},
    )


async def revoke_grant(tx: WriteTx, grant_id: str, now_us: int) -> None:
    await tx.execute(
        "UPDATE oauth_grants SET revoked_at_us = :now_us WHERE id = :grant_id AND revoked_at_us IS NULL",
        {"grant_id": grant_id, "now_us": now_us},
    )


async def revoke_grants(tx: WriteTx, client_id: str, person_id: int, now_us: int) -> None:
    """All that one person allowed one application."""
    await tx.execute(
        "UPDATE oauth_grants SET revoked_at_us = :now_us"
        " WHERE client_id = :client_id AND person_id = :person_id AND revoked_at_us IS NULL",
        {"client_id": client_id, "person_id": person_id, "now_us": now_us},
    )


async def allowed_by(tx: ReadTx, person_id: int, now_us: int) -> list[AllowedRow]:
    """Each living grant of other than their own credentials, the newest first."""
    return await tx.fetch_all(
        AllowedRow,
        "SELECT applications.client_id AS client_id, name, oauth_grants.scopes AS scopes,"
        " oauth_grants.created_at_us AS created_at_us"
        " FROM oauth_grants JOIN applications ON applications.client_id = oauth_grants.client_id"
        " WHERE person_id = :person_id AND oauth_grants.revoked_at_us IS NULL AND ends_at_us > :now_us"
        " AND EXISTS (SELECT 1 FROM authorization_codes WHERE grant_id = oauth_grants.id)"
        " ORDER BY oauth_grants.id DESC",
        {"person_id": person_id, "now_us": now_us},
    )


async def forget_ended(tx: WriteTx, before_us: int) -> int:
    """Grants whose last token expired before; how many went."""
    params = {"before_us": before_us}
    for table in ("authorization_codes", "oauth_refresh_tokens"):
        await tx.execute(
            f"DELETE FROM {table} WHERE grant_id IN"
            " (SELECT id FROM oauth_grants WHERE ends_at_us <= :before_us)",
            params,
        )
    return await tx.execute("DELETE FROM oauth_grants WHERE ends_at_us <= :before_us", params)
