"""The SQL of payments, refunds, payouts, payees, the notices of providers, and the sandbox's books."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from cloud.kit.store import ReadTx, WriteTx
from cloud.payments.model import Payment, Payout, Refund

_PAYMENT = ", ".join(Payment.__struct_fields__)
_REFUND = ", ".join(Refund.__struct_fields__)
_PAYOUT = ", ".join(Payout.__struct_fields__)
_TABLES: dict[type[Struct], str] = {Payment: "payments", Refund: "refunds", Payout: "payouts"}

T = TypeVar("T", bound=Payment | Refund | Payout)
R = TypeVar("R", bound=Refund | Payout)


class SandboxIntent(Struct, frozen=True, kw_only=True):
    """A row of the sandbox."""

    id: str
    payment_id: str
    amount_minor: int
    currency: str
    client_secret: str
    state: str
    since_us: int
    decline_code: str | None


class SandboxTransfer(Struct, frozen=True, kw_only=True):
    """A refund or a payout of the sandbox."""

    id: str
    our_id: str
    amount_minor: int
    currency: str
    at_us: int


_SANDBOX_INTENT = ", ".join(SandboxIntent.__struct_fields__)
_SANDBOX_TRANSFER = ", ".join(SandboxTransfer.__struct_fields__)


# Payments


async def insert_payment(tx: WriteTx, payment: Payment, *, due_at_us: int) -> bool:
    """False where there is one with the same reference."""
    changed = await tx.execute(
        f"INSERT INTO payments ({_PAYMENT}, due_at_us) VALUES ({_values(_PAYMENT)}, :due_at_us)"
        " ON CONFLICT (reference) DO NOTHING",
        {**_row(payment), "due_at_us": due_at_us},
    )
    return changed == 1


async def payment(tx: ReadTx, payment_id: str) -> Payment | None:
    return await tx.fetch_one(Payment, f"SELECT {_PAYMENT} FROM payments WHERE id = :id", {"id": payment_id})


async def payment_by_reference(tx: ReadTx, reference: str) -> Payment | None:
    return await tx.fetch_one(
        Payment, f"SELECT {_PAYMENT} FROM payments WHERE reference = :reference", {"reference": reference}
    )


async def update_payment(tx: WriteTx, payment: Payment, *, due_at_us: int | None) -> None:
    """All that news can change."""
    await tx.execute(
        "UPDATE payments SET state = :state, intent_id = :intent_id, client_secret = :client_secret,"
        " redirect_url = :redirect_url, decline_code = :decline_code, told_at_us = :told_at_us,"
        " due_at_us = :due_at_us WHERE id = :id",
        {
            "id": payment.id,
            "state": str(payment.state),
            "intent_id": payment.intent_id,
            "client_secret": payment.client_secret,
            "redirect_url": payment.redirect_url,
            "decline_code": payment.decline_code,
            "told_at_us": payment.told_at_us,
            "due_at_us": due_at_us,
        },
    )


async def want_cancel(tx: WriteTx, payment_id: str, *, due_at_us: int) -> None:
    """Where the provider was asked and has not answered, that comes first: its lease stays."""
    await tx.execute(
        "UPDATE payments SET is_cancel_wanted = 1,"
        " due_at_us = CASE WHEN intent_id IS NULL THEN due_at_us ELSE :due_at_us END WHERE id = :id",
        {"id": payment_id, "due_at_us": due_at_us},
    )


# Refunds


async def insert_refund(tx: WriteTx, refund: Refund, *, due_at_us: int) -> None:
    await tx.execute(
        f"INSERT INTO refunds ({_REFUND}, due_at_us) VALUES ({_values(_REFUND)}, :due_at_us)",
        {**_row(refund), "due_at_us": due_at_us},
    )


async def refund(tx: ReadTx, refund_id: str) -> Refund | None:
    return await tx.fetch_one(Refund, f"SELECT {_REFUND} FROM refunds WHERE id = :id", {"id": refund_id})


async def refund_of(tx: ReadTx, payment_id: str) -> Refund | None:
    return await tx.fetch_one(
        Refund, f"SELECT {_REFUND} FROM refunds WHERE payment_id = :payment_id", {"payment_id": payment_id}
    )


async def update_refund(tx: WriteTx, refund: Refund, *, due_at_us: int | None) -> None:
    await tx.execute(
        "UPDATE refunds SET state = :state, provider_id = :provider_id, failure = :failure,"
        " due_at_us = :due_at_us WHERE id = :id",
        {
            "id": refund.id,
            "state": str(refund.state),
            "provider_id": refund.provider_id,
            "failure": refund.failure,
            "due_at_us": due_at_us,
        },
    )


# Payouts


async def insert_payout(tx: WriteTx, payout: Payout, *, due_at_us: int) -> None:
    await tx.execute(
        f"INSERT INTO payouts ({_PAYOUT}, due_at_us) VALUES ({_values(_PAYOUT)}, :due_at_us)",
        {**_row(payout), "due_at_us": due_at_us},
    )


async def payout(tx: ReadTx, payout_id: str) -> Payout | None:
    return await tx.fetch_one(Payout, f"SELECT {_PAYOUT} FROM payouts WHERE id = :id", {"id": payout_id})


async def payout_by_reference(tx: ReadTx, reference: str) -> Payout | None:
    return await tx.fetch_one(
        Payout, f"SELECT {_PAYOUT} FROM payouts WHERE reference = :reference", {"reference": reference}
    )


async def update_payout(tx: WriteTx, payout: Payout, *, due_at_us: int | None) -> None:
    await tx.execute(
        "UPDATE payouts SET state = :state, provider_id = :provider_id, failure = :failure,"
        " due_at_us = :due_at_us WHERE id = :id",
        {
            "id": payout.id,
            "state": str(payout.state),
            "provider_id": payout.provider_id,
            "failure": payout.failure,
            "due_at_us": due_at_us,
        },
    )


# What all three have in common


async def due(tx: ReadTx, kind: type[T], provider: str, *, now_us: int, limit: int) -> Sequence[T]:
    """What is to be done at the provider, the longest due first."""
    return await tx.fetch_all(
        kind,
        f"SELECT {_columns(kind)} FROM {_TABLES[kind]} WHERE due_at_us <= :now_us AND provider = :provider"
        " ORDER BY due_at_us, id LIMIT :limit",
        {"now_us": now_us, "provider": provider, "limit": limit},
    )


async def next_due_us(tx: ReadTx, provider: str, now_us: int) -> int | None:
    """When the next thing after now is to be done; None: nothing waits for its time."""
    found = [
        await tx.fetch_value(
            f"SELECT MIN(due_at_us) FROM {table} WHERE due_at_us > :now_us AND provider = :provider",
            {"now_us": now_us, "provider": provider},
        )
        for table in _TABLES.values()
    ]
    return min((due_us for due_us in found if due_us is not None), default=None)


async def take(tx: WriteTx, kind: type[T], id_: str, *, now_us: int, lease_until_us: int) -> T | None:
    """It is this caller's until the lease ends: the row as it was before; None where it is not due."""
    before = await tx.fetch_one(
        kind, f"SELECT {_columns(kind)} FROM {_TABLES[kind]} WHERE id = :id", {"id": id_}
    )
    changed = await tx.execute(
        f"UPDATE {_TABLES[kind]} SET sent_at_us = COALESCE(sent_at_us, :now_us), due_at_us = :lease_until_us"
        " WHERE id = :id AND due_at_us <= :now_us",
        {"id": id_, "now_us": now_us, "lease_until_us": lease_until_us},
    )
    return before if changed == 1 else None


