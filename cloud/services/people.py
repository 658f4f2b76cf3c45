"""Who calls: people and programs, how they are let in, and what counts their calls."""

from typing import NamedTuple

from cloud.api.rate_limit import CHAT, UPLOADS
from cloud.identity.access import Access
from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.attempts import Attempts
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.linking import Linking
from cloud.identity.oauth.access_tokens import OAuthTokens
from cloud.identity.oauth.applications import Applications
from cloud.identity.oauth.service import OAuth
from cloud.identity.password_change import PasswordChange
from cloud.identity.passwords import Passwords
from cloud.identity.service import Identity
from cloud.identity.sessions.service import Sessions
from cloud.identity.web_auth import WebAuth
from cloud.kit.cursors import Cursors
from cloud.kit.rate_limit import CallLimits, Limits, MemoryCounters, Rule
from cloud.kit.secrets import load_or_make
from cloud.kit.store import Store
from cloud.ledger.service import Ledger
from cloud.network.service import Network
from cloud.settings import Settings
from cloud.web.portal import Portal
from cloud.web.visitor import Browsers
from shared.clock import Clock

TOKEN_KEY = "token_key"  # noqa: S105  a file name
WEB_AUTH_KEY = "sep10_key"


class People(NamedTuple):
    """The services of identity and what counts their callers, by the names in `Services`."""

    call_limits: CallLimits
    attempts: Attempts
    identity: Identity
    email_sign_in: EmailSignIn
    password_change: PasswordChange
    linking: Linking
    web_auth: WebAuth
    applications: Applications
    oauth: OAuth
    api_keys: ApiKeys
    sessions: Sessions
    access: Access
    cursors: Cursors
    browsers: Browsers
    portal: Portal
    network: Network


def make_people(store: Store, clock: Clock, ledger: Ledger, settings: Settings) -> People:
    limits = Limits(MemoryCounters(clock))
    token_key = load_or_make(settings.data_dir / TOKEN_KEY)
    web_auth_key = load_or_make(settings.data_dir / WEB_AUTH_KEY)
    identity = Identity(store, clock, ledger, token_key, settings)
    passwords = Passwords()
    email_sign_in = EmailSignIn(store, clock, identity, passwords)
    audience = f"{settings.base_url}/v1"
    oauth = OAuth(store, clock, OAuthTokens(token_key, issuer=settings.base_url, audience=audience))
    api_keys = ApiKeys(store, clock)
    applications = Applications(store, clock)
    sessions = Sessions(store, clock)
    browsers = Browsers(sessions, token_key, settings)
    return People(
        call_limits=CallLimits(
            limits,
            per_minute=settings.rate_limit_per_minute,
            sign_ins_per_minute=settings.sign_ins_per_minute,
            groups={
                UPLOADS: Rule(calls=settings.uploads_per_hour, window_s=3_600),
                CHAT: Rule(calls=settings.chat_per_minute, window_s=60),
            },
        ),
        attempts=Attempts(limits),
        identity=identity,
        email_sign_in=email_sign_in,
        password_change=PasswordChange(store, clock, identity, passwords),
        linking=Linking(store, clock, identity, email_sign_in, passwords, token_key),
        web_auth=WebAuth(store, clock, identity, web_auth_key, token_key, settings),
        applications=applications,
        oauth=oauth,
        api_keys=api_keys,
        sessions=sessions,
        access=Access(identity, oauth, api_keys),
        cursors=Cursors(token_key),
        browsers=browsers,
        portal=Portal(browsers, email_sign_in, applications, oauth, api_keys),
        network=Network(store, clock, identity),
    )
