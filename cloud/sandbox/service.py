"""The sandboxes of all developers: which there are, which are open, and what developers do with them."""

import asyncio
import logging
from collections import OrderedDict
from pathlib import Path
from weakref import WeakValueDictionary

from msgspec import structs

from cloud.errors import NotFound
from cloud.identity.api_keys.key import Mode
from cloud.realtime.stopping import told_before_the_server
from cloud.sandbox import storage
from cloud.sandbox.errors import SandboxesBusy
from cloud.sandbox.model import Moved, SandboxRow, SandboxState
from cloud.sandbox.names import PREFIX
from cloud.sandbox.opening import Opening
from cloud.sandbox.sandbox import Sandbox, Visit
from cloud.services import Services
from shared.ids import new_id

logger = logging.getLogger(__name__)

LOOK_S = 60.0
IDLE_S = 900.0
"""Who was not used for so long is closed, and opened again when needed."""
EMPTIED_S = 10.0
"""A reset waits so long for requests that are under way; the others fail."""


class Sandboxes:
    """Opens a sandbox for whoever comes to it, and closes those that nobody uses: a worker."""

    def __init__(self, live: Services, migrations: Path) -> None:
        self._live = live
        self._opening = Opening(live, migrations)
        self._open: OrderedDict[str, Sandbox] = OrderedDict()
        """The last one is the one used last."""
        self._names: dict[int, str] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._arriving = 0
        """Being opened; those that are being closed have left `_open`, too."""

    @property
    def open_total(self) -> int:
        return len(self._open)

    # Whose

    async def name_of(self, person_id: int) -> str:
        """The name of a developer's sandbox, which comes into being when it is first asked for."""
        name = self._names.get(person_id)
        if name is None:
            name = (await self._row_of(person_id)).name
            self._names[person_id] = name
        return name

    async def name_of_key(self, text: str) -> str:
        """The sandbox that a test key is for.

        Raises:
            KeyRefused: it does not work, or is a live key.
        """
        return await self.name_of((await self._live.api_keys.principal(text, mode=Mode.TEST)).person.id)

    # In and out

    async def enter(self, name: str, *, is_socket: bool = False) -> Visit:
        """Be in a sandbox, `with` what comes. A socket does not keep it open, and is closed with it.

        Raises:
            NotFound: there is no such sandbox.
            SandboxesBusy
        """
        sandbox = await self._at_hand(name)
        self._note_use(sandbox)
        return Visit(sandbox, counts=not is_socket)  # nothing was awaited since it was at hand

    async def reset(self, name: str) -> None:
        """A new one in its place: projects as in the catalogue, nothing else but its applications.

        Raises:
            NotFound: there is no such sandbox.
        """
        async with self._turn(name):
            old = self._open.pop(name, None) or await self._opening.open(await self._row(name))
            try:
                async with asyncio.timeout(EMPTIED_S):
                    await old.emptied()
            except TimeoutError:
                logger.warning("sandbox reset with requests in it name=%s total=%d", name, old.visits)
            carried = await old.services.applications.carried(old.person)
            await old.stop()
            row = structs.replace(
                old.row, generation=old.row.generation + 1, begun_at_us=self._live.clock.now_us()
            )
            await self._opening.drop(row)
            new = await self._opening.open(row)
            await new.services.applications.bring(carried)
            async with self._live.store.write() as tx:
                await storage.begin_anew(tx, name, row.begun_at_us)
            self._open[name] = new
            self._note_use(new)
            await self._opening.drop_others(row)
        logger.info("sandbox reset name=%s generation=%d", name, row.generation)

    async def move(self, sandbox: Sandbox, to_us: int) -> Moved:
        """See `Sandbox.move`."""
        return await sandbox.move(to_us, self._live.clock)

    async def state(self, name: str) -> SandboxState:
        """How it stands."""
        with await self.enter(name) as visit:
            sandbox = visit.sandbox
            return SandboxState(
                row=sandbox.row,
                now_us=sandbox.clock.now_us(),
                bytes_used=sandbox.bytes_used(),
                bytes_max=self._live.settings.sandbox_bytes_max,
            )

    # What goes on

    async def run(self) -> None:
        """Close those that nobody uses, until cancelled; then all."""
        try:
            with told_before_the_server(self._drop_sockets):
                while True:
                    await self._live.clock.sleep(LOOK_S)
                    await self._close_unused()
        finally:
            await self.close()

    async def close(self) -> None:
        """All of them, now."""
        while self._open:
            _, sandbox = self._open.popitem()
            await sandbox.stop()

    async def _at_hand(self, name: str) -> Sandbox:
        found = self._open.get(name)
        if found is not None and not found.has_failed:
            return found
        async with self._turn(name):
            found = self._open.get(name)
            if found is not None and not found.has_failed:
                return found
            if found is not None:
                await self._close(found)
            return await self._opened(name)

    async def _opened(self, name: str) -> Sandbox:
        row = await self._row(name)
        self._arriving += 1
        try:
            await self._make_room()
            sandbox = await self._opening.open(row)
            await self._opening.drop_others(row)
        finally:
            self._arriving -= 1
        self._open[name] = sandbox
        logger.info("sandbox opened name=%s generation=%d", name, row.generation)
        return sandbox

    async def _make_room(self) -> None:
        """Close the one that was not used for longest."""
        while len(self._open) + self._arriving > self._live.settings.sandboxes_open_max:
            idle = next((one for one in self._open.values() if one.visits == 0), None)
            if idle is None:
                raise SandboxesBusy
            await self._close_unvisited(idle)

    async def _close_unused(self) -> None:
        before_s = self._live.clock.monotonic() - IDLE_S
        for sandbox in list(self._open.values()):
            if sandbox.is_idle and sandbox.used_at_s <= before_s:
                await self._close_unvisited(sandbox)

    async def _close_unvisited(self, sandbox: Sandbox) -> None:
        """Nobody who holds its turn waits for another's: while it is opened it is not open."""
        async with self._turn(sandbox.row.name):
            if self._open.get(sandbox.row.name) is sandbox and sandbox.visits == 0:
                await self._close(sandbox)

    async def _close(self, sandbox: Sandbox) -> None:
        """Under its turn: whoever comes for it meanwhile opens it again, behind this."""
        del self._open[sandbox.row.name]
        await sandbox.stop()
        logger.info("sandbox closed name=%s", sandbox.row.name)

    def _note_use(self, sandbox: Sandbox) -> None:
        sandbox.used_at_s = self._live.clock.monotonic()
        if sandbox.row.name in self._open:
            self._open.move_to_end(sandbox.row.name)

    def _drop_sockets(self) -> None:
        for sandbox in self._open.values():
            sandbox.services.platform_socket.connections.close()

    def _turn(self, name: str) -> asyncio.Lock:
        """One at a time opens, resets or closes it."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def _row(self, name: str) -> SandboxRow:
        async with self._live.store.read() as tx:
            row = await storage.by_name(tx, name)
        if row is None:
            raise NotFound("no such sandbox")
        return row

    async def _row_of(self, person_id: int) -> SandboxRow:
        async with self._live.store.read() as tx:
            known = await storage.of_person(tx, person_id)
        if known is not None:
            return known
        now_us = self._live.clock.now_us()
        new = SandboxRow(
            name=new_id(PREFIX, self._live.clock),
            person_id=person_id,
            generation=1,
            created_at_us=now_us,
            begun_at_us=now_us,
        )
        async with self._live.store.write() as tx:
            await storage.add(tx, new)
            return await storage.of_person(tx, person_id) or new
