"""How a sandbox is opened: a folder, a database, services with settings of their own, a person, projects."""

import asyncio
import os
import shutil
from pathlib import Path

from msgspec import structs

from cloud.identity.model import ADMIN, Person
from cloud.identity.oauth.applications import Applications
from cloud.identity.registration import Registration, UserType
from cloud.kit.store.database_url import FILE, SQLITE, open_store
from cloud.projects.catalogue_file import SAMPLE, Catalogue
from cloud.sandbox import storage
from cloud.sandbox.access import SandboxAccess
from cloud.sandbox.clock import MovableClock
from cloud.sandbox.due import Due
from cloud.sandbox.model import ClockRow, SandboxRow
from cloud.sandbox.names import base_path, client_prefix
from cloud.sandbox.quarters import quarter_of
from cloud.sandbox.sandbox import Sandbox
from cloud.services import Services, make_services
from cloud.settings import Settings

FOLDER = "sandboxes"
BLANK = "blank"
"""Beside the sandboxes: a migrated database without a row, to begin with."""
INVESTOR = Registration(
    email="investor@example.com",
    password="",
    name="Sandbox Investor",
    user_type=UserType.CONSUMER,
    phone=None,
    business_name=None,
    contact_person=None,
    gstin=None,
)
_NO_PASSWORD = "!"  # noqa: S105  the hash of none: in a sandbox nobody signs in


class Opening:
    """Opens sandboxes for one live service."""

    def __init__(self, live: Services, migrations: Path) -> None:
        self._live = live
        self._migrations = migrations
        self._root = live.settings.data_dir / FOLDER
        self._blank: asyncio.Task[None] | None = None

    def folder(self, row: SandboxRow) -> Path:
        """One for each generation."""
        return self._root / row.name / str(row.generation)

    async def open(self, row: SandboxRow) -> Sandbox:
        """The sandbox as it was, or a new one where its folder has none that was finished."""
        await self._have_blank()
        folder = self.folder(row)
        await asyncio.to_thread(_prepare, folder, self._root / BLANK / FILE)
        clock = MovableClock(self._live.clock)
        services = make_services(self._settings(row, folder), clock)
        try:
            return await self._opened(row, folder, services, clock)
        except BaseException:
            await services.store.close()
            raise

    async def drop_others(self, row: SandboxRow) -> None:
        """The folders of other generations, which a crash may have left as well."""
        folder = self.folder(row)
        await asyncio.to_thread(_drop_all_but, folder)

    async def drop(self, row: SandboxRow) -> None:
        """What is left of a generation that was never used."""
        await asyncio.to_thread(shutil.rmtree, self.folder(row), ignore_errors=True)

    async def _opened(
        self, row: SandboxRow, folder: Path, services: Services, clock: MovableClock
    ) -> Sandbox:
        await services.store.migrate(self._migrations)
        async with services.store.read() as tx:
            known = await storage.clock(tx)
        if known is not None:
            clock.start_ahead(known.ahead_us)
        await services.outbox.open()
        person = await _person(services)
        if known is None:
            catalogue = Catalogue(services.projects, services.documents)
            await catalogue.load(services.settings.project_catalogue or SAMPLE)
            known = ClockRow(ahead_us=0, distributed_until_us=clock.now_us())
            async with services.store.write() as tx:
                await storage.put_clock(tx, known)
        services = structs.replace(
            services,
            access=SandboxAccess(services, self._live.api_keys, developer_id=row.person_id, person=person),
            applications=Applications(services.store, clock, id_prefix=client_prefix(row.name)),
            browsers=self._live.browsers,
        )
        due = Due(services, quarter_of(known.distributed_until_us))
        await due.forget()
        sandbox = Sandbox(row, folder, services, clock, due, person)
        sandbox.start()
        return sandbox

    def _settings(self, row: SandboxRow, folder: Path) -> Settings:
        """Of the live service, but nothing that is real."""
        live = self._live.settings
        return structs.replace(
            live,
            data_dir=folder,
            database_url=SQLITE,
            network="offline",
            mqtt_url=None,
            mqtt_password=None,
            mqtt_device_secret=None,
            stellar_issuer_secret=None,
            stellar_custody_secret=None,
            public_url=live.base_url + base_path(row.name),
            payments_provider="sandbox",
            stripe_secret_key=None,
            stripe_webhook_secret=None,
            kyc_provider="sandbox",
            onfido_api_token=None,
            onfido_webhook_token=None,
            google_client_id=None,
            google_client_secret=None,
            twilio_account_sid=None,
            twilio_auth_token=None,
            twilio_number=None,
        )

    async def _have_blank(self) -> None:
        """Made once by each process, as migrations may have changed; whoever comes meanwhile waits."""
        if self._blank is None or (self._blank.done() and self._blank.exception() is not None):
            self._blank = asyncio.create_task(self._make_blank())
        await asyncio.shield(self._blank)

    async def _make_blank(self) -> None:
        store = open_store(SQLITE, self._root / BLANK)
        try:
            await store.migrate(self._migrations)
        finally:
            await store.close()


async def _person(services: Services) -> Person:
    """The developer in here: investor and operator in one."""
    if await services.identity.total() == 0:
        async with services.store.write() as tx:
            person = await services.identity.add(tx, wallet_address=None)
            await services.email_sign_in.add_email(tx, person, INVESTOR, _NO_PASSWORD)
    return await services.identity.grant(INVESTOR.email, ADMIN)


def _prepare(folder: Path, blank: Path) -> None:
    """A database file appears whole or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / FILE).exists():
        draft = folder / f"{FILE}.new"
        shutil.copyfile(blank, draft)
        os.replace(draft, folder / FILE)  # noqa: PTH105


def _drop_all_but(folder: Path) -> None:
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
