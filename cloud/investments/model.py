"""Money in a project, from the reserved room to ownership tokens. Amounts are minor units of `currency`."""

from enum import StrEnum

from msgspec import Struct

from cloud.payments.model import PaymentState


class InvestmentStatus(StrEnum):
    PENDING = "pending"
    """Not paid; room is reserved for it."""
    COMPLETED = "completed"
    FAILED = "failed"


class Failure(StrEnum):
    CANCELED = "canceled"
    """By the payment provider, or the payer."""
    EXPIRED = "expired"
    """Not paid while the room was reserved."""


class RefundStatus(StrEnum):
    """Of money that came when the room was gone."""

    OWED = "owed"
    PAID = "paid"


class InvestmentWish(Struct, frozen=True, kw_only=True):
    """What somebody asks for."""

    project_id: str
    amount_minor: int
    """What goes into the project; the fee comes on top."""
    currency: str | None
    """None: the project's."""
    payment_method: str
    payment_source: str | None
    """The provider's payment method; None: the payer chooses on the hosted page."""


class Investment(Struct, frozen=True, kw_only=True):
    id: str
    """`inv_…`"""
    account: str
    person_id: int
    project_id: str
    amount_minor: int
    fee_minor: int
    """On top of the amount."""
    currency: str
    tokens: int
    """Ownership tokens, 10^-7; the investor's once it is completed."""
    payment_method: str
    payment_id: str
    """Of `cloud.payments`; the provider's own id is the payment's `intent_id`."""
    status: InvestmentStatus
    created_at_us: int
    room_until_us: int
    completed_at_us: int | None = None
    failure: Failure | None = None
    refund: RefundStatus | None = None

    @property
    def user_id(self) -> str:
        return f"usr_{self.person_id}"

    @property
    def charged_minor(self) -> int:
        """What the investor pays in all."""
        return self.amount_minor + self.fee_minor


class InvestmentFilter(Struct, frozen=True, kw_only=True):
    """None: any."""

    project_id: str | None = None
    status: InvestmentStatus | None = None


class Placement(Struct, frozen=True, kw_only=True):
    """A new investment, and how it is paid."""

    investment: Investment
    project_name: str
    state: PaymentState
    intent_id: str | None
    """None while the provider does not answer, as is the next."""
    client_secret: str | None
    redirect_url: str | None
    decline_code: str | None

    def __repr__(self) -> str:
        return f"Placement(id={self.investment.id!r}, state={self.state.value!r}, ***)"


class Issue(Struct, frozen=True, kw_only=True):
    """The ownership tokens of a project."""

    project_id: str
    account: str
    """The project's own: tokens that are not sold, and the money that was raised."""
    tokens: int


class Position(Struct, frozen=True, kw_only=True):
    """What somebody has in one project."""

    account: str
    project_id: str
    currency: str
    invested_minor: int
    tokens: int
    investment_count: int
    returned_minor: int = 0
    """Distributions that were claimed."""


class Step(Struct, frozen=True, kw_only=True):
    """The sums of an account in one currency after a change, over everything before."""

    number: int
    at_us: int
    invested_minor: int
    returned_minor: int


class TokenHolding(Struct, frozen=True, kw_only=True):
    """An investment as a distribution looks at it."""

    investment_id: str
    account: str
    person_id: int
    tokens: int


class Received(Struct, frozen=True, kw_only=True):
    """What an investment brought, as far as it was claimed."""

    amount_minor: int = 0
    count: int = 0


class InvestmentReturn(Struct, frozen=True, kw_only=True):
    """What one distribution is to one investment."""

    distribution_id: str
    amount_minor: int
    distribution_date: str
    claimed_at_us: int | None
    """None: not claimed."""


class InvestmentView(Struct, frozen=True, kw_only=True):
    """An investment as its owner is shown it."""

    investment: Investment
    project_name: str
    received: Received
    intent_id: str | None = None
    returns: tuple[InvestmentReturn, ...] = ()
    """Newest first; in lists it is left empty, as is `intent_id`."""
