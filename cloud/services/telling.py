"""What tells applications of events."""

import asyncio
from typing import NamedTuple

from cloud.kit.egress import Egress, is_loopback_host
from cloud.kit.events import EventLog
from cloud.kit.sealing import Seal
from cloud.kit.secrets import load_or_make
from cloud.kit.store import Store
from cloud.portfolio.service import Portfolio
from cloud.projects.service import Projects
from cloud.realtime.missed_events import MissedEvents
from cloud.realtime.platform_socket import PlatformSocket
from cloud.services.people import People
from cloud.settings import Settings
from cloud.webhooks.deliveries import Deliveries
from cloud.webhooks.service import Webhooks
from cloud.webhooks.workers import WebhookIntake, WebhookSender
from shared.clock import Clock

WEBHOOK_KEY = "webhook_key"


class Telling(NamedTuple):
    """What tells applications of events, by the names in `Services`."""

    platform_socket: PlatformSocket
    missed_events: MissedEvents
    webhooks: Webhooks
    deliveries: Deliveries
    webhook_intake: WebhookIntake
    webhook_sender: WebhookSender


def make_telling(
    store: Store,
    clock: Clock,
    events: EventLog,
    people: People,
    portfolio: Portfolio,
    projects: Projects,
    settings: Settings,
) -> Telling:
    news = asyncio.Event()
    seal = Seal(load_or_make(settings.data_dir / WEBHOOK_KEY))
    egress = Egress(loopback=is_loopback_host(settings.host))
    deliveries = Deliveries(store, clock, events, people.oauth, seal, news.set)
    return Telling(
        platform_socket=PlatformSocket(
            store=store,
            events=events,
            clock=clock,
            access=people.access,
            portfolio=portfolio,
            projects=projects,
        ),
        missed_events=MissedEvents(events),
        webhooks=Webhooks(store, clock, people.applications, seal, egress, news.set),
        deliveries=deliveries,
        webhook_intake=WebhookIntake(clock, events, deliveries),
        webhook_sender=WebhookSender(clock, deliveries, egress, news),
    )
