"""The platform's events that a credential may hear of, read from the log.

One page looks at a bounded part of the log, most of which may be other people's: it can be empty and yet not
be the last.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from cloud.identity.principal import Principal
from cloud.kit.events import Event, EventLog
from cloud.realtime.platform_events import TYPES, told

LOOKED_AT_MAX = 2_000


class MissedPage(NamedTuple):
    events: Sequence[Event]
    position: int
    """Up to this id everything was looked at."""
    has_more: bool


class MissedEvents:
    def __init__(self, events: EventLog) -> None:
        self._events = events

    async def page(self, principal: Principal, after: int, limit: int) -> MissedPage:
        """At most `limit` events above `after`, ascending."""
        types = [type_ for type_ in TYPES if type_.scope in principal.scopes]
        batch = await self._events.after(after, types=types, limit=LOOKED_AT_MAX)
        found: list[Event] = []
        for event in batch:
            if not _may_hear(principal, event):
                continue
            if len(found) == limit:
                return MissedPage(found, found[-1].id, has_more=True)
            found.append(event)
        position = batch[-1].id if batch else after
        return MissedPage(found, position, has_more=len(batch) == LOOKED_AT_MAX)


def _may_hear(principal: Principal, event: Event) -> bool:
    try:
        return told(event).person_id in {None, principal.person.id}
    except msgspec.ValidationError:
        return False
