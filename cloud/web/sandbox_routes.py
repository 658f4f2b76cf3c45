"""The hosted pages of the sandbox providers: a person clicks how a payment or a check shall end."""

from typing import Any, TypeVar

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath

from cloud.errors import BadRequest, NotFound
from cloud.kyc.model import Check, CheckState
from cloud.kyc.sandbox import SandboxKyc
from cloud.kyc.service import Kyc
from cloud.payments.model import PaymentState
from cloud.payments.sandbox import Choice, SandboxPayments
from cloud.payments.service import Payments
from cloud.web.pages import page, sent_to
from cloud.web.visitor import Browsers, Form, Visitor, address_of

PAYMENTS = "/sandbox/payments/{intent_id:str}"
CHECKS = "/sandbox/kyc/{run_id:str}"

T = TypeVar("T")

_OPEN = frozenset({PaymentState.REQUIRES_PAYMENT_METHOD, PaymentState.REQUIRES_ACTION})


@get(PAYMENTS, status_code=200, include_in_schema=False)
async def payment_page(
    intent_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    sandbox_payments: NamedDependency[SandboxPayments | None],
) -> Response[Any]:
    intent = await _in_use(sandbox_payments).intent(intent_id)
    return page(
        "sandbox_payment.html",
        cookies=[browsers.browser_cookie(visitor)],
        form_code=visitor.form_code,
        intent=intent,
        is_open=intent.state in _OPEN,
        declined=intent.decline_code is not None and intent.state in _OPEN,
        amount=f"{intent.amount_minor // 100}.{intent.amount_minor % 100:02d} {intent.currency}",
    )


@post(PAYMENTS, status_code=200, include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any],
    intent_id: FromPath[str],
    form: NamedDependency[Form],
    sandbox_payments: NamedDependency[SandboxPayments | None],
    payments: NamedDependency[Payments],
) -> Response[Any]:
    """Back to the page, which says how it went."""
    try:
        choice = Choice(form.text("choice"))
    except ValueError:
        raise BadRequest("choice: unknown") from None
    intent = await _in_use(sandbox_payments).choose(intent_id, choice)
    await payments.look(intent.payment_id)
    return sent_to(address_of(request))


@get(CHECKS, status_code=200, include_in_schema=False)
async def check_page(
    run_id: FromPath[str],
    visitor: NamedDependency[Visitor],
    browsers: NamedDependency[Browsers],
    sandbox_kyc: NamedDependency[SandboxKyc | None],
    kyc: NamedDependency[Kyc],
) -> Response[Any]:
    state = await _in_use(sandbox_kyc).state(run_id)
    check = await _check(kyc, run_id)
    return page(
        "sandbox_kyc.html",
        cookies=[browsers.browser_cookie(visitor)],
        sent_on_to=check.return_url,
        form_code=visitor.form_code,
        check=check,
        run_id=run_id,
        state=state.value,
        is_open=state is CheckState.OPEN,
    )


@post(CHECKS, status_code=200, include_in_schema=False)
async def decide(
    run_id: FromPath[str],
    form: NamedDependency[Form],
    sandbox_kyc: NamedDependency[SandboxKyc | None],
    kyc: NamedDependency[Kyc],
) -> Response[Any]:
    """Back to the application."""
    decision = form.text("decision")
    if decision not in {"verify", "reject"}:
        raise BadRequest("decision: unknown")
    check = await _check(kyc, run_id)
    await _in_use(sandbox_kyc).decide(run_id, is_verified=decision == "verify")
    await kyc.look(run_id)
    return sent_to(check.return_url)


@get("/payments/done", status_code=200, include_in_schema=False)
async def done_page() -> Response[Any]:
    """Where a payment provider sends a person after its own page."""
    return page("payment_done.html")


async def _check(kyc: Kyc, run_id: str) -> Check:
    check = await kyc.check_of_run(run_id)
    if check is None:
        raise NotFound("no such check")
    return check


def _in_use(provider: T | None) -> T:
    if provider is None:
        raise NotFound("no such page")
    return provider


ROUTES: list[BaseRouteHandler] = [payment_page, choose, check_page, decide, done_page]