async def postpone(tx: WriteTx, kind: type[Payment | Refund | Payout], id_: str, *, due_at_us: int) -> None:
    """Something that is still to be done waits a little."""
    await tx.execute(
        f"UPDATE {_TABLES[kind]} SET due_at_us = :due_at_us WHERE id = :id AND due_at_us IS NOT NULL",
        {"id": id_, "due_at_us": due_at_us},
    )


async def failed(tx: ReadTx, kind: type[R]) -> Sequence[R]:
    """Money that is still owed, the longest owed first."""
    return await tx.fetch_all(
        kind,
        f"SELECT {_columns(kind)} FROM {_TABLES[kind]} WHERE state IN ('failed', 'canceled')"
        " ORDER BY created_at_us, id",
        {},
    )


async def begin_again(tx: WriteTx, owed: Refund | Payout, *, due_at_us: int) -> bool:
    """As if it had never been sent, under the next key; False where somebody else did, or it changed."""
    changed = await tx.execute(
        f"UPDATE {_TABLES[type(owed)]} SET state = 'waiting', attempt = attempt + 1, sent_at_us = NULL,"
        " provider_id = NULL, failure = NULL, due_at_us = :due_at_us"
        " WHERE id = :id AND attempt = :attempt AND state = :state",
        {
            "id": owed.id,
            "attempt": owed.attempt,
            "state": str(owed.state),
            "due_at_us": due_at_us,
        },
    )
    return changed == 1


