"""What of the chain runs beside the requests."""

from collections.abc import Sequence

from cloud.kit.store import Store
from cloud.ledger.service import Ledger
from cloud.settings import Settings
from cloud.stellar.deposits import Deposits, DepositWatcher
from cloud.stellar.horizon import Horizon
from cloud.stellar.outbox import Outbox
from cloud.stellar.submitter import Submitter
from shared.clock import Clock


def workers(
    store: Store, clock: Clock, ledger: Ledger, outbox: Outbox, deposits: Deposits, settings: Settings
) -> Sequence[Submitter | DepositWatcher]:
    """None where nothing is ever sent."""
    default_url = outbox.envelopes.network.horizon_url
    if default_url is None:
        return []
    url = settings.horizon_url or default_url
    submitter = Submitter(
        store, clock, ledger, outbox.envelopes, Horizon(url), fee_stroops_max=settings.stellar_fee_stroops_max
    )
    watcher = DepositWatcher(store, clock, deposits, Horizon(url), outbox.envelopes.keys)
    return [submitter, watcher]
