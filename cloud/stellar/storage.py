"""The SQL of the outbox, of withdrawals and of deposits."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from cloud.kit.store import ReadTx, WriteTx
from cloud.ledger.model import Anchor, Asset
from cloud.stellar.model import (
    Deposit,
    Envelope,
    EnvelopeState,
    Form,
    Operation,
    OperationState,
    Signed,
    Withdrawal,
)

_ENVELOPE = ", ".join(Envelope.__struct_fields__)
_OPERATION = ", ".join(Operation.__struct_fields__)
_INSERT_OPERATION = (
    f"INSERT INTO stellar_operations ({_OPERATION}) VALUES (:id, :kind, :state, :envelope_id, :entry_id,"
    " :asset, :amount, :destination, :form, :root_hash, :tree_size, :attempts, :at_us)"
)
_INSERT_ENVELOPE = (
    "INSERT INTO stellar_envelopes"
    " (id, hash, sequence, fee_stroops, expires_at_us, xdr, state, built_at_us)"
    " VALUES (:id, :hash, :sequence, :fee_stroops, :expires_at_us, :xdr, 'built', :built_at_us)"
)
_TAKE = (
    "UPDATE stellar_source SET sequence = sequence + :sequences, last_id = last_id + :ids"
    " WHERE custody = :custody RETURNING sequence, last_id"
)
_DEPOSIT = ", ".join(Deposit.__struct_fields__)


class Source(Struct, frozen=True, kw_only=True):
    """Whose database this is."""

    custody: str
    issuer: str
    network: str
    sequence: int = 0


class Taken(Struct, frozen=True, kw_only=True):
    """The last of the numbers that were taken."""

    sequence: int
    last_id: int


# The line of sequence numbers


async def source(tx: ReadTx) -> Source | None:
    return await tx.fetch_one(Source, "SELECT custody, issuer, network, sequence FROM stellar_source")


async def insert_source(tx: WriteTx, row: Source) -> None:
    await tx.execute(
        "INSERT INTO stellar_source (custody, issuer, network, sequence, last_id)"
        " VALUES (:custody, :issuer, :network, :sequence, 0)",
        asdict(row),
    )


async def take(tx: WriteTx, custody: str, *, sequences: int, ids: int) -> Taken | None:
    """So many sequence numbers and ids; None before the first."""
    return await tx.fetch_one(Taken, _TAKE, {"custody": custody, "sequences": sequences, "ids": ids})


async def set_sequence(tx: WriteTx, custody: str, sequence: int) -> None:
    await tx.execute(
        "UPDATE stellar_source SET sequence = :sequence WHERE custody = :custody",
        {"custody": custody, "sequence": sequence},
    )


# Envelopes and operations


class NewEnvelope(NamedTuple):
    """An envelope under its id."""

    id: int
    signed: Signed


async def insert_envelopes(tx: WriteTx, envelopes: Iterable[NewEnvelope], *, at_us: int) -> None:
    await tx.execute_many(
        _INSERT_ENVELOPE,
        [
            {
                "id": id_,
                "hash": signed.hash,
                "sequence": signed.sequence,
                "fee_stroops": signed.fee_stroops,
                "expires_at_us": signed.expires_at_us,
                "xdr": signed.xdr,
                "built_at_us": at_us,
            }
            for id_, signed in envelopes
        ],
    )


async def insert_operations(tx: WriteTx, operations: Iterable[Operation]) -> None:
    await tx.execute_many(
        _INSERT_OPERATION,
        [
            {
                "id": operation.id,
                "kind": str(operation.kind),
                "state": str(operation.state),
                "envelope_id": operation.envelope_id,
                "entry_id": operation.entry_id,
                "asset": None if operation.asset is None else str(operation.asset),
                "amount": operation.amount,
                "destination": operation.destination,
                "form": None if operation.form is None else str(operation.form),
                "root_hash": operation.root_hash,
                "tree_size": operation.tree_size,
                "attempts": operation.attempts,
                "at_us": operation.at_us,
            }
            for operation in operations
        ],
    )


async def waiting(tx: ReadTx, limit: int) -> list[Operation]:
    """The next operations to send, in order."""
    return await tx.fetch_all(
        Operation,
        f"SELECT {_OPERATION} FROM stellar_operations WHERE state = 'waiting' ORDER BY id LIMIT :limit",
        {"limit": limit},
    )


async def waiting_total(tx: ReadTx) -> int:
    return int(await tx.fetch_value("SELECT COUNT(*) FROM stellar_operations WHERE state = 'waiting'"))


async def waiting_outside(tx: ReadTx, envelope_id: int) -> bool:
    """Whether an operation waits that is not in this envelope."""
    found = await tx.fetch_value(
        "SELECT 1 FROM stellar_operations WHERE state = 'waiting' AND envelope_id <> :id LIMIT 1",
        {"id": envelope_id},
    )
    return found is not None


async def operations_of(tx: ReadTx, envelope_id: int) -> list[Operation]:
    """Those it is in force for, in order."""
    return await tx.fetch_all(
        Operation,
        f"SELECT {_OPERATION} FROM stellar_operations WHERE envelope_id = :id ORDER BY id",
        {"id": envelope_id},
    )


async def all_operations_of(tx: ReadTx, envelope_id: int) -> list[Operation]:
    """Those it is or was in force for, in order."""
    return await tx.fetch_all(
        Operation,
        f"SELECT {_OPERATION} FROM stellar_operations WHERE envelope_id = :id OR id IN"
        " (SELECT operation_id FROM stellar_replaced WHERE envelope_id = :id) ORDER BY id",
        {"id": envelope_id},
    )


async def envelope(tx: ReadTx, envelope_id: int) -> Envelope | None:
    return await tx.fetch_one(
        Envelope, f"SELECT {_ENVELOPE} FROM stellar_envelopes WHERE id = :id", {"id": envelope_id}
    )


async def envelope_by_hash(tx: ReadTx, tx_hash: str) -> Envelope | None:
    return await tx.fetch_one(
        Envelope, f"SELECT {_ENVELOPE} FROM stellar_envelopes WHERE hash = :hash", {"hash": tx_hash}
    )


async def sent_envelope(tx: ReadTx) -> Envelope | None:
    """The one whose fate is not known; there is never more than one."""
    return await tx.fetch_one(
        Envelope, f"SELECT {_ENVELOPE} FROM stellar_envelopes WHERE state = 'sent' ORDER BY id LIMIT 1"
    )


async def mark_sent(tx: WriteTx, envelope_id: int, *, at_us: int) -> bool:
    """Whether it was still there to be sent."""
    done = await tx.execute(
        "UPDATE stellar_envelopes SET state = 'sent', sent_at_us = :at_us WHERE id = :id AND state = 'built'",
        {"id": envelope_id, "at_us": at_us},
    )
    return done == 1


async def set_bump(tx: WriteTx, envelope_id: int, bump: Signed) -> None:
    await tx.execute(
        "UPDATE stellar_envelopes SET bump_hash = :hash, bump_xdr = :xdr, bump_fee_stroops = :fee"
        " WHERE id = :id",
        {"id": envelope_id, "hash": bump.hash, "xdr": bump.xdr, "fee": bump.fee_stroops},
    )


async def close_sent(
    tx: WriteTx, envelope_id: int, state: EnvelopeState, *, ledger: int, reason: str | None = None
) -> bool:
    """Whether its fate was still open."""
    done = await tx.execute(
        "UPDATE stellar_envelopes SET state = :state, ledger = :ledger, reason = :reason"
        " WHERE id = :id AND state = 'sent'",
        {"id": envelope_id, "state": str(state), "ledger": ledger, "reason": reason},
    )
    return done == 1


async def confirm_operations(tx: WriteTx, envelope_id: int) -> None:
    await tx.execute(
        "UPDATE stellar_operations SET state = 'confirmed' WHERE envelope_id = :id AND state = 'waiting'",
        {"id": envelope_id},
    )


async def set_attempts(tx: WriteTx, operation_id: int, attempts: int, state: OperationState) -> None:
    await tx.execute(
        "UPDATE stellar_operations SET attempts = :attempts, state = :state WHERE id = :id",
        {"id": operation_id, "attempts": attempts, "state": str(state)},
    )


class Move(Struct, frozen=True, kw_only=True):
    """An operation on its way into another envelope."""

    operation_id: int
    from_id: int
    form: Form | None


async def movable(tx: ReadTx, moves: Sequence[Move], *, sent_id: int | None) -> bool:
    """Whether all still wait where they were, and none in an envelope that was sent, `sent_id` aside."""
    for one in moves:
        found = await tx.fetch_value(
            "SELECT 1 FROM stellar_operations o JOIN stellar_envelopes e ON e.id = o.envelope_id"
            " WHERE o.id = :operation_id AND o.envelope_id = :from_id AND o.state = 'waiting'"
            " AND e.state <> 'confirmed' AND (e.state <> 'sent' OR e.id = :sent_id)",
            {"operation_id": one.operation_id, "from_id": one.from_id, "sent_id": sent_id or 0},
        )
        if found is None:
            return False
    return True


async def move(tx: WriteTx, moves: Sequence[Move], *, to_id: int, reason: str) -> None:
    """Put operations into a new envelope; those they leave, unless closed, are replaced."""
    await tx.execute_many(
        "INSERT INTO stellar_replaced (operation_id, envelope_id) VALUES (:operation_id, :from_id)",
        [{"operation_id": one.operation_id, "from_id": one.from_id} for one in moves],
    )
    await tx.execute_many(
        "UPDATE stellar_operations SET envelope_id = :to_id, form = :form WHERE id = :operation_id",
        [
            {
                "operation_id": one.operation_id,
                "to_id": to_id,
                "form": None if one.form is None else str(one.form),
            }
            for one in moves
        ],
    )
    await tx.execute_many(
        "UPDATE stellar_envelopes SET state = 'replaced', reason = :reason"
        " WHERE id = :id AND state IN ('built', 'sent')",
        [{"id": from_id, "reason": reason} for from_id in sorted({one.from_id for one in moves})],
    )


# What others ask


class EntryHash(Struct, frozen=True):
    entry_id: int
    hash: str


async def hashes(tx: ReadTx, entry_ids: Collection[int]) -> list[EntryHash]:
    params = {f"id{number}": entry_id for number, entry_id in enumerate(entry_ids)}
    wanted = ", ".join(f":{name}" for name in params)
    return await tx.fetch_all(
        EntryHash,
        "SELECT o.entry_id, e.hash FROM stellar_operations o JOIN stellar_envelopes e ON e.id = o.envelope_id"
        f" WHERE o.entry_id IN ({wanted}) ORDER BY o.id DESC",
        params,
    )


async def last_anchor(tx: ReadTx) -> Anchor | None:
    return await tx.fetch_one(
        Anchor,
        "SELECT e.hash AS tx_hash, o.tree_size, o.root_hash, o.at_us FROM stellar_operations o"
        " JOIN stellar_envelopes e ON e.id = o.envelope_id WHERE o.kind = 'anchor'"
        " ORDER BY o.id DESC LIMIT 1",
    )


class _Hash(Struct, frozen=True):
    hash: str


async def hashes_before(tx: ReadTx, envelope_id: int) -> list[str]:
    """Of earlier envelopes that held an operation of this one, oldest first."""
    rows = await tx.fetch_all(
        _Hash,
        "SELECT hash FROM stellar_envelopes WHERE id < :id AND id IN"
        " (SELECT r.envelope_id FROM stellar_replaced r WHERE r.operation_id IN"
        " (SELECT id FROM stellar_operations WHERE envelope_id = :id"
        " UNION SELECT operation_id FROM stellar_replaced WHERE envelope_id = :id)) ORDER BY id",
        {"id": envelope_id},
    )
    return [row.hash for row in rows]


async def hashes_in_force(tx: ReadTx, envelope_id: int) -> list[str]:
    """Of the envelopes that the operations which left this one are in now, oldest first."""
    rows = await tx.fetch_all(
        _Hash,
        "SELECT hash FROM stellar_envelopes WHERE id <> :id AND id IN"
        " (SELECT envelope_id FROM stellar_operations WHERE id IN"
        " (SELECT operation_id FROM stellar_replaced WHERE envelope_id = :id)) ORDER BY id",
        {"id": envelope_id},
    )
    return [row.hash for row in rows]


# Withdrawals


class WithdrawalRow(Struct, frozen=True, kw_only=True):
    """A withdrawal, its operation and its envelope."""

    id: str
    account: str
    entry_id: int
    asset: Asset
    amount: int
    destination: str
    form: Form
    operation_state: OperationState
    envelope_state: EnvelopeState
    tx_hash: str
    at_us: int


async def insert_withdrawal(tx: WriteTx, withdrawal: Withdrawal, *, operation_id: int) -> None:
    await tx.execute(
        "INSERT INTO withdrawals (id, account, number, entry_id, operation_id, asset, amount, destination,"
        " at_us) VALUES (:id, :account, :number, :entry_id, :operation_id, :asset, :amount, :destination,"
        " :at_us)",
        {
            "id": withdrawal.id,
            "account": withdrawal.account,
            "number": await withdrawal_total(tx, withdrawal.account) + 1,
            "entry_id": withdrawal.entry_id,
            "operation_id": operation_id,
            "asset": str(withdrawal.asset),
            "amount": withdrawal.amount,
            "destination": withdrawal.destination,
            "at_us": withdrawal.at_us,
        },
    )


async def withdrawal_rows(tx: ReadTx, account: str, *, above: int, through: int) -> list[WithdrawalRow]:
    """An account's own, numbered in (above, through], newest first."""
    return await tx.fetch_all(
        WithdrawalRow,
        "SELECT w.id, w.account, w.entry_id, w.asset, w.amount, w.destination, o.form,"
        " o.state AS operation_state, e.state AS envelope_state, e.hash AS tx_hash, w.at_us"
        " FROM withdrawals w JOIN stellar_operations o ON o.id = w.operation_id"
        " JOIN stellar_envelopes e ON e.id = o.envelope_id WHERE w.account = :account"
        " AND w.number > :above AND w.number <= :through ORDER BY w.number DESC",
        {"account": account, "above": above, "through": through},
    )


