"""A person's own purchases: one reads, one keeps, others judge, match and answer."""

from typing import NamedTuple

from cloud.finance.anomalies.forest_process import ForestProcess
from cloud.finance.anomalies.service import Anomalies, Forests
from cloud.finance.categories.meaning import Meaning
from cloud.finance.categories.service import Categories
from cloud.finance.chat.language_model import LanguageModel
from cloud.finance.chat.service import Chat
from cloud.finance.duplicates.service import Duplicates
from cloud.finance.ingest.batches import Batches
from cloud.finance.ingest.gmail import routes as gmail_routes
from cloud.finance.ingest.gmail.api import GmailApi
from cloud.finance.ingest.gmail.service import Gmail
from cloud.finance.ingest.service import Ingestion
from cloud.finance.ingest.whatsapp.media import Media
from cloud.finance.ingest.whatsapp.service import WhatsApp
from cloud.finance.receipts.reader import ReceiptReader
from cloud.finance.sealed.service import DeviceKeys
from cloud.finance.transactions.service import Transactions
from cloud.kit.events import EventLog
from cloud.kit.sealing import Seal
from cloud.kit.secrets import load_or_make
from cloud.kit.store import Store
from cloud.services.people import People
from cloud.settings import Settings
from shared.clock import Clock

FINANCE_KEY = "finance_key"
ORIGINALS = "originals"
GMAIL_KEY = "gmail_key"


class Finance(NamedTuple):
    """A person's own purchases, by the names in `Services`."""

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


def make_finance(store: Store, clock: Clock, events: EventLog, people: People, settings: Settings) -> Finance:
    profiles = people.email_sign_in
    transactions = Transactions(store, clock, events, profiles)
    categories = Categories(store, clock, profiles, Meaning())
    duplicates = Duplicates(store, transactions)
    anomalies = Anomalies(store, transactions, profiles)
    for follower in (categories, duplicates, anomalies):  # learned, then matched, then judged
        transactions.add_follower(follower)
    receipt_reader = ReceiptReader(clock)
    key = load_or_make(settings.data_dir / FINANCE_KEY)
    device_keys = DeviceKeys(store, clock, transactions, key)
    ingestion = Ingestion(
        store,
        clock,
        profiles,
        transactions=transactions,
        categories=categories,
        receipts=receipt_reader,
        device_keys=device_keys,
        folder=settings.data_dir / ORIGINALS,
        key=key,
    )
    return Finance(
        transactions=transactions,
        categories=categories,
        duplicates=duplicates,
        anomalies=anomalies,
        forests=Forests(store, anomalies, profiles, ForestProcess()),
        chat=Chat(
            store,
            clock,
            profiles,
            transactions=transactions,
            anomalies=anomalies,
            device_keys=device_keys,
            rephraser=_language_model(settings),
        ),
        receipt_reader=receipt_reader,
        device_keys=device_keys,
        ingestion=ingestion,
        batches=Batches(ingestion, clock),
        gmail=_gmail(store, clock, ingestion, settings),
        whatsapp=WhatsApp(
            store,
            clock,
            people.identity,
            profiles,
            ingestion=ingestion,
            transactions=transactions,
            media=_media(settings),
            number=settings.twilio_number,
        ),
    )


def _gmail(store: Store, clock: Clock, ingestion: Ingestion, settings: Settings) -> Gmail:
    api = None
    if settings.google_client_id is not None:
        api = GmailApi(
            auth_url=settings.google_auth_url,
            token_url=settings.google_token_url,
            api_url=settings.gmail_url,
            client_id=settings.google_client_id,
            client_secret=settings.google_client_secret or "",
        )
    seal = Seal(load_or_make(settings.data_dir / GMAIL_KEY))
    return Gmail(
        store,
        clock,
        ingestion,
        api,
        seal,
        redirect_uri=f"{settings.base_url}{gmail_routes.PATH}/callback",
    )


def _media(settings: Settings) -> Media | None:
    if settings.twilio_account_sid is None:
        return None
    return Media(settings.twilio_url, settings.twilio_account_sid, settings.twilio_auth_token or "")


def _language_model(settings: Settings) -> LanguageModel | None:
    """None: answers are told as they are."""
    if settings.chat_model_url is None or settings.chat_model is None:
        return None
    return LanguageModel(settings.chat_model_url, settings.chat_model, settings.chat_model_key)
