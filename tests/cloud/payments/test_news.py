"""News come late, twice and in any order: the outcome is the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.payments.model import (
    Intent,
    Payment,
    PaymentState,
    Payout,
    PayoutNews,
    PayoutState,
    Refund,
    RefundNews,
    RefundState,
)
from cloud.payments.news import Contradiction, payment_after, payout_after, refund_after

PAYMENT = Payment(
    id="pay_1",
    reference="inv_1",
    account="acct_1",
    amount_minor=51_000,
    currency="USD",
    source=None,
    provider="stripe",
    state=PaymentState.REQUIRES_PAYMENT_METHOD,
    created_at_us=0,
    sent_at_us=1,
    intent_id="pi_1",
)


def intent(state: str, at_us: int, *, decline_code: str | None = None, **other) -> Intent:
    fields = {"amount_minor": 51_000, "currency": "USD", "id": "pi_1"} | other
    received = fields.pop("received_minor", fields["amount_minor"] if state == "succeeded" else 0)
    return Intent(
        payment_id="pay_1",
        state=PaymentState(state),
        received_minor=received,
        at_us=at_us,
        redirect_url=None if state != "requires_action" else "https://hooks.stripe.com/x",
        decline_code=decline_code,
        **fields,
    )


STORY = [
    intent("requires_payment_method", 1, decline_code="card_declined"),
    intent("requires_action", 2),
    intent("processing", 3),
    intent("succeeded", 4),
]


@given(st.lists(st.sampled_from(STORY), min_size=1).flatmap(lambda some: st.permutations(STORY + some)))
def test_in_any_order_and_any_number_of_times_the_last_word_wins(told: list[Intent]) -> None:
    payment = PAYMENT
    for one in told:
        payment = payment_after(payment, one)

    assert payment.state is PaymentState.SUCCEEDED
    assert payment.decline_code is None
    assert payment.redirect_url is None


@given(st.permutations(STORY[:3]))
def test_while_it_is_under_way_the_newest_news_count(told: list[Intent]) -> None:
    payment = PAYMENT
    for one in told:
        payment = payment_after(payment, one)

    assert payment.state is PaymentState.PROCESSING
    assert payment.told_at_us == 3


def test_a_try_that_fails_after_another_is_open_again() -> None:
    declined = payment_after(
        payment_after(PAYMENT, STORY[2]), intent("requires_payment_method", 9, decline_code="x")
    )

    assert (declined.state, declined.decline_code) == (PaymentState.REQUIRES_PAYMENT_METHOD, "x")


@pytest.mark.parametrize("end", ["succeeded", "canceled"])
@pytest.mark.parametrize("late", ["requires_action", "processing", "succeeded", "canceled"])
def test_what_is_over_stays_over(end: str, late: str) -> None:
    payment = payment_after(PAYMENT, intent(end, 1))

    assert payment_after(payment, intent(late, 99)).state == end


def test_money_that_came_for_a_payment_given_up_unanswered_is_not_denied() -> None:
    given_up = Payment(
        **{name: getattr(PAYMENT, name) for name in PAYMENT.__struct_fields__}
        | {
            "intent_id": None,
            "state": PaymentState.CANCELED,
        }
    )

    after = payment_after(given_up, intent("succeeded", 5))

    assert (after.state, after.intent_id) == (PaymentState.SUCCEEDED, "pi_1")


@pytest.mark.parametrize(
    "other",
    [
        {"id": "pi_2"},
        {"amount_minor": 50_999},
        {"currency": "EUR"},
        {"received_minor": 50_999},
        {"received_minor": 0},
    ],
)
def test_news_of_another_payment_or_of_less_money_are_refused(other: dict) -> None:
    with pytest.raises(Contradiction):
        payment_after(PAYMENT, intent("succeeded", 1, **other))


REFUND = Refund(
    id="ref_1",
    payment_id="pay_1",
    intent_id="pi_1",
    amount_minor=51_000,
    currency="USD",
    provider="stripe",
    reason="late",
    state=RefundState.WAITING,
    created_at_us=0,
)
PAYOUT = Payout(
    id="po_1",
    reference="r",
    account="acct_1",
    amount_minor=1,
    currency="USD",
    provider="stripe",
    state=PayoutState.WAITING,
    created_at_us=0,
)


@given(st.permutations(["pending", "succeeded", "failed"]))
def test_a_refund_that_failed_stays_failed(states: list[str]) -> None:
    refund = REFUND
    for state in states:
        refund = refund_after(refund, RefundNews(id="re_1", refund_id="ref_1", state=RefundState(state)))

    assert (refund.state, refund.provider_id) == (RefundState.FAILED, "re_1")


@given(st.permutations(["pending", "in_transit", "paid"]))
def test_a_payout_only_goes_on(states: list[str]) -> None:
    payout = PAYOUT
    for state in states:
        payout = payout_after(payout, PayoutNews(id="tr_1", payout_id="po_1", state=PayoutState(state)))

    assert payout.state is PayoutState.PAID


def test_a_bank_may_send_back_what_was_paid() -> None:
    paid = payout_after(PAYOUT, PayoutNews(id="tr_1", payout_id="po_1", state=PayoutState.PAID))
    news = PayoutNews(id="tr_1", payout_id="po_1", state=PayoutState.FAILED, failure="reversed")

    assert payout_after(paid, news).failure == "reversed"


def test_another_refund_or_payout_of_the_provider_is_refused() -> None:
    refund = refund_after(REFUND, RefundNews(id="re_1", refund_id="ref_1", state=RefundState.PENDING))
    payout = payout_after(PAYOUT, PayoutNews(id="tr_1", payout_id="po_1", state=PayoutState.PENDING))

    with pytest.raises(Contradiction):
        refund_after(refund, RefundNews(id="re_2", refund_id="ref_1", state=RefundState.SUCCEEDED))
    with pytest.raises(Contradiction):
        payout_after(payout, PayoutNews(id="tr_2", payout_id="po_1", state=PayoutState.PAID))
