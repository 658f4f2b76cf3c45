"""Distributions: declared by operators, claimed by holders, paid out by payments.

A claim and the payout it asks for are one commit; payments sees to it that the money leaves, once.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date

from msgspec.structs import replace

from cloud.distributions import storage
from cloud.distributions.calendar import day_of, end_of_day_us, first_day
from cloud.distributions.entries import claim_entry, distribution_entry, payout_entry, returned_entry
from cloud.distributions.errors import AlreadyDeclared, NobodyHolds, NoSuchDistribution
from cloud.distributions.model import Declaration, Distribution, Share, ShareFilter, ShareView
from cloud.distributions.split import HolderPart, parts
from cloud.errors import InvalidFields
from cloud.identity.model import Person
from cloud.investments.model import InvestmentReturn, Issue, Received
from cloud.investments.service import Investments
from cloud.kit.cursors import Rows, SortKeys
from cloud.kit.events import EventLog
from cloud.kit.idempotency import Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.ledger.service import Ledger
from cloud.payments.model import Payout, PayoutState, PayoutWish
from cloud.payments.ports import PaymentPort
from cloud.projects.model import show_minor
from cloud.projects.service import Projects
from shared.clock import Clock

logger = logging.getLogger(__name__)

AVAILABLE_EVENT = "distribution.available"
CLAIMED_EVENT = "distribution.claimed"


class Distributions:
    """Methods that take `tx` join the caller's use case. It listens to payouts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: EventLog,
        ledger: Ledger,
        *,
        projects: Projects,
        payments: PaymentPort,
        investments: Investments,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger
        self._projects = projects
        self._payments = payments
        self._investments = investments
        payments.tell_of_payouts(self)
        investments.learn_returns(self)

    async def declare(self, declared: Declaration, once: Once) -> Distribution:
        """Bring the money of a quarter and give each holder of the record date a share.

        Raises:
            NoSuchProject
            InvalidFields: the record date is before the quarter or not over.
            AlreadyDeclared: the project has one for this quarter.
            NobodyHolds
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, Distribution)
            if kept is not None:
                return kept
            project = await self._projects.get(tx, declared.project_id)
            record_date = self._record_date(declared)
            distribution_id = f"dist_q{declared.quarter}_{declared.year}_{project.id}"
            if await storage.distribution(tx, distribution_id) is not None:
                raise AlreadyDeclared(distribution_id)
            holdings = await self._investments.holdings(tx, project.id, before_us=end_of_day_us(record_date))
            issue = await self._investments.issue(tx, project.id)
            if not holdings or issue is None:
                raise NobodyHolds(declared.record_date)
            split = [part for part in parts(declared.total_minor, holdings) if part.amount_minor]
            now_us = self._clock.now_us()
            made = Distribution(
                id=distribution_id,
                project_id=project.id,
                year=declared.year,
                quarter=declared.quarter,
                record_date=declared.record_date,
                distribution_date=day_of(now_us).isoformat(),
                currency=project.currency,
                total_minor=declared.total_minor,
                holder_count=len(split),
                declared_at_us=now_us,
            )
            await self._ledger.post(tx, distribution_entry(made, issue))
            await storage.insert_distribution(tx, made)
            await self._give(tx, made, split)
            await once.keep(tx, made)
        logger.info("distribution declared id=%s holders=%d", made.id, made.holder_count)
        return made

    async def claim(self, person: Person, distribution_id: str, payment_method: str, once: Once) -> ShareView:
        """Have one's share paid out; a repeat changes nothing and gets the same answer.

        Raises:
            NoSuchDistribution: unknown, or the person has no share of it.
        """
        async with self._store.write() as tx:
            kept = await once.kept(tx, ShareView)
            if kept is not None:
                return kept
            share = await storage.share(tx, distribution_id, person.account)
            if share is None:
                raise NoSuchDistribution(distribution_id)
            view = await self._view(tx, share)
            if not share.is_claimed:
                view = await self._pay(tx, view, payment_method)
            await once.keep(tx, view)
        return view

    async def page(
        self, person: Person, filter_: ShareFilter, *, after: SortKeys | None, limit: int
    ) -> Rows[ShareView]:
        """The person's shares."""
        async with self._store.read(brief=True) as tx:
            found = await storage.page(tx, person.account, filter_, after=after, limit=limit)
            made = await storage.distributions(tx, [share.distribution_id for share in found])
            projects = await self._projects.several(tx, {share.project_id for share in found})
            rows = [
                ShareView(
                    share=share,
                    distribution=made[share.distribution_id],
                    project_name=projects[share.project_id].name,
                )
                for share in found
            ]
            return Rows(rows, await storage.total(tx, person.account, filter_))

    # What payments tell

    async def payout_changed(self, tx: WriteTx, payout: Payout) -> None:
        """See `cloud.payments.ports.PayoutListener`."""
        share = await storage.share_by_payout(tx, payout.id)
        if share is None:
            return
        if payout.state is PayoutState.PAID and not share.is_paid:
            view = await self._view(tx, share)
            await self._ledger.post(tx, payout_entry(view.distribution, share))
            await storage.put_paid(tx, share, is_paid=True)
        elif payout.state in {PayoutState.FAILED, PayoutState.CANCELED}:
            if share.is_paid:
                view = await self._view(tx, share)
                await self._ledger.post(tx, returned_entry(view.distribution, share))
                await storage.put_paid(tx, share, is_paid=False)
            logger.warning("payout failed distribution=%s payout_id=%s", share.distribution_id, payout.id)

    # What investments ask

    async def received(self, tx: ReadTx, investment_ids: Sequence[str]) -> Mapping[str, Received]:
        """See `cloud.investments.ports.Returns`."""
        return await storage.received(tx, investment_ids)

    async def returns_of(self, tx: ReadTx, investment_id: str) -> Sequence[InvestmentReturn]:
        """See `cloud.investments.ports.Returns`."""
        return await storage.returns_of(tx, investment_id)

    def _record_date(self, declared: Declaration) -> date:
        day = date.fromisoformat(declared.record_date)
        if day < first_day(declared.year, declared.quarter):
            raise InvalidFields({"record_date": ["Before the quarter began"]})
        if day >= day_of(self._clock.now_us()):
            raise InvalidFields({"record_date": ["That day is not over (UTC)"]})
        return day

    async def _give(self, tx: WriteTx, made: Distribution, split: Sequence[HolderPart]) -> None:
        await storage.insert_shares(
            tx,
            [
                Share(
                    distribution_id=made.id,
                    account=part.account,
                    person_id=part.person_id,
                    project_id=made.project_id,
                    declared_at_us=made.declared_at_us,
                    tokens=part.tokens,
                    amount_minor=part.amount_minor,
                )
                for part in split
            ],
        )
        await storage.insert_parts(
            tx,
            [
                storage.PartRow(investment_id, made.id, amount_minor)
                for part in split
                for investment_id, amount_minor in part.by_investment
            ],
        )
        for part in split:
            await self._announce(tx, AVAILABLE_EVENT, made, f"usr_{part.person_id}", part.amount_minor)

    async def _pay(self, tx: WriteTx, view: ShareView, payment_method: str) -> ShareView:
        made, share = view.distribution, view.share
        share = replace(
            share,
            is_claimed=True,
            claimed_at_us=self._clock.now_us(),
            claim_number=await storage.next_claim_number(tx),
            payment_method=payment_method,
        )
        view = replace(view, share=share)
        reference = view.payment_reference
        assert reference is not None  # noqa: S101  just numbered
        await self._ledger.post(tx, claim_entry(made, await self._issue(tx, made), share))
        payout = await self._payments.pay_out(
            tx,
            PayoutWish(
                reference=reference,
                account=share.account,
                amount_minor=share.amount_minor,
                currency=made.currency,
            ),
        )
        view = replace(view, share=replace(share, payout_id=payout.id))
        await storage.put_claim(tx, view.share)
        await self._investments.record_return(
            tx,
            account=share.account,
            project_id=made.project_id,
            currency=made.currency,
            amount_minor=share.amount_minor,
        )
        await self._announce(tx, CLAIMED_EVENT, made, share.user_id, share.amount_minor)
        return view

    async def _issue(self, tx: ReadTx, made: Distribution) -> Issue:
        issue = await self._investments.issue(tx, made.project_id)
        assert issue is not None  # noqa: S101  who distributes has holders
        return issue

    async def _view(self, tx: ReadTx, share: Share) -> ShareView:
        made = await storage.distribution(tx, share.distribution_id)
        assert made is not None  # noqa: S101  the share refers to it
        project = await self._projects.get(tx, share.project_id)
        return ShareView(share=share, distribution=made, project_name=project.name)

    async def _announce(
        self, tx: WriteTx, type_: str, made: Distribution, user_id: str, amount_minor: int
    ) -> None:
        await self._events.announce(
            tx,
            type_,
            {
                "distribution_id": made.id,
                "project_id": made.project_id,
                "amount": show_minor(amount_minor),
                "user_id": user_id,
                "currency": made.currency,
            },
        )