def _columns(kind: type[Struct]) -> str:
    return ", ".join(kind.__struct_fields__)


def _values(columns: str) -> str:
    return ", ".join(f":{name}" for name in columns.split(", "))


def _row(row: Payment | Refund | Payout) -> dict[str, object]:
    values = asdict(row) | {"state": str(row.state)}
    if isinstance(row, Payment):
        values["is_cancel_wanted"] = int(row.is_cancel_wanted)
    return values


# Payees and notices


async def destination(tx: ReadTx, *, account: str, provider: str) -> str | None:
    """Under which id the provider knows the payee."""
    found: str | None = await tx.fetch_value(
        "SELECT destination FROM payees WHERE account = :account AND provider = :provider",
        {"account": account, "provider": provider},
    )
    return found


async def set_destination(tx: WriteTx, *, account: str, provider: str, destination: str, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO payees (account, provider, destination, created_at_us)"
        " VALUES (:account, :provider, :destination, :now_us)"
        " ON CONFLICT (account, provider) DO UPDATE SET destination = excluded.destination",
        {"account": account, "provider": provider, "destination": destination, "now_us": now_us},
    )


# The sandbox


async def insert_sandbox_intent(tx: WriteTx, row: SandboxIntent) -> bool:
    """False where the payment has one."""
    changed = await tx.execute(
        f"INSERT INTO sandbox_intents ({_SANDBOX_INTENT}) VALUES ({_values(_SANDBOX_INTENT)})"
        " ON CONFLICT (payment_id) DO NOTHING",
        asdict(row),
    )
    return changed == 1


async def sandbox_intent_for(tx: ReadTx, payment_id: str) -> SandboxIntent | None:
    return await tx.fetch_one(
        SandboxIntent,
        f"SELECT {_SANDBOX_INTENT} FROM sandbox_intents WHERE payment_id = :payment_id",
        {"payment_id": payment_id},
    )


async def sandbox_intent(tx: ReadTx, intent_id: str) -> SandboxIntent | None:
    return await tx.fetch_one(
        SandboxIntent, f"SELECT {_SANDBOX_INTENT} FROM sandbox_intents WHERE id = :id", {"id": intent_id}
    )


async def set_sandbox_intent(
    tx: WriteTx, intent_id: str, *, state: str, since_us: int, decline_code: str | None
) -> None:
    await tx.execute(
        "UPDATE sandbox_intents SET state = :state, since_us = :since_us, decline_code = :decline_code"
        " WHERE id = :id",
        {"id": intent_id, "state": state, "since_us": since_us, "decline_code": decline_code},
    )


async def insert_sandbox_transfer(tx: WriteTx, row: SandboxTransfer) -> None:
    await tx.execute(
        f"INSERT INTO sandbox_transfers ({_SANDBOX_TRANSFER}) VALUES ({_values(_SANDBOX_TRANSFER)})"
        " ON CONFLICT (our_id) DO NOTHING",
        asdict(row),
    )


async def sandbox_transfer_for(tx: ReadTx, our_id: str) -> SandboxTransfer | None:
    return await tx.fetch_one(
        SandboxTransfer,
        f"SELECT {_SANDBOX_TRANSFER} FROM sandbox_transfers WHERE our_id = :our_id",
        {"our_id": our_id},
    )
