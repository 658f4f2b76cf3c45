"""The investment platform live, `/v1/ws`: own portfolio and any project, behind a token.

Updates are events of the log: a client that lost its connection asks for those above the last `seq` it saw.
The token is looked at again and again: a connection ends with it.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec

from cloud.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from cloud.identity.access import Access, expires_at_s
from cloud.identity.model import Person
from cloud.identity.principal import Principal
from cloud.kit.events import Event, EventLog
from cloud.kit.store import Store
from cloud.portfolio.service import Portfolio
from cloud.projects.service import Projects
from cloud.realtime.connection import POLICY_VIOLATION, Connection, Connections, Socket, either
from cloud.realtime.platform_events import TYPES, Told, told
from cloud.realtime.platform_messages import (
    Auth,
    Channel,
    Ping,
    Request,
    Resume,
    Subscribe,
    Unsubscribe,
    about_channel,
    authenticated,
    channel_of,
    error_message,
    plain,
    portfolio_update,
    project_update,
    request_of,
)
from cloud.realtime.stopping import told_before_the_server
from cloud.realtime.tail import Tail
from shared.clock import Clock
from shared.units import MICROS_PER_SECOND

BAD_MESSAGE = 4400
NOT_AUTHENTICATED = 4401
NOT_ALLOWED = 4403
"""Close codes of this API."""

AUTH_WITHIN_S = 10.0
LOOK_AT_TOKEN_S = 30.0
LOOK_AT_CLIENTS_S = 1.0
CLIENTS_MAX = 2_000
CHANNELS_MAX = 100
RESUMED_EVENTS_MAX = 5_000
"""Who missed more reads the state, or `GET /v1/events`."""
REPLAYS_MAX = 120
REPLAYS_WITHIN_S = 60.0
"""Each may read so many events: all channels of a connection may catch up at once, and some again."""


class PlatformSocket:
    """A worker, and the clients that it feeds."""

    def __init__(
        self,
        *,
        events: EventLog,
        clock: Clock,
        access: Access,
        store: Store,
        portfolio: Portfolio,
        projects: Projects,
        clients_max: int = CLIENTS_MAX,
    ) -> None:
        self.events = events
        self.clock = clock
        self.access = access
        self.portfolio = portfolio
        self._store = store
        self._projects = projects
        self.tail = Tail(events, types=TYPES, frame=_addressed)
        self.connections = Connections(clients_max)

    @property
    def clients(self) -> int:
        return len(self.connections)

    async def run(self) -> None:
        """Feed the clients until cancelled; they are closed then, or as soon as the process shall stop."""
        with told_before_the_server(self.connections.close):
            await self.feed()

    async def feed(self) -> None:
        """Feed the clients until cancelled; they are closed then."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.tail.run())
                tasks.create_task(self._watch())
        finally:
            self.connections.close()

    async def serve(self, socket: Socket) -> None:
        """One client, until either side closes."""
        await self.connections.serve(socket, _Client(self, socket))

    async def is_project(self, project_id: str) -> bool:
        async with self._store.read() as tx:
            try:
                await self._projects.get(tx, project_id)
            except NotFound:
                return False
        return True

    async def _watch(self) -> None:
        while True:
            await self.clock.sleep(LOOK_AT_CLIENTS_S)
            self.connections.check()


