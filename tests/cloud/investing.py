"""People, projects and the money of the sandbox: what tests of the investment platform begin with."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from cloud.distributions.model import Declaration, Distribution
from cloud.distributions.service import Distributions
from cloud.identity.model import Person, Role
from cloud.investments.model import Investment, InvestmentWish, Placement
from cloud.investments.service import Investments
from cloud.kit.events import EventLog
from cloud.kit.idempotency import NO_KEY, Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.kyc.errors import KycRequired
from cloud.ledger.books import verify_books
from cloud.ledger.model import Asset, SystemAccount, fiat, ownership
from cloud.ledger.service import Ledger
from cloud.payments.model import Intent, Payment
from cloud.payments.sandbox import Choice, SandboxPayments
from cloud.payments.service import Payments
from cloud.portfolio.service import Portfolio
from cloud.projects.model import Description, Project
from cloud.projects.service import Projects
from shared.clock import ManualClock, to_micros
from tests.cloud.projects.example import described

VISA = "pm_card_visa"
"""Succeeds at once."""
USD = fiat("USD")


class Register:
    """Who is verified."""

    def __init__(self) -> None:
        self.verified: set[int] = set()

    async def require_verified(self, tx: ReadTx, person: Person) -> None:
        if person.id not in self.verified:
            raise KycRequired


class Provider(SandboxPayments):
    """Opens payments as part of their use case or, `is_far`, after its commit, as others over a network."""

    is_far = False

    async def open_within(self, tx: WriteTx, payment: Payment) -> Intent | None:
        return None if self.is_far else await super().open_within(tx, payment)


class World:
    """`await world.invest(ana, "500.00")` is paid by card at once; without a source it waits for `pay`."""

    def __init__(self, store: Store, clock: ManualClock, events: EventLog, ledger: Ledger) -> None:
        self.store, self.clock, self.events, self.ledger = store, clock, events, ledger
        self.kyc = Register()
        self.projects = Projects(store, clock, events)
        self.provider = Provider(store, clock, base_url="http://127.0.0.1")
        self.start()

    def start(self) -> None:
        """Services made anew over what is stored, as after a restart."""
        self.payments = Payments(self.store, self.clock, self.provider)
        self.investments = Investments(
            self.store,
            self.clock,
            self.events,
            self.ledger,
            projects=self.projects,
            payments=self.payments,
            kyc=self.kyc,
        )
        self.distributions = Distributions(
            self.store,
            self.clock,
            self.events,
            self.ledger,
            projects=self.projects,
            payments=self.payments,
            investments=self.investments,
        )
        self.portfolio = Portfolio(
            self.store, self.clock, investments=self.investments, projects=self.projects
        )

    def at(self, moment: str) -> None:
        """Move the clock on to a moment, `2025-10-01T09:00:00Z`."""
        wanted = to_micros(datetime.fromisoformat(moment))
        assert wanted >= self.clock.now_us()
        self.clock.advance((wanted - self.clock.now_us()) / 1_000_000)

    async def person(self, id_: int, *, is_verified: bool = True) -> Person:
        async with self.store.write() as tx:
            account = await self.ledger.open_account(tx)
        if is_verified:
            self.kyc.verified.add(id_)
        return Person(
            id=id_,
            wallet_address=None,
            role=Role.RECIPIENT,
            is_admin=False,
            kyc_status="verified",
            location="",
            account=account,
            created_at_us=0,
        )

    async def add_project(self, project_id: str = "prj_sunrise_solar", **changes: Any) -> Project:
        """The document's project, with what is given in its blocks."""
        description = msgspec.json.decode(msgspec.json.encode(described(**changes)), type=Description)
        return await self.projects.create(description, project_id=project_id, once=NO_KEY)

    async def project(self, project_id: str = "prj_sunrise_solar") -> Project:
        async with self.store.read() as tx:
            return await self.projects.get(tx, project_id)

    async def place(
        self,
        person: Person,
        amount: str,
        project_id: str = "prj_sunrise_solar",
        *,
        source: str | None = None,
        currency: str | None = None,
        once: Once = NO_KEY,
    ) -> Placement:
        wish = InvestmentWish(
            project_id=project_id,
            amount_minor=minor(amount),
            currency=currency,
            payment_method="stripe",
            payment_source=source,
        )
        return await self.investments.invest(person, wish, once)

    async def invest(self, person: Person, amount: str, project_id: str = "prj_sunrise_solar") -> Investment:
        """Paid and completed."""
        placement = await self.place(person, amount, project_id, source=VISA)
        assert placement.investment.status == "completed"
        return placement.investment

    async def choose(self, placement: Placement, choice: Choice = Choice.PAY) -> None:
        """The payer clicks, and the service hears of it."""
        assert placement.intent_id is not None
        await self.provider.choose(placement.intent_id, choice)
        await self.payments.look(placement.investment.payment_id)

    async def investment(self, placement: Placement, person: Person) -> Investment:
        return (await self.investments.get(person, placement.investment.id)).investment

    async def declare(
        self,
        total: str,
        quarter: int,
        year: int,
        record_date: str,
        project_id: str = "prj_sunrise_solar",
        once: Once = NO_KEY,
    ) -> Distribution:
        declared = Declaration(
            project_id=project_id,
            year=year,
            quarter=quarter,
            record_date=record_date,
            total_minor=minor(total),
        )
        return await self.distributions.declare(declared, once)

    async def claim(self, person: Person, distribution: Distribution) -> int:
        """The amount, minor units."""
        view = await self.distributions.claim(person, distribution.id, "bank_transfer", NO_KEY)
        return view.share.amount_minor

    async def pay_out(self) -> None:
        """Whatever is due at the provider is done, and banks have time for it."""
        for _ in range(4):
            await self.payments.run_due()
            self.clock.advance(3_600)

    async def balance(self, account: str, asset: Asset = USD) -> int:
        async with self.store.read() as tx:
            return await self.ledger.balance(tx, account, asset)

    async def tokens(self, person: Person, project_id: str = "prj_sunrise_solar") -> int:
        return await self.balance(person.account, ownership(project_id))

    async def paid_in(self) -> int:
        """What came from outside less what went there, minor units of USD."""
        return -await self.balance(SystemAccount.PAYMENTS)

    async def project_account(self, project_id: str = "prj_sunrise_solar") -> str:
        async with self.store.read() as tx:
            issue = await self.investments.issue(tx, project_id)
        assert issue is not None
        return issue.account

    async def announced(self, *types: str) -> Sequence[dict[str, Any]]:
        async with self.store.read() as tx:
            rows = await tx.fetch_all(_EventRow, "SELECT type, payload FROM events ORDER BY id")
        return [msgspec.json.decode(row.payload) for row in rows if row.type in types]

    async def check_books(self) -> None:
        async with self.store.read() as tx:
            assert (await verify_books(tx, at_us=0)).discrepancies == ()


class _EventRow(msgspec.Struct):
    type: str
    payload: str


def minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


@pytest.fixture
def world(store: Store, clock: ManualClock, events: EventLog, ledger: Ledger) -> World:
    return World(store, clock, events, ledger)
