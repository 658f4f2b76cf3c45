"""The pages of the developers' portal, as they stand after whatever a person did on them."""

from collections.abc import Sequence
from typing import Any

from litestar import Response

from cloud.errors import CloudError, InvalidFields
from cloud.identity.api_keys.key import Mode
from cloud.identity.api_keys.service import ApiKeys, NewKey
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.oauth.applications import Applications
from cloud.identity.oauth.model import Application, NewSecret
from cloud.identity.oauth.service import OAuth
from cloud.identity.scopes import CONSENTABLE, MEANINGS, in_order, role_scopes, scopes_of
from cloud.realtime.platform_events import MEANINGS as EVENT_MEANINGS
from cloud.realtime.platform_events import WEBHOOK_TYPES
from cloud.web.pages import page
from cloud.web.visitor import Browsers, Form, Visitor
from cloud.web.who import shown_name
from cloud.webhooks.deliveries import DeliveryShown
from cloud.webhooks.model import Endpoint, NewWebhookSecret

CREATED = 201
NOTHING_SENT = Form({})


class Portal:
    """Makes the pages; what is done on them the services do."""

    def __init__(
        self,
        browsers: Browsers,
        email_sign_in: EmailSignIn,
        applications: Applications,
        oauth: OAuth,
        api_keys: ApiKeys,
    ) -> None:
        self._browsers = browsers
        self._email_sign_in = email_sign_in
        self._applications = applications
        self._oauth = oauth
        self._api_keys = api_keys

    async def apps(
        self, visitor: Visitor, member: Person, sent: Form = NOTHING_SENT, error: CloudError | None = None
    ) -> Response[Any]:
        """Own applications, those let in, and the form for a new one."""
        return await self._page(
            "apps.html",
            visitor,
            member,
            error,
            applications=await self._applications.applications_of(member),
            allowed=await self._oauth.allowed_by(member),
            scopes=in_order(CONSENTABLE),
            sent=sent,
        )

    async def app(
        self,
        visitor: Visitor,
        member: Person,
        application: Application,
        sent: Form | None = None,
        error: CloudError | None = None,
    ) -> Response[Any]:
        """One application, to change it."""
        return await self._page(
            "app.html",
            visitor,
            member,
            error,
            application=application,
            scopes=in_order(CONSENTABLE),
            sent=sent or _form_of(application),
        )

    async def keys(
        self, visitor: Visitor, member: Person, sent: Form = NOTHING_SENT, error: CloudError | None = None
    ) -> Response[Any]:
        """Own API keys, and the form for a new one."""
        return await self._page(
            "keys.html",
            visitor,
            member,
            error,
            keys=[(row, in_order(scopes_of(row.scopes))) for row in await self._api_keys.keys_of(member)],
            scopes=in_order(role_scopes(is_admin=member.is_admin)),
            modes=list(Mode),
            sent=sent,
        )

    async def new_key(self, visitor: Visitor, member: Person, made: NewKey) -> Response[Any]:
        """The key, this once."""
        return await self._page("new_key.html", visitor, member, status_code=CREATED, made=made)

    async def new_secret(
        self, visitor: Visitor, member: Person, made: NewSecret, back: str = "/developers/apps"
    ) -> Response[Any]:
        """The application's credentials, this once."""
        return await self._page(
            "new_secret.html", visitor, member, status_code=CREATED, made=made, listed_at=back
        )

    async def webhooks(
        self,
        visitor: Visitor,
        member: Person,
        endpoints: Sequence[Endpoint],
        sent: Form = NOTHING_SENT,
        error: CloudError | None = None,
    ) -> Response[Any]:
        """Own endpoints, and the form for a new one."""
        return await self._page(
            "webhooks.html",
            visitor,
            member,
            error,
            endpoints=endpoints,
            applications=await self._applications.applications_of(member),
            event_types=WEBHOOK_TYPES,
            event_meanings=EVENT_MEANINGS,
            sent=sent,
        )

    async def webhook(
        self,
        visitor: Visitor,
        member: Person,
        endpoint: Endpoint,
        deliveries: Sequence[DeliveryShown],
        *,
        has_more: bool,
    ) -> Response[Any]:
        """One endpoint with what was sent there."""
        return await self._page(
            "webhook.html", visitor, member, endpoint=endpoint, deliveries=deliveries, has_more=has_more
        )

    async def webhook_secret(self, visitor: Visitor, member: Person, made: NewWebhookSecret) -> Response[Any]:
        """The endpoint's secret, this once."""
        return await self._page("webhook_secret.html", visitor, member, status_code=CREATED, made=made)

    async def sandbox(
        self,
        visitor: Visitor,
        member: Person,
        sent: Form = NOTHING_SENT,
        error: CloudError | None = None,
        **values: Any,
    ) -> Response[Any]:
        """How the sandbox stands (`values`), test keys, and what can be done with it."""
        keys = [row for row in await self._api_keys.keys_of(member) if row.mode is Mode.TEST]
        return await self._page(
            "sandbox.html",
            visitor,
            member,
            error,
            keys=keys,
            scopes=in_order(CONSENTABLE),
            sent=sent,
            **values,
        )

    async def _page(
        self,
        template: str,
        visitor: Visitor,
        member: Person,
        error: CloudError | None = None,
        *,
        status_code: int = 200,
        **values: Any,
    ) -> Response[Any]:
        return page(
            template,
            status_code=status_code if error is None else error.status,
            cookies=[self._browsers.browser_cookie(visitor)],
            who=await shown_name(member, self._email_sign_in),
            form_code=visitor.form_code,
            error=None if error is None else error.message,
            problems=problems_of(error),
            meanings=MEANINGS,
            **values,
        )


def problems_of(error: CloudError | None) -> dict[str, str]:
    """What is wrong with which field; nothing where the error is of none."""
    if not isinstance(error, InvalidFields):
        return {}
    return {field: "; ".join(told) for field, told in error.details.items()}


def _form_of(application: Application) -> Form:
    """As if its owner had just filled it in."""
    return Form(
        {
            "name": [application.name],
            "redirect_uris": ["\n".join(application.redirect_uri_list)],
            "scopes": [*application.scope_set],
        }
    )
