"""Which operations travel together, and in what form. Operations keep their order."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from cloud.stellar.envelopes import OPERATIONS_MAX
from cloud.stellar.fate import form_of
from cloud.stellar.horizon import Account
from cloud.stellar.model import Form, Operation, OperationKind

WAITING_MAX = 20
"""When more envelopes wait, they are put together."""


def crowded(waiting: Sequence[Operation]) -> bool:
    """Whether too many envelopes wait to be sent one by one."""
    return len({operation.envelope_id for operation in waiting}) > WAITING_MAX


def batch_of(waiting: Sequence[Operation]) -> list[Operation]:
    """The next operations for one envelope: an anchor alone, others up to 100 or the next anchor."""
    batch: list[Operation] = []
    for operation in waiting[:OPERATIONS_MAX]:
        if operation.kind is OperationKind.ANCHOR and batch:
            break
        batch.append(operation)
        if operation.kind is OperationKind.ANCHOR:
            break
    return batch


def with_forms(
    operations: Sequence[Operation], wallets: Mapping[str, Account | None], *, issuer: str
) -> list[Operation]:
    """Each withdrawal as its wallet can be reached; one that is created is there for the next."""
    created: set[str] = set()
    formed = []
    for operation in operations:
        destination, asset, amount = operation.destination, operation.asset, operation.amount
        if destination is None or asset is None or amount is None:
            formed.append(operation)
            continue
        form = form_of(asset, amount, wallets[destination], issuer=issuer)
        if form is Form.CREATE_ACCOUNT:
            form = Form.PAYMENT if destination in created else form
            created.add(destination)
        formed.append(replace(operation, form=form))
    return formed
