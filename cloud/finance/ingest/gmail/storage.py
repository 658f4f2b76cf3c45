"""Mailboxes in SQL."""

from msgspec import Struct

from cloud.finance.transactions.model import SourceType
from cloud.kit.in_list import in_lists
from cloud.kit.store import ReadTx, WriteTx

_ACCOUNT = (
    "person_id, refresh_token, history_id, connected_at_us, last_sync_us, emails_processed,"
    " transactions_extracted, failures, due_at_us"
)


class Account(Struct, frozen=True, kw_only=True):
    """A mailbox that is read."""

    person_id: int
    refresh_token: str
    """Sealed."""
    history_id: str | None
    """Where reading stands; None: before the first mails were looked through."""
    connected_at_us: int
    last_sync_us: int | None
    emails_processed: int
    transactions_extracted: int
    failures: int
    """In a row."""
    due_at_us: int | None
    """None: let in no longer."""

    def __repr__(self) -> str:
        return f"Account(person_id={self.person_id}, ***)"


class Visit(Struct, frozen=True, kw_only=True):
    """Somebody who was sent to Google."""

    person_id: int
    browser_hash: str
    verifier: str
    """Sealed."""


class _Reference(Struct, frozen=True):
    reference: str


async def begin_visit(tx: WriteTx, state_hash: str, visit: Visit, expires_at_us: int, now_us: int) -> None:
    await tx.execute("DELETE FROM gmail_visits WHERE expires_at_us <= :now_us", {"now_us": now_us})
    await tx.execute(
        "INSERT INTO gmail_visits (state_hash, person_id, browser_hash, verifier, expires_at_us)"
        " VALUES (:state_hash, :person_id, :browser_hash, :verifier, :expires_at_us)",
        {
            "state_hash": state_hash,
            "person_id": visit.person_id,
            "browser_hash": visit.browser_hash,
            "verifier": visit.verifier,
            "expires_at_us": expires_at_us,
        },
    )


async def end_visit(tx: WriteTx, state_hash: str, now_us: int) -> Visit | None:
    """Once; None: unknown, used or expired."""
    found = await tx.fetch_one(
        Visit,
        "SELECT person_id, browser_hash, verifier FROM gmail_visits"
        " WHERE state_hash = :state_hash AND expires_at_us > :now_us",
        {"state_hash": state_hash, "now_us": now_us},
    )
    await tx.execute("DELETE FROM gmail_visits WHERE state_hash = :state_hash", {"state_hash": state_hash})
    return found


async def account(tx: ReadTx, person_id: int) -> Account | None:
    return await tx.fetch_one(
        Account,
        f"SELECT {_ACCOUNT} FROM gmail_accounts WHERE person_id = :person_id",
        {"person_id": person_id},
    )


async def due(tx: ReadTx, now_us: int, limit: int) -> list[Account]:
    return await tx.fetch_all(
        Account,
        f"SELECT {_ACCOUNT} FROM gmail_accounts WHERE due_at_us <= :now_us ORDER BY due_at_us LIMIT :limit",
        {"now_us": now_us, "limit": limit},
    )


async def connect(tx: WriteTx, person_id: int, refresh_token: str, now_us: int) -> None:
    """From the beginning: it may be another mailbox. What was counted stays."""
    await tx.execute(
        "INSERT INTO gmail_accounts (person_id, refresh_token, connected_at_us, emails_processed,"
        " transactions_extracted, failures, due_at_us)"
        " VALUES (:person_id, :refresh_token, :now_us, 0, 0, 0, :now_us) ON CONFLICT (person_id) DO UPDATE"
        " SET refresh_token = excluded.refresh_token, connected_at_us = excluded.connected_at_us,"
        " history_id = NULL, failures = 0, due_at_us = excluded.due_at_us",
        {"person_id": person_id, "refresh_token": refresh_token, "now_us": now_us},
    )


async def disconnect(tx: WriteTx, person_id: int) -> int:
    return await tx.execute(
        "DELETE FROM gmail_accounts WHERE person_id = :person_id", {"person_id": person_id}
    )


async def count(tx: WriteTx, account: Account, *, emails: int, transactions: int) -> None:
    """More mails were read, unless the mailbox was connected anew meanwhile."""
    await tx.execute(
        "UPDATE gmail_accounts SET emails_processed = emails_processed + :emails,"
        " transactions_extracted = transactions_extracted + :transactions"
        " WHERE person_id = :person_id AND refresh_token = :refresh_token",
        {
            "emails": emails,
            "transactions": transactions,
            "person_id": account.person_id,
            "refresh_token": account.refresh_token,
        },
    )


async def reached(
    tx: WriteTx, account: Account, *, history_id: str | None, now_us: int, due_at_us: int
) -> None:
    """All mails up to there were read; None: the whole mailbox is to be looked through again."""
    await tx.execute(
        "UPDATE gmail_accounts SET history_id = :history_id, last_sync_us = :now_us, failures = 0,"
        " due_at_us = :due_at_us WHERE person_id = :person_id AND refresh_token = :refresh_token",
        {
            "history_id": history_id,
            "now_us": now_us,
            "due_at_us": due_at_us,
            "person_id": account.person_id,
            "refresh_token": account.refresh_token,
        },
    )


async def failed(tx: WriteTx, account: Account, due_at_us: int | None) -> None:
    """To be tried again; None: never."""
    await tx.execute(
        "UPDATE gmail_accounts SET failures = failures + 1, due_at_us = :due_at_us"
        " WHERE person_id = :person_id AND refresh_token = :refresh_token",
        {
            "due_at_us": due_at_us,
            "person_id": account.person_id,
            "refresh_token": account.refresh_token,
        },
    )


async def known_references(tx: ReadTx, person_id: int, ids: tuple[str, ...]) -> set[str]:
    """Those of the mails that came in before."""
    found: set[str] = set()
    for names, params in in_lists(ids):
        rows = await tx.fetch_all(
            _Reference,
            "SELECT reference FROM finance_sources WHERE person_id = :person_id"
            f" AND source_type = :source_type AND reference IN ({names})",
            params | {"person_id": person_id, "source_type": SourceType.GMAIL.value},
        )
        found |= {row.reference for row in rows}
    return found