class _Client(Connection):
    def __init__(self, platform: PlatformSocket, socket: Socket) -> None:
        super().__init__(platform.clock, socket)
        self._platform = platform
        self._channels: set[Channel] = set()
        self._position = 0
        """Every event up to this id was told."""
        self._replayed_at_s: deque[float] = deque(maxlen=REPLAYS_MAX)

    async def _talk(self) -> None:
        late = asyncio.ensure_future(self._drop_late())
        try:
            token = await self._token()
            if token is None:
                return
            principal = await self._admitted(token)
        finally:
            late.cancel()
        if principal is None:
            return
        self._position = await self._platform.events.last_id()
        await self._send(authenticated(principal, expires_at_s(token)))
        watching = asyncio.ensure_future(self._watch(token))
        try:
            await self._serve(principal)
        finally:
            watching.cancel()

    async def _serve(self, principal: Principal) -> None:
        hearing = asyncio.ensure_future(self._socket.receive())
        try:
            while not self.is_over:
                news = self._platform.tail.news
                if not await self._tell(principal.person):
                    await either(hearing, news)
                if hearing.done():
                    heard: Any = hearing.result()
                    if heard["type"] == "websocket.disconnect":
                        return
                    await self._hear(principal, self._said(heard))
                    hearing = asyncio.ensure_future(self._socket.receive())
        finally:
            hearing.cancel()

    async def _drop_late(self) -> None:
        await self._clock.sleep(AUTH_WITHIN_S)
        self.drop(NOT_AUTHENTICATED, f"no token within {AUTH_WITHIN_S:g} s")

    async def _token(self) -> str | None:
        """Of the first message; None where the client left or is dropped."""
        heard: Any = await self._socket.receive()
        if heard["type"] == "websocket.disconnect":
            return None
        said = self._said(heard)
        request = None if said is None else self._request(said)
        if request is not None and not isinstance(request, Auth):
            self.drop(NOT_AUTHENTICATED, "the first message must be auth")
            return None
        return None if request is None else request.token

    async def _admitted(self, token: str) -> Principal | None:
        try:
            return await self._platform.access.by_token(token)
        except Unauthenticated as error:
            self.drop(NOT_AUTHENTICATED, error.message[:100])
            return None

    async def _watch(self, token: str) -> None:
        """Drop the client when its token ends: expired, revoked, or its person gone."""
        while not self.is_over:
            left_s = expires_at_s(token) - self._clock.now_us() / MICROS_PER_SECOND
            await self._clock.sleep(max(0.001, min(left_s, LOOK_AT_TOKEN_S)))
            try:
                await self._admitted(token)
            except Unavailable:
                continue  # it is looked at again

    def _request(self, said: bytes) -> Request | None:
        """None where it is none, for which the client is dropped."""
        try:
            return request_of(said)
        except BadRequest as error:
            self.drop(BAD_MESSAGE, error.message[:100])
            return None

    async def _hear(self, principal: Principal, said: bytes | None) -> None:
        request = None if said is None else self._request(said)
        try:
            if isinstance(request, Subscribe):
                await self._subscribe(principal, request)
            elif isinstance(request, Unsubscribe):
                channel = channel_of(request)
                self._channels.discard(channel)
                await self._send(about_channel("unsubscribed", channel, self._position))
            elif isinstance(request, Resume):
                await self._replay(principal.person, request.after, frozenset(self._channels))
            elif isinstance(request, Ping):
                await self._send(plain("pong"))
            elif isinstance(request, Auth):
                self.drop(BAD_MESSAGE, "authenticated already")
        except BadRequest as error:
            self.drop(BAD_MESSAGE, error.message[:100])

    async def _subscribe(self, principal: Principal, wish: Subscribe) -> None:
        channel = channel_of(wish)
        if channel.scope not in principal.scopes:
            self.drop(NOT_ALLOWED, f"the scope {channel.scope} is required")
            return
        if len(self._channels) >= CHANNELS_MAX:
            self.drop(POLICY_VIOLATION, f"at most {CHANNELS_MAX} channels")
            return
        project_id = channel.project_id
        if project_id is not None and not await self._platform.is_project(project_id):
            await self._send(error_message(NotFound(f"project {project_id}: unknown"), "RESOURCE_NOT_FOUND"))
            return
        self._channels.add(channel)
        after = self._position if wish.after is None else wish.after
        await self._send(about_channel("subscribed", channel, after))
        if wish.after is not None:
            await self._replay(principal.person, wish.after, frozenset({channel}))

    async def _replay(self, person: Person, after: int, channels: frozenset[Channel]) -> None:
        """What was missed of some channels, up to where all are told."""
        now_s = self._clock.monotonic()
        if len(self._replayed_at_s) == REPLAYS_MAX and now_s - self._replayed_at_s[0] < REPLAYS_WITHIN_S:
            self.drop(POLICY_VIOLATION, f"more than {REPLAYS_MAX} replays within {REPLAYS_WITHIN_S:g} s")
            return
        self._replayed_at_s.append(now_s)
        missed = await self._platform.events.after(after, types=TYPES, limit=RESUMED_EVENTS_MAX + 1)
        if len(missed) > RESUMED_EVENTS_MAX or after > await self._platform.events.last_id():
            await self._send(plain("reset", after=self._position))
            return
        addressed = [_addressed(event) for event in missed if event.id <= self._position]
        await self._update(person, addressed, channels)

    async def _tell(self, person: Person) -> bool:
        """What is new; whether there was anything."""
        batch, self._position = await self._platform.tail.next(self._position)
        await self._update(person, batch, frozenset(self._channels))
        return bool(batch)

    async def _update(
        self, person: Person, batch: Sequence[Told | None], channels: frozenset[Channel]
    ) -> None:
        """In order; the portfolio is a state, and told once for all that changed it."""
        has_portfolio = Channel(name="portfolio") in channels
        known = [one for one in batch if one is not None]
        own = [one.event for one in known if one.person_id == person.id] if has_portfolio else []
        frames: list[tuple[int, bytes]] = [
            (one.event.id, project_update(one.event))
            for one in known
            if one.person_id is None and Channel(name="project", project_id=one.about) in channels
        ]
        if own:
            summary = await self._platform.portfolio.summary(person)
            frames.append((own[-1].id, portfolio_update(summary.worth, own[-1])))
        for _, frame in sorted(frames):
            await self._send(frame)


def _addressed(event: Event) -> Told | None:
    """None: nobody may be told."""
    try:
        return told(event)
    except msgspec.ValidationError:
        return None
