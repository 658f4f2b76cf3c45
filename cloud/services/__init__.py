"""Makes every service, once, and passes it down: the only list of domains, and where alone they meet."""

from msgspec import Struct
from nacl.signing import SigningKey

from cloud.analytics.service import Analytics
from cloud.audit.service import Export
from cloud.defi.service import Defi
from cloud.depin.service import Depin
from cloud.devices.commands import Commands
from cloud.devices.service import Devices
from cloud.distributions.service import Distributions
from cloud.finance.anomalies.service import Anomalies, Forests
from cloud.finance.categories.service import Categories
from cloud.finance.chat.service import Chat
from cloud.finance.duplicates.service import Duplicates
from cloud.finance.ingest.batches import Batches
from cloud.finance.ingest.gmail.service import Gmail
from cloud.finance.ingest.service import Ingestion
from cloud.finance.ingest.whatsapp.service import WhatsApp
from cloud.finance.receipts.reader import ReceiptReader
from cloud.finance.sealed.service import DeviceKeys
from cloud.finance.transactions.service import Transactions
from cloud.grid.agent_calls import AgentCalls
from cloud.grid.service import Grid
from cloud.grid.trading_sites import TradingSites
from cloud.grid.transfers import Transfers
from cloud.identity.access import Access
from cloud.identity.api_keys.service import ApiKeys
from cloud.identity.attempts import Attempts
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.linking import Linking
from cloud.identity.oauth.applications import Applications
from cloud.identity.oauth.service import OAuth
from cloud.identity.password_change import PasswordChange
from cloud.identity.service import Identity
from cloud.identity.sessions.service import Sessions
from cloud.identity.web_auth import WebAuth
from cloud.investments.service import Investments
from cloud.kit.content_files import ContentFiles
from cloud.kit.cursors import Cursors
from cloud.kit.events import EventLog
from cloud.kit.metrics import Metrics
from cloud.kit.rate_limit import CallLimits
from cloud.kit.secrets import load_or_make
from cloud.kit.store import Store
from cloud.kit.store.database_url import open_store
from cloud.kyc.sandbox import SandboxKyc
from cloud.kyc.service import Kyc
from cloud.ledger.books import Books
from cloud.ledger.service import Ledger
from cloud.market.service import Market
from cloud.minting.service import Minting
from cloud.network.service import Network
from cloud.payments.payees import Payees
from cloud.payments.sandbox import SandboxPayments
from cloud.payments.service import Payments
from cloud.portfolio.service import Portfolio
from cloud.pricing.service import Pricing
from cloud.projects.documents import Documents
from cloud.projects.lists import ProjectLists
from cloud.projects.service import Projects
from cloud.realtime.market_socket import MarketSocket
from cloud.realtime.missed_events import MissedEvents
from cloud.realtime.platform_socket import PlatformSocket
from cloud.realtime.sse import EventStream
from cloud.services.finance import make_finance
from cloud.services.investing import make_investing, make_providers
from cloud.services.people import make_people
from cloud.services.telling import make_telling
from cloud.settings import Settings
from cloud.stellar.anchoring import Anchoring
from cloud.stellar.deposits import Deposits
from cloud.stellar.envelopes import Envelopes
from cloud.stellar.keys import Keys
from cloud.stellar.networks import NETWORKS
from cloud.stellar.outbox import Outbox
from cloud.stellar.withdrawals import Withdrawals
from cloud.web.portal import Portal
from cloud.web.visitor import Browsers
from cloud.webhooks.deliveries import Deliveries
from cloud.webhooks.service import Webhooks
from cloud.webhooks.workers import WebhookIntake, WebhookSender
from shared.clock import Clock

SIGNING_KEY = "cloud_key"
DOCUMENTS = "documents"


