"""An investment's way: room is reserved, the payment is asked for, and its news decide.

The news come in the transaction in which payments writes them down, so that a payment that succeeded and the
investment it completes are one commit.
"""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from cloud.errors import InvalidFields
from cloud.identity.model import Person
from cloud.investments import storage
from cloud.investments.entries import investment_entry, issue_entry, refund_owed_entry, refund_paid_entry
from cloud.investments.errors import NoSuchInvestment
from cloud.investments.model import (
    Failure,
    Investment,
    InvestmentFilter,
    InvestmentStatus,
    InvestmentView,
    InvestmentWish,
    Issue,
    Placement,
    Position,
    Received,
    RefundStatus,
    Step,
    TokenHolding,
)
from cloud.investments.ports import Returns
from cloud.investments.terms import problems_of, room_until_us, terms
from cloud.kit.cursors import Rows, SortKeys
from cloud.kit.events import EventLog
from cloud.kit.idempotency import Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.kyc.ports import KycPort
from cloud.ledger.service import Ledger
from cloud.payments.model import Charge, Payment, PaymentState, Refund, RefundState
from cloud.payments.ports import PaymentPort
from cloud.projects.model import Project, show_minor
from cloud.projects.service import Projects
from shared.clock import Clock
from shared.ids import new_id

logger = logging.getLogger(__name__)

CREATED_EVENT = "investment.created"
COMPLETED_EVENT = "investment.completed"
FAILED_EVENT = "investment.failed"
EXPIRED_AT_ONCE = 50
"""How many the job ends in one use case."""


