"""What crossed the border to the Stellar network: each withdrawal and payment once, no LT out of nowhere."""

from collections.abc import Sequence

from cloud.audit.errors import Lie
from cloud.ledger.double_entry import is_system
from cloud.ledger.model import Asset, Entry, Posting, SystemAccount
from cloud.stellar.entries import DepositFacts, WithdrawalFacts, deposit_entry, withdrawal_entry

BorderFacts = WithdrawalFacts | DepositFacts


class Border:
    """What is outside, and what was seen to cross."""

    def __init__(self, network: str) -> None:
        self._network = network
        self._withdrawals: set[str] = set()
        self._payments: set[int] = set()
        self._outside = 0
        """LT, 10^-7 units."""

    def entry(self, facts: BorderFacts, postings: Sequence[Posting]) -> Entry:
        """The entry that these facts must lead to, for the account and the amount of its postings.

        Raises:
            Lie: it crossed before, or is no one's, or nothing comes in on this network.
        """
        crossing = isinstance(facts, WithdrawalFacts)
        own = next((posting for posting in postings if not is_system(posting.account)), None)
        if own is None or "/" in own.account or (own.amount < 0) is not crossing:
            raise Lie("postings", "between someone's own account and outside", "others")
        if own.asset not in {Asset.LT, Asset.XLM}:
            raise Lie("postings", "LT or XLM", own.asset)
        if isinstance(facts, WithdrawalFacts):
            if facts.withdrawal_id in self._withdrawals:
                raise Lie("withdrawal_id", "one that is new", facts.withdrawal_id)
            self._withdrawals.add(facts.withdrawal_id)
            return withdrawal_entry(own.account, own.asset, -own.amount, withdrawal_id=facts.withdrawal_id)
        if self._network == "offline":
            raise Lie("kind", "no deposit on the offline network", "deposit")
        if facts.stellar_operation in self._payments:
            raise Lie("stellar_operation", "a payment that is new", str(facts.stellar_operation))
        self._payments.add(facts.stellar_operation)
        return deposit_entry(
            own.account,
            own.asset,
            own.amount,
            operation_id=facts.stellar_operation,
            tx_hash=facts.stellar_transaction,
        )

    def moved(self, postings: Sequence[Posting]) -> None:
        """Follow what is outside through an entry of any kind.

        Raises:
            Lie: more LT came in than ever went out.
        """
        for posting in postings:
            if posting.account == SystemAccount.OUTSIDE and posting.asset is Asset.LT:
                self._outside += posting.amount
        if self._outside < 0:
            raise Lie("postings", "no more LT from outside than went there", f"{-self._outside} units more")
