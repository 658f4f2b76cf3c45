"""What the asynchronous client offers, one class a chapter of the document."""

from collections.abc import Mapping
from typing import Any, Literal, Unpack

from terra_lumina import calls, models
from terra_lumina.async_transport import AsyncPages, AsyncTransport
from terra_lumina.calls import Amount
from terra_lumina.oauth import AuthorizationRequest, Token, token_of


class AsyncProjects:
    """What one can invest in."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.ProjectListing]) -> AsyncPages[models.ListedProject]:
        return AsyncPages(self._transport, calls.list_projects(listing))

    def search(
        self, words: str, *, filters: calls.ProjectFilters | None = None, limit: int | None = None
    ) -> AsyncPages[models.ListedProject]:
        """The best fit first."""
        return AsyncPages(self._transport, calls.search_projects(words, filters, limit))

    async def get(self, project_id: str) -> models.Project:
        return await self._transport.one(calls.get_project(project_id))

    def updates(self, project_id: str, *, limit: int | None = None) -> AsyncPages[models.ProjectUpdate]:
        """The newest first."""
        return AsyncPages(self._transport, calls.list_updates(project_id, limit))


class AsyncInvestments:
    """The person's own."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.InvestmentListing]) -> AsyncPages[models.ListedInvestment]:
        return AsyncPages(self._transport, calls.list_investments(listing))

    async def get(self, investment_id: str) -> models.Investment:
        return await self._transport.one(calls.get_investment(investment_id))

    async def create(
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
        return await self._transport.one(
            calls.create_investment(
                project_id, amount, currency, payment_method, payment_source, idempotency_key
            )
        )


class AsyncPortfolio:
    """The sum of the person's investments."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self) -> models.Portfolio:
        return await self._transport.one(calls.get_portfolio())

    async def performance(
        self,
        *,
        period: Literal["1m", "3m", "6m", "1y", "all"] | None = None,
        granularity: Literal["daily", "weekly", "monthly"] | None = None,
    ) -> models.PortfolioPerformance:
        return await self._transport.one(calls.get_performance(period, granularity))


class AsyncDistributions:
    """What the projects pay out to the person."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, **listing: Unpack[calls.DistributionListing]) -> AsyncPages[models.Distribution]:
        return AsyncPages(self._transport, calls.list_distributions(listing))

    async def claim(
        self,
        distribution_id: str,
        *,
        payment_method: str = "bank_transfer",
        idempotency_key: str | None = None,
    ) -> models.Claim:
        """Have it paid out; claimed again, it is the same claim."""
        return await self._transport.one(
            calls.claim_distribution(distribution_id, payment_method, idempotency_key)
        )


class AsyncUserAccount:
    """The person in whose name is called."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self) -> models.User:
        return await self._transport.one(calls.get_user())

    async def update(
        self, *, name: str | None = None, preferences: Mapping[str, Any] | None = None
    ) -> models.ChangedUser:
        """What is left out stays as it is."""
        return await self._transport.one(calls.update_user(name, preferences))

    async def kyc(self) -> models.KycStatus:
        return await self._transport.one(calls.get_kyc())

    async def start_kyc(self, *, return_url: str, provider: str = "onfido") -> models.KycSession:
        """Begin a verification. It is not tried again where the first try may have begun one."""
        return await self._transport.one(calls.start_kyc(return_url, provider))


class AsyncEvents:
    """What webhooks delivered, for those who missed some."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(self, *, after: str | None = None, limit: int | None = None) -> AsyncPages[models.Event]:
        """Oldest first, behind the event whose id is `after`."""
        return AsyncPages(self._transport, calls.list_events(after, limit))


class AsyncOAuth:
    """The token of the application's user."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def finish(self, callback_url: str, request: AuthorizationRequest) -> Token:
        """Sign the client in with what the person came back with.

        Raises:
            OAuthError: they refused, or did not come back from this request, or the code is no longer good.
        """
        caller = self._transport.caller
        app = caller.account.signing_app()
        form = app.exchange_form(app.code_of(callback_url, request), request.code_verifier)
        answer = await self._transport.carry_out(caller.form("/oauth/token", form))
        return caller.account.keep(token_of(answer.body, caller.now_s()))

    async def refresh(self) -> Token:
        """Renew the token now; calls do so by themselves.

        Raises:
            OAuthError: the person has to be asked again.
        """
        return await self._transport.renew(self._transport.caller.account.signed_in())

    async def revoke(self) -> None:
        """End the token, and all that came of the same consent."""
        account = self._transport.caller.account
        form = account.signing_app().revoke_form(account.signed_in())
        await self._transport.carry_out(self._transport.caller.form("/oauth/revoke", form))
        account.token = None
