"""Money in projects: who moves it, who verifies people, what they hold."""

from typing import NamedTuple

from cloud.distributions.service import Distributions
from cloud.investments.service import Investments
from cloud.kit.events import EventLog
from cloud.kit.store import Store
from cloud.kyc.onfido import Onfido
from cloud.kyc.sandbox import SandboxKyc
from cloud.kyc.service import Kyc
from cloud.ledger.service import Ledger
from cloud.payments.payees import Payees
from cloud.payments.sandbox import SandboxPayments
from cloud.payments.service import Payments
from cloud.payments.stripe import StripePayments
from cloud.payments.stripe_api import StripeApi
from cloud.portfolio.service import Portfolio
from cloud.projects.service import Projects
from cloud.services.people import People
from cloud.settings import Settings
from shared.clock import Clock


class Providers(NamedTuple):
    """Who moves fiat money and who verifies people, by the names in `Services`."""

    payments: Payments
    payees: Payees
    sandbox_payments: SandboxPayments | None
    kyc: Kyc
    sandbox_kyc: SandboxKyc | None


def make_providers(store: Store, clock: Clock, people: People, settings: Settings) -> Providers:
    payees = Payees(store, clock)
    payments: SandboxPayments | StripePayments = SandboxPayments(store, clock, base_url=settings.base_url)
    if settings.payments_provider == "stripe":
        payments = StripePayments(
            StripeApi(settings.stripe_url, settings.stripe_secret_key or ""),
            clock,
            webhook_secret=settings.stripe_webhook_secret or "",
            return_url=f"{settings.base_url}/payments/done",
            destination=payees.destination,
        )
    checks: SandboxKyc | Onfido = SandboxKyc(store, clock, base_url=settings.base_url)
    if settings.kyc_provider == "onfido":
        checks = Onfido(
            settings.onfido_url,
            api_token=settings.onfido_api_token or "",
            webhook_token=settings.onfido_webhook_token or "",
            workflow_id=settings.onfido_workflow_id or "",
        )
    kyc = Kyc(store, clock, people.identity, people.email_sign_in, checks, valid_days=settings.kyc_valid_days)
    return Providers(
        payments=Payments(store, clock, payments),
        payees=payees,
        sandbox_payments=payments if isinstance(payments, SandboxPayments) else None,
        kyc=kyc,
        sandbox_kyc=checks if isinstance(checks, SandboxKyc) else None,
    )


class Investing(NamedTuple):
    """Money in projects, by the names in `Services`."""

    investments: Investments
    distributions: Distributions
    portfolio: Portfolio


def make_investing(
    store: Store,
    clock: Clock,
    events: EventLog,
    ledger: Ledger,
    projects: Projects,
    providers: Providers,
) -> Investing:
    payments = providers.payments
    investments = Investments(
        store, clock, events, ledger, projects=projects, payments=payments, kyc=providers.kyc
    )
    return Investing(
        investments=investments,
        distributions=Distributions(
            store,
            clock,
            events,
            ledger,
            projects=projects,
            payments=payments,
            investments=investments,
        ),
        portfolio=Portfolio(store, clock, investments=investments, projects=projects),
    )
