"""What the blocking client offers, one class a chapter of the document."""

from collections.abc import Mapping
from typing import Any, Literal, Unpack

from terra_lumina import calls, models
from terra_lumina.calls import Amount
from terra_lumina.oauth import AuthorizationRequest, Token, token_of
from terra_lumina.transport import Pages, Transport


class Projects:
    """What one can invest in."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.ProjectListing]) -> Pages[models.ListedProject]:
        return Pages(self._transport, calls.list_projects(listing))

    def search(
        self, words: str, *, filters: calls.ProjectFilters | None = None, limit: int | None = None
    ) -> Pages[models.ListedProject]:
        """The best fit first."""
        return Pages(self._transport, calls.search_projects(words, filters, limit))

    def get(self, project_id: str) -> models.Project:
        return self._transport.one(calls.get_project(project_id))

    def updates(self, project_id: str, *, limit: int | None = None) -> Pages[models.ProjectUpdate]:
        """The newest first."""
        return Pages(self._transport, calls.list_updates(project_id, limit))


class Investments:
    """The person's own."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.InvestmentListing]) -> Pages[models.ListedInvestment]:
        return Pages(self._transport, calls.list_investments(listing))

    def get(self, investment_id: str) -> models.Investment:
        return self._transport.one(calls.get_investment(investment_id))

    def create(
        self,
        *,
        project_id: str,
        amount: Amount,
        currency: str | None = None,
        payment_method: str = "stripe",
        payment_source: str | None = None,
        idempotency_key: str | None = None,
    ) -> models.NewInvestment:
        """Invest; pending until it is paid.

        `currency` None: the project's. `payment_source` None: the person pays on the page at
        `next_action.redirect_url`. Tries of one call share a key and invest once; give your own
        `idempotency_key` to make calls of yours one.
        """
        return self._transport.one(
            calls.create_investment(
                project_id, amount, currency, payment_method, payment_source, idempotency_key
            )
        )


class Portfolio:
    """The sum of the person's investments."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> models.Portfolio:
        return self._transport.one(calls.get_portfolio())

    def performance(
        self,
        *,
        period: Literal["1m", "3m", "6m", "1y", "all"] | None = None,
        granularity: Literal["daily", "weekly", "monthly"] | None = None,
    ) -> models.PortfolioPerformance:
        return self._transport.one(calls.get_performance(period, granularity))


class Distributions:
    """What the projects pay out to the person."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.DistributionListing]) -> Pages[models.Distribution]:
        return Pages(self._transport, calls.list_distributions(listing))

    def claim(
        self,
        distribution_id: str,
        *,
        payment_method: str = "bank_transfer",
        idempotency_key: str | None = None,
    ) -> models.Claim:
        """Have it paid out; claimed again, it is the same claim."""
        return self._transport.one(calls.claim_distribution(distribution_id, payment_method, idempotency_key))


class UserAccount:
    """The person in whose name is called."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> models.User:
        return self._transport.one(calls.get_user())

    def update(
        self, *, name: str | None = None, preferences: Mapping[str, Any] | None = None
    ) -> models.ChangedUser:
        """What is left out stays as it is."""
        return self._transport.one(calls.update_user(name, preferences))

    def kyc(self) -> models.KycStatus:
        return self._transport.one(calls.get_kyc())

    def start_kyc(self, *, return_url: str, provider: str = "onfido") -> models.KycSession:
        """Begin a verification. It is not tried again where the first try may have begun one."""
        return self._transport.one(calls.start_kyc(return_url, provider))


class Events:
    """What webhooks delivered, for those who missed some."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, after: str | None = None, limit: int | None = None) -> Pages[models.Event]:
        """Oldest first, behind the event whose id is `after`."""
        return Pages(self._transport, calls.list_events(after, limit))


class OAuth:
    """The token of the application's user."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def finish(self, callback_url: str, request: AuthorizationRequest) -> Token:
        """Sign the client in with what the person came back with.

        Raises:
            OAuthError: they refused, or did not come back from this request, or the code is no longer good.
        """
        caller = self._transport.caller
        app = caller.account.signing_app()
        form = app.exchange_form(app.code_of(callback_url, request), request.code_verifier)
        answer = self._transport.carry_out(caller.form("/oauth/token", form))
        return caller.account.keep(token_of(answer.body, caller.now_s()))

    def refresh(self) -> Token:
        """Renew the token now; calls do so by themselves.

        Raises:
            OAuthError: the person has to be asked again.
        """
        return self._transport.renew(self._transport.caller.account.signed_in())

    def revoke(self) -> None:
        """End the token, and all that came of the same consent."""
        account = self._transport.caller.account
        form = account.signing_app().revoke_form(account.signed_in())
        self._transport.carry_out(self._transport.caller.form("/oauth/revoke", form))
        account.token = None
