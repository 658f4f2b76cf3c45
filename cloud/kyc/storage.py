"""The SQL of checks, and of the pages of the provider that checks nobody."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import asdict

from cloud.kit.store import ReadTx, WriteTx
from cloud.kyc.model import Check, CheckState

_CHECK = ", ".join(Check.__struct_fields__)
_VALUES = ", ".join(f":{name}" for name in Check.__struct_fields__)


class SandboxRun(Struct, frozen=True, kw_only=True):
    """What was clicked."""

    id: str
    state: str


async def insert_check(tx: WriteTx, check: Check) -> None:
    await tx.execute(
        f"INSERT INTO kyc_checks ({_CHECK}) VALUES ({_VALUES})",
        asdict(check) | {"state": check.state.value},
    )


async def set_applicant(tx: WriteTx, check_id: str, applicant_id: str) -> None:
    await tx.execute(
        "UPDATE kyc_checks SET applicant_id = :applicant_id WHERE id = :id",
        {"id": check_id, "applicant_id": applicant_id},
    )


async def set_opened(
    tx: WriteTx, check_id: str, *, run_id: str, verification_url: str, due_at_us: int
) -> None:
    await tx.execute(
        "UPDATE kyc_checks SET run_id = :run_id, verification_url = :verification_url,"
        " due_at_us = :due_at_us WHERE id = :id AND run_id IS NULL",
        {"id": check_id, "run_id": run_id, "verification_url": verification_url, "due_at_us": due_at_us},
    )


async def set_state(tx: WriteTx, check_id: str, state: CheckState, *, due_at_us: int | None) -> None:
    await tx.execute(
        "UPDATE kyc_checks SET state = :state, due_at_us = :due_at_us WHERE id = :id",
        {"id": check_id, "state": state.value, "due_at_us": due_at_us},
    )


async def check(tx: ReadTx, check_id: str) -> Check | None:
    return await tx.fetch_one(Check, f"SELECT {_CHECK} FROM kyc_checks WHERE id = :id", {"id": check_id})


async def check_of_run(tx: ReadTx, run_id: str) -> Check | None:
    return await tx.fetch_one(
        Check, f"SELECT {_CHECK} FROM kyc_checks WHERE run_id = :run_id", {"run_id": run_id}
    )


async def open_checks(tx: ReadTx, person_id: int) -> Sequence[Check]:
    """Newest first."""
    return await tx.fetch_all(
        Check,
        f"SELECT {_CHECK} FROM kyc_checks WHERE person_id = :person_id AND state = 'open'"
        " ORDER BY created_at_us DESC, id DESC",
        {"person_id": person_id},
    )


async def applicant_of(tx: ReadTx, person_id: int, provider: str) -> str | None:
    """Under which id the provider knows the person."""
    found: str | None = await tx.fetch_value(
        "SELECT applicant_id FROM kyc_checks WHERE person_id = :person_id AND provider = :provider"
        " AND applicant_id IS NOT NULL ORDER BY created_at_us DESC, id DESC LIMIT 1",
        {"person_id": person_id, "provider": provider},
    )
    return found


async def due(tx: ReadTx, provider: str, *, now_us: int, limit: int) -> Sequence[Check]:
    return await tx.fetch_all(
        Check,
        f"SELECT {_CHECK} FROM kyc_checks WHERE due_at_us <= :now_us AND provider = :provider"
        " ORDER BY due_at_us, id LIMIT :limit",
        {"now_us": now_us, "provider": provider, "limit": limit},
    )


async def next_due_us(tx: ReadTx, provider: str, now_us: int) -> int | None:
    """When the next one after now is; None: nothing waits for its time."""
    found: int | None = await tx.fetch_value(
        "SELECT MIN(due_at_us) FROM kyc_checks WHERE due_at_us > :now_us AND provider = :provider",
        {"now_us": now_us, "provider": provider},
    )
    return found


async def set_due(tx: WriteTx, run_id: str, *, due_at_us: int) -> None:
    """There is news to be asked for; a check that is decided stays so."""
    await tx.execute(
        "UPDATE kyc_checks SET due_at_us = :due_at_us"
        " WHERE run_id = :run_id AND state IN ('open', 'abandoned')",
        {"run_id": run_id, "due_at_us": due_at_us},
    )


# The sandbox


async def insert_run(tx: WriteTx, run_id: str, state: CheckState, now_us: int) -> None:
    await tx.execute(
        "INSERT INTO sandbox_runs (id, state, at_us) VALUES (:id, :state, :now_us)",
        {"id": run_id, "state": state.value, "now_us": now_us},
    )


async def run(tx: ReadTx, run_id: str) -> SandboxRun | None:
    return await tx.fetch_one(SandboxRun, "SELECT id, state FROM sandbox_runs WHERE id = :id", {"id": run_id})


async def set_run(tx: WriteTx, run_id: str, state: CheckState, now_us: int) -> None:
    await tx.execute(
        "UPDATE sandbox_runs SET state = :state, at_us = :now_us WHERE id = :id",
        {"id": run_id, "state": state.value, "now_us": now_us},
    )