class Services(Struct, frozen=True, kw_only=True):
    """Every service under the name by which handlers ask for it."""

    settings: Settings
    clock: Clock
    signing_key: SigningKey
    store: Store
    events: EventLog
    metrics: Metrics
    outbox: Outbox
    ledger: Ledger
    books: Books
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
    projects: Projects
    payments: Payments
    payees: Payees
    sandbox_payments: SandboxPayments | None
    kyc: Kyc
    sandbox_kyc: SandboxKyc | None
    investments: Investments
    distributions: Distributions
    portfolio: Portfolio
    transactions: Transactions
    categories: Categories
    duplicates: Duplicates
    anomalies: Anomalies
    forests: Forests
    chat: Chat
    receipt_reader: ReceiptReader
    device_keys: DeviceKeys
    ingestion: Ingestion
    batches: Batches
    gmail: Gmail
    whatsapp: WhatsApp
    project_lists: ProjectLists
    documents: Documents
    devices: Devices
    commands: Commands
    market: Market
    grid: Grid
    pricing: Pricing
    minting: Minting
    depin: Depin
    defi: Defi
    transfers: Transfers
    agent_calls: AgentCalls
    event_stream: EventStream
    market_socket: MarketSocket
    platform_socket: PlatformSocket
    missed_events: MissedEvents
    webhooks: Webhooks
    deliveries: Deliveries
    webhook_intake: WebhookIntake
    webhook_sender: WebhookSender
    ledger_export: Export
    analytics: Analytics
    withdrawals: Withdrawals
    deposits: Deposits
    anchoring: Anchoring


def make_services(settings: Settings, clock: Clock) -> Services:
    """Nothing is opened on the network yet."""
    store = open_store(settings.database_url, settings.data_dir)
    events = EventLog(store, clock)
    signing_key = SigningKey(load_or_make(settings.data_dir / SIGNING_KEY))
    envelopes = Envelopes(NETWORKS[settings.network], Keys.of(settings))
    outbox = Outbox(store, clock, envelopes)
    ledger = Ledger(store, clock, signing_key, outbox)
    books = Books(store, clock, outbox)
    people = make_people(store, clock, ledger, settings)
    identity = people.identity
    devices = Devices(store, clock, identity, ledger, signing_key, settings)
    market = Market(store, clock, events, ledger, identity)
    devices.escrow.add_follower(market)
    sites = TradingSites(clock=clock, market=market, devices=devices, identity=identity)
    grid = Grid(store=store, clock=clock, events=events, devices=devices, sites=sites)
    pricing = Pricing(store, clock, events, market, grid, settings)
    minting = Minting(store, clock, events, ledger, devices, market, pricing, settings)
    if settings.network == "public":
        market.limit_pledges(minting)
    transfers = Transfers(store=store, clock=clock, events=events, devices=devices)
    projects = Projects(store, clock, events)
    providers = make_providers(store, clock, people, settings)
    investing = make_investing(store, clock, events, ledger, projects, providers)
    return Services(
        settings=settings,
        clock=clock,
        signing_key=signing_key,
        store=store,
        events=events,
        metrics=Metrics(store),
        outbox=outbox,
        ledger=ledger,
        books=books,
        **people._asdict(),
        projects=projects,
        **providers._asdict(),
        **investing._asdict(),
        **make_finance(store, clock, events, people, settings)._asdict(),
        project_lists=ProjectLists(store, people.cursors),
        documents=Documents(store, clock, ContentFiles(settings.data_dir / DOCUMENTS)),
        devices=devices,
        commands=devices.commands,
        market=market,
        grid=grid,
        pricing=pricing,
        minting=minting,
        defi=Defi(store, clock, events, ledger),
        depin=Depin(
            store=store,
            clock=clock,
            events=events,
            ledger=ledger,
            devices=devices,
            minting=minting,
            settings=settings,
        ),
        transfers=transfers,
        agent_calls=AgentCalls(
            store=store, clock=clock, devices=devices, minting=minting, grid=grid, transfers=transfers
        ),
        event_stream=EventStream(events=events, clock=clock),
        market_socket=MarketSocket(events=events, market=market, pricing=pricing, clock=clock),
        **make_telling(store, clock, events, people, investing.portfolio, projects, settings)._asdict(),
        ledger_export=Export(store, ledger, books, pricing, signing_key, settings),
        analytics=Analytics(clock, identity=identity, devices=devices, network=people.network, market=market),
        withdrawals=Withdrawals(store, clock, ledger, outbox),
        deposits=Deposits(store, clock, ledger, envelopes.keys, envelopes.network),
        anchoring=Anchoring(store, clock, ledger, outbox),
    )