class Investments:
    """Methods that take `tx` join the caller's use case. It listens to payments."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        events: EventLog,
        ledger: Ledger,
        *,
        projects: Projects,
        payments: PaymentPort,
        kyc: KycPort,
    ) -> None:
        self._store = store
        self._clock = clock
        self._events = events
        self._ledger = ledger
        self._projects = projects
        self._payments = payments
        self._kyc = kyc
        self._returns: Returns | None = None
        payments.tell(self)

    def learn_returns(self, returns: Returns) -> None:
        """From whom to hear what investments brought."""
        self._returns = returns

    async def invest(self, person: Person, wish: InvestmentWish, once: Once) -> Placement:
        """Reserve room and ask for the payment.

        Raises:
            KycRequired: the person is not verified.
            NoSuchProject
            InvalidFields: amount or currency is not one the project takes.
            InvestmentUnavailable: closed, past its deadline, or without so much room.
        """
        async with self._store.write() as tx:
            placement = await once.kept(tx, Placement)
            if placement is not None and placement.intent_id is not None:
                return placement
            if placement is None:
                placement, payment = await self._place(tx, person, wish)
                await once.keep(tx, placement)
                if placement.intent_id is not None:
                    return placement
            else:
                payment = await self._payments.payment(tx, placement.investment.payment_id)
        return await self._answered(placement, payment, once)

    async def get(self, person: Person, investment_id: str) -> InvestmentView:
        """One of the person's own.

        Raises:
            NoSuchInvestment: unknown, or someone else's.
        """
        async with self._store.read(brief=True) as tx:
            found = await storage.investment(tx, investment_id)
            if found is None or found.account != person.account:
                raise NoSuchInvestment(investment_id)
            payment = await self._payments.payment_of(tx, found.id)
            (view,) = await self._views(tx, [found])
            returns = () if self._returns is None else await self._returns.returns_of(tx, found.id)
        return replace(view, intent_id=None if payment is None else payment.intent_id, returns=tuple(returns))

    async def page(
        self, person: Person, filter_: InvestmentFilter, *, after: SortKeys | None, limit: int
    ) -> Rows[InvestmentView]:
        """Of the person's own."""
        async with self._store.read(brief=True) as tx:
            found = await storage.page(tx, person.account, filter_, after=after, limit=limit)
            return Rows(await self._views(tx, found), await storage.total(tx, person.account, filter_))

    async def expire_due(self) -> None:
        """Give back the room of those that were not paid in time; their payments are no longer wanted."""
        while True:
            async with self._store.read() as tx:
                if not await storage.overdue(tx, self._clock.now_us(), 1):
                    return
            async with self._store.write() as tx:
                for investment in await storage.overdue(tx, self._clock.now_us(), EXPIRED_AT_ONCE):
                    await self._fail(tx, investment, Failure.EXPIRED)
                    await self._payments.cancel(tx, investment.payment_id)

    async def next_overdue_us(self) -> int | None:
        """When `expire_due` has something to do that it has not now; None: nothing waits for its time."""
        async with self._store.read() as tx:
            return await storage.next_overdue_us(tx, self._clock.now_us())

    # What payments tell

    async def payment_changed(self, tx: WriteTx, payment: Payment) -> None:
        """See `cloud.payments.ports.PaymentListener`."""
        investment = await storage.investment(tx, payment.reference)
        if investment is None:
            return
        is_pending = investment.status is InvestmentStatus.PENDING
        if payment.state is PaymentState.SUCCEEDED and is_pending:
            await self._complete(tx, investment)
        elif payment.state is PaymentState.SUCCEEDED and investment.status is InvestmentStatus.FAILED:
            await self._send_back(tx, investment)
        elif payment.state is PaymentState.CANCELED and is_pending:
            await self._fail(tx, investment, Failure.CANCELED)

    async def refund_changed(self, tx: WriteTx, refund: Refund, payment: Payment) -> None:
        """See `cloud.payments.ports.PaymentListener`."""
        investment = await storage.investment(tx, payment.reference)
        if investment is None or investment.refund is None:
            return
        is_paid = investment.refund is RefundStatus.PAID
        if refund.state is RefundState.SUCCEEDED and not is_paid:
            await self._ledger.post(tx, refund_paid_entry(investment))
            await storage.put(tx, investment, replace(investment, refund=RefundStatus.PAID))
        elif refund.state in {RefundState.FAILED, RefundState.CANCELED}:
            if is_paid:  # the payer's bank sent it back: it is owed again
                await self._ledger.post(tx, refund_owed_entry(investment))
                await storage.put(tx, investment, replace(investment, refund=RefundStatus.OWED))
            logger.warning("refund failed investment_id=%s refund_id=%s", investment.id, refund.id)

    # What distributions and portfolios ask

    async def holdings(self, tx: ReadTx, project_id: str, *, before_us: int) -> Sequence[TokenHolding]:
        """Who had ownership tokens at the end of the moment before, in the order in which they came."""
        return await storage.holdings(tx, project_id, before_us=before_us)

    async def issue(self, tx: ReadTx, project_id: str) -> Issue | None:
        """None before anybody invested."""
        return await storage.issue(tx, project_id)

    async def issues(self, tx: ReadTx) -> Sequence[Issue]:
        """Of all projects that anybody invested in."""
        return await storage.issues(tx)

    async def record_return(
        self, tx: WriteTx, *, account: str, project_id: str, currency: str, amount_minor: int
    ) -> None:
        """A claimed distribution counts in position and history."""
        await storage.add_return(tx, account, project_id, amount_minor)
        await self._step(tx, account, currency, returned_minor=amount_minor)

    async def positions(self, tx: ReadTx, account: str) -> Sequence[Position]:
        """What an account has in each project."""
        return await storage.positions(tx, account)

    async def steps(self, tx: ReadTx, account: str, currency: str) -> Sequence[Step]:
        """The history of an account in a currency, from the beginning."""
        return await storage.steps(tx, account, currency)

    # The steps of an investment

    async def _place(self, tx: WriteTx, person: Person, wish: InvestmentWish) -> tuple[Placement, Payment]:
        await self._kyc.require_verified(tx, person)
        project = await self._projects.get(tx, wish.project_id)
        problems = problems_of(project, amount_minor=wish.amount_minor, currency=wish.currency)
        if problems:
            raise InvalidFields(problems)
        await self._projects.reserve(tx, project, wish.amount_minor)
        now_us = self._clock.now_us()
        agreed = terms(project, wish.amount_minor)
        investment_id = new_id("inv", self._clock)
        payment = await self._payments.charge(
            tx,
            Charge(
                reference=investment_id,
                account=person.account,
                amount_minor=wish.amount_minor + agreed.fee_minor,
                currency=project.currency,
                source=wish.payment_source,
            ),
        )
        investment = Investment(
            id=investment_id,
            account=person.account,
            person_id=person.id,
            project_id=project.id,
            amount_minor=wish.amount_minor,
            fee_minor=agreed.fee_minor,
            currency=project.currency,
            tokens=agreed.tokens,
            payment_method=wish.payment_method,
            payment_id=payment.id,
            status=InvestmentStatus.PENDING,
            created_at_us=now_us,
            room_until_us=room_until_us(now_us),
        )
        await storage.insert(tx, investment)
        await self._announce(tx, CREATED_EVENT, investment)
        payment = await self._payments.open_within(tx, payment)
        return _placement(await self._known(tx, investment_id), project.name, payment), payment

    async def _answered(self, placement: Placement, payment: Payment, once: Once) -> Placement:
        """With what the payment provider says, or as it is while that does not answer."""

        async def keep(tx: WriteTx, payment: Payment) -> None:
            nonlocal placement
            investment = await self._known(tx, payment.reference)
            placement = _placement(investment, placement.project_name, payment)
            await once.keep(tx, placement)

        payment = await self._payments.open(payment, keep)
        if placement.intent_id is None:  # somebody else asked, or nobody answered
            async with self._store.write() as tx:
                kept = await once.kept(tx, Placement)
                if kept is not None and kept.intent_id is not None:
                    return kept
                await keep(tx, payment)
        return placement

    async def _complete(self, tx: WriteTx, investment: Investment) -> None:
        project = await self._projects.confirm(
            tx, investment.project_id, investment.amount_minor, investor=investment.account
        )
        issue = await self._issue_of(tx, project)
        await self._ledger.post(tx, investment_entry(investment, issue))
        completed = replace(
            investment, status=InvestmentStatus.COMPLETED, completed_at_us=self._clock.now_us()
        )
        await storage.put(tx, investment, completed)
        await storage.add_to_position(
            tx,
            Position(
                account=investment.account,
                project_id=investment.project_id,
                currency=investment.currency,
                invested_minor=investment.amount_minor,
                tokens=investment.tokens,
                investment_count=1,
            ),
        )
        await self._step(tx, investment.account, investment.currency, invested_minor=investment.amount_minor)
        await self._announce(tx, COMPLETED_EVENT, completed)

    async def _fail(self, tx: WriteTx, investment: Investment, failure: Failure) -> None:
        await self._projects.release(tx, investment.project_id, investment.amount_minor)
        failed = replace(investment, status=InvestmentStatus.FAILED, failure=failure)
        await storage.put(tx, investment, failed)
        await self._announce(tx, FAILED_EVENT, failed)

    async def _send_back(self, tx: WriteTx, investment: Investment) -> None:
        """The room is gone, so the money that came after all goes back, once."""
        if investment.refund is not None:
            return
        owed = replace(investment, refund=RefundStatus.OWED)
        await self._ledger.post(tx, refund_owed_entry(owed))
        await storage.put(tx, investment, owed)
        await self._payments.refund(tx, investment.payment_id, reason="paid after the room was released")
        await self._announce(tx, FAILED_EVENT, owed)
        tx.after_commit(lambda: logger.info("late payment sent back investment_id=%s", investment.id))

    async def _issue_of(self, tx: WriteTx, project: Project) -> Issue:
        known = await storage.issue(tx, project.id)
        if known is not None:
            return known
        account = await self._ledger.open_account(tx)
        issue = Issue(project_id=project.id, account=account, tokens=project.token_supply)
        await storage.insert_issue(tx, issue)
        await self._ledger.post(tx, issue_entry(issue))
        return issue

    async def _step(
        self, tx: WriteTx, account: str, currency: str, *, invested_minor: int = 0, returned_minor: int = 0
    ) -> None:
        last = await storage.last_step(tx, account, currency)
        before = last or Step(number=0, at_us=0, invested_minor=0, returned_minor=0)
        step = Step(
            number=before.number + 1,
            at_us=max(before.at_us, self._clock.now_us()),  # the wall clock may be set back
            invested_minor=before.invested_minor + invested_minor,
            returned_minor=before.returned_minor + returned_minor,
        )
        await storage.insert_step(tx, account, currency, step)

    async def _known(self, tx: ReadTx, investment_id: str) -> Investment:
        found = await storage.investment(tx, investment_id)
        if found is None:
            raise NoSuchInvestment(investment_id)
        return found

    async def _views(self, tx: ReadTx, found: Sequence[Investment]) -> list[InvestmentView]:
        projects = await self._projects.several(tx, {investment.project_id for investment in found})
        brought = (
            {}
            if self._returns is None
            else await self._returns.received(tx, [investment.id for investment in found])
        )
        return [
            InvestmentView(
                investment=investment,
                project_name=projects[investment.project_id].name,
                received=brought.get(investment.id, Received()),
            )
            for investment in found
        ]

    async def _announce(self, tx: WriteTx, type_: str, investment: Investment) -> None:
        payload = {
            "investment_id": investment.id,
            "project_id": investment.project_id,
            "amount": show_minor(investment.amount_minor),
            "user_id": investment.user_id,
            "currency": investment.currency,
            "status": investment.status,
        }
        if investment.failure is not None:
            payload |= {"reason": investment.failure, "is_refunded": investment.refund is not None}
        await self._events.announce(tx, type_, payload)


def _placement(investment: Investment, project_name: str, payment: Payment) -> Placement:
    return Placement(
        investment=investment,
        project_name=project_name,
        state=payment.state,
        intent_id=payment.intent_id,
        client_secret=payment.client_secret,
        redirect_url=payment.redirect_url,
        decline_code=payment.decline_code,
    )