async def withdrawal_total(tx: ReadTx, account: str) -> int:
    found = await tx.fetch_value(
        "SELECT MAX(number) FROM withdrawals WHERE account = :account", {"account": account}
    )
    return int(found or 0)


# Deposits


async def memo_of(tx: ReadTx, account: str) -> int | None:
    found: int | None = await tx.fetch_value(
        "SELECT memo FROM deposit_memos WHERE account = :account", {"account": account}
    )
    return found


async def insert_memo(tx: WriteTx, memo: int, account: str) -> bool:
    """Whether the memo was free."""
    done = await tx.execute(
        "INSERT INTO deposit_memos (memo, account) VALUES (:memo, :account) ON CONFLICT (memo) DO NOTHING",
        {"memo": memo, "account": account},
    )
    return done == 1


async def account_of_memo(tx: ReadTx, memo: int) -> str | None:
    found: str | None = await tx.fetch_value(
        "SELECT account FROM deposit_memos WHERE memo = :memo", {"memo": memo}
    )
    return found


async def deposit(tx: ReadTx, operation_id: int) -> Deposit | None:
    return await tx.fetch_one(
        Deposit, f"SELECT {_DEPOSIT} FROM deposits WHERE operation_id = :id", {"id": operation_id}
    )


async def insert_deposit(tx: WriteTx, row: Deposit) -> None:
    await tx.execute(
        f"INSERT INTO deposits ({_DEPOSIT}) VALUES (:operation_id, :tx_hash, :sender, :asset, :amount, :memo,"
        " :account, :entry_id, :at_us)",
        {**asdict(row), "asset": str(row.asset)},
    )


async def assign_deposit(tx: WriteTx, operation_id: int, *, account: str, entry_id: int) -> None:
    await tx.execute(
        "UPDATE deposits SET account = :account, entry_id = :entry_id WHERE operation_id = :id",
        {"id": operation_id, "account": account, "entry_id": entry_id},
    )


async def unmatched(tx: ReadTx, *, after: int, limit: int) -> list[Deposit]:
    return await tx.fetch_all(
        Deposit,
        f"SELECT {_DEPOSIT} FROM deposits WHERE account IS NULL AND operation_id > :after"
        " ORDER BY operation_id LIMIT :limit",
        {"after": after, "limit": limit},
    )


async def cursor(tx: ReadTx, custody: str) -> str | None:
    """None before the first page."""
    found: str | None = await tx.fetch_value(
        "SELECT cursor FROM deposit_cursors WHERE custody = :custody", {"custody": custody}
    )
    return found


async def move_cursor(tx: WriteTx, custody: str, to: str) -> None:
    await tx.execute(
        "INSERT INTO deposit_cursors (custody, cursor) VALUES (:custody, :cursor)"
        " ON CONFLICT (custody) DO UPDATE SET cursor = excluded.cursor",
        {"custody": custody, "cursor": to},
    )
