"""The use cases of projects: described by operators, funded by investors."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, structs

from cloud.errors import InvalidFields
from cloud.kit.events import EventLog
from cloud.kit.fields import decode_fields
from cloud.kit.idempotency import Once
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.projects import storage
from cloud.projects.description_check import problems_of, terms_problems
from cloud.projects.errors import InvestmentUnavailable, NoSuchProject, ProjectExists
from cloud.projects.figures import percentage
from cloud.projects.merge_patch import merged
from cloud.projects.model import (
    FIAT_DECIMALS,
    Attachment,
    Description,
    Document,
    Project,
    ProjectUpdate,
    Validation,
    minor,
    show_minor,
)
from cloud.projects.room import Room, milestone_reached
from cloud.projects.words import weigh
from shared.clock import Clock
from shared.ids import new_id

logger = logging.getLogger(__name__)

FUNDED_EVENT = "project.funded"
UPDATE_EVENT = "project.update"
MILESTONE = "funding_milestone"
"""The type of updates that the platform publishes by itself."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Listing(Struct, frozen=True, kw_only=True):
    """A project of a catalogue."""

    id: str
    described: Description
    created_at_us: int | None
    """None: when it is first loaded."""


class Projects:
    """Methods that take `tx` join the caller's use case.

    Raised, reserved and the number of investors change by `reserve`, `confirm` and `release` alone. Each
    reservation ends in one of the other two, once; who reserves remembers the amount and when it lapses.
    """

    def __init__(self, store: Store, clock: Clock, events: EventLog) -> None:
        self._store = store
        self._clock = clock
        self._events = events

    async def get(self, tx: ReadTx, project_id: str) -> Project:
        """One project.

        Raises:
            NoSuchProject
        """
        found = await storage.project(tx, project_id)
        if found is None:
            raise NoSuchProject(project_id)
        return found

    async def several(self, tx: ReadTx, project_ids: Collection[str]) -> dict[str, Project]:
        """Projects by their ids.

        Raises:
            NoSuchProject
        """
        found = {row.id: row.project() for row in await storage.rows(tx, sorted(project_ids))}
        for project_id in project_ids:
            if project_id not in found:
                raise NoSuchProject(project_id)
        return found

    async def with_documents(self, project_id: str) -> tuple[Project, list[Document]]:
        """One project and its documents, in the order in which they came.

        Raises:
            NoSuchProject
        """
        async with self._store.read(brief=True) as tx:
            return await self.get(tx, project_id), await storage.documents(tx, project_id)

    async def reserve(self, tx: WriteTx, project: Project, amount_minor: int) -> None:
        """Keep room for a positive amount of its currency in a project as this use case found it.

        Minimum, maximum and currency are for the caller to check.

        Raises:
            InvestmentUnavailable: closed, past its deadline, or without so much room.
        """
        reason = project.closed_because(self._clock.now_us())
        if reason is not None:
            raise InvestmentUnavailable(f"project {project.id}: {reason}")
        if amount_minor > project.room.left_minor:
            left = f"{show_minor(project.room.left_minor):.{FIAT_DECIMALS}f} {project.currency}"
            raise InvestmentUnavailable(f"amount: only {left} of project {project.id} is left")
        await storage.put_room(tx, project.id, project.room.reserve(amount_minor))

    async def confirm(self, tx: WriteTx, project_id: str, amount_minor: int, *, investor: str) -> Project:
        """What was reserved is raised; the project as it is then. `investor` is the account that paid.

        Publishes an update at 25, 50, 75 and 100 % of the target, and announces `project.funded` at the last.

        Raises:
            NoSuchProject
            ValueError: less is reserved: a defect of the caller.
        """
        before = await self.get(tx, project_id)
        after = before.room.confirm(amount_minor)
        await storage.put_room(tx, project_id, after)
        is_new = await storage.add_investor(tx, project_id, investor)
        milestone = milestone_reached(before.room, after)
        if milestone is None:
            return structs.replace(before, room=after, investor_count=before.investor_count + is_new)
        await self._celebrate(tx, project_id, milestone, is_first=before.funded_at_us is None)
        return await self.get(tx, project_id)

    async def release(self, tx: WriteTx, project_id: str, amount_minor: int) -> None:
        """What was reserved is free again.

        Raises:
            NoSuchProject
            ValueError: less is reserved: a defect of the caller.
        """
        project = await self.get(tx, project_id)
        await storage.put_room(tx, project_id, project.room.release(amount_minor))

    async def create(self, described: Description, *, project_id: str | None, once: Once) -> Project:
        """A new project, without any money.

        Raises:
            InvalidFields: the description does not hold together.
            ProjectExists: the id is taken.
            IdempotencyConflict: the key came with another body.
        """
        _check(described)
        async with self._store.write() as tx:
            kept = await once.kept(tx, str)
            if kept is not None:
                return await self.get(tx, kept)
            if project_id is not None and await storage.project(tx, project_id) is not None:
                raise ProjectExists(project_id)
            project_id = project_id or new_id("prj", self._clock)
            await self._add(tx, project_id, described, created_at_us=self._clock.now_us())
            await once.keep(tx, project_id)
            project = await self.get(tx, project_id)
        logger.info("project created id=%s", project.id)
        return project

    async def change(self, project_id: str, patch: Mapping[str, Any]) -> Project:
        """Describe anew what the patch names (RFC 7396); all of it or nothing.

        Raises:
            NoSuchProject
            InvalidFields: the description would not hold together, or what people invested on would change.
        """
        async with self._store.write() as tx:
            known = await self.get(tx, project_id)
            described = decode_fields(
                _encode(merged(msgspec.json.decode(_encode(known.described)), patch)), Description
            )
            _check(described)
            await self._describe(tx, known, described)
            project = await self.get(tx, project_id)
        logger.info("project changed id=%s", project.id)
        return project

    async def add_validation(self, project_id: str, validation: Validation, *, once: Once) -> Project:
        """What an independent firm concluded, behind what others did.

        Raises:
            NoSuchProject
            InvalidFields: too many, or not a day.
            IdempotencyConflict: the key came with another body.
        """
        async with self._store.write() as tx:
            known = await self.get(tx, project_id)
            if await once.kept(tx, str) is not None:
                return known
            validations = (*known.described.third_party_validation, validation)
            described = structs.replace(known.described, third_party_validation=validations)
            _check(described)
            await self._describe(tx, known, described)
            await once.keep(tx, project_id)
            return await self.get(tx, project_id)

    async def publish(
        self,
        project_id: str,
        *,
        title: str,
        content: str,
        type_: str,
        attachments: Sequence[Attachment],
        once: Once,
    ) -> ProjectUpdate:
        """News of a project; announces `project.update`.

        Raises:
            NoSuchProject
            IdempotencyConflict: the key came with another body.
        """
        async with self._store.write() as tx:
            project = await self.get(tx, project_id)
            kept = await once.kept(tx, ProjectUpdate)
            if kept is not None:
                return kept
            update = await self._publish(tx, project, title, content, type_, tuple(attachments))
            await once.keep(tx, update)
        logger.info("project update published id=%s project=%s", update.id, project_id)
        return update

    async def load(self, catalogue: Sequence[Listing]) -> None:
        """Add what is new and describe anew what is known; money and updates stay as they are.

        Raises:
            InvalidFields: a known project would lose what people invested on.
        """
        async with self._store.write() as tx:
            for listing in catalogue:
                known = await storage.project(tx, listing.id)
                if known is None:
                    created_at_us = listing.created_at_us or self._clock.now_us()
                    await self._add(tx, listing.id, listing.described, created_at_us=created_at_us)
                elif known.described != listing.described:
                    await self._describe(tx, known, listing.described)

    async def _add(self, tx: WriteTx, project_id: str, described: Description, *, created_at_us: int) -> None:
        room = Room(target_minor=minor(described.financial.target_amount), raised_minor=0, reserved_minor=0)
        await storage.insert(
            tx, project_id, described, room, created_at_us=created_at_us, now_us=self._clock.now_us()
        )
        await _index(tx, project_id, described)

    async def _describe(self, tx: WriteTx, known: Project, described: Description) -> None:
        problems = terms_problems(described, known.room, known.described)
        if problems:
            raise InvalidFields(problems)
        room = structs.replace(known.room, target_minor=minor(described.financial.target_amount))
        await storage.put_description(tx, known.id, described, room, now_us=self._clock.now_us())
        await _index(tx, known.id, described)
        milestone = milestone_reached(known.room, room)  # the target may have come down to what was raised
        if milestone is not None:
            await self._celebrate(tx, known.id, milestone, is_first=known.funded_at_us is None)

    async def _celebrate(self, tx: WriteTx, project_id: str, percent: int, *, is_first: bool) -> None:
        project = await self.get(tx, project_id)
        title = "Fully funded" if project.room.is_funded else f"{percent} % funded"
        content = (
            f"{project.investor_count} investors have brought {project.name} to {percent} % of its target."
        )
        await self._publish(tx, project, title, content, MILESTONE, ())
        if not (project.room.is_funded and is_first):
            return
        await storage.put_funded(tx, project_id, self._clock.now_us())
        await self._events.announce(
            tx,
            FUNDED_EVENT,
            {
                "project_id": project.id,
                "project_name": project.name,
                "target_amount": show_minor(project.room.target_minor),
                "raised_amount": show_minor(project.room.raised_minor),
                "currency": project.currency,
                "investor_count": project.investor_count,
            },
        )

    async def _publish(
        self,
        tx: WriteTx,
        project: Project,
        title: str,
        content: str,
        type_: str,
        attachments: tuple[Attachment, ...],
    ) -> ProjectUpdate:
        update = ProjectUpdate(
            id=new_id("upd", self._clock),
            project_id=project.id,
            title=title,
            content=content,
            type=type_,
            attachments=attachments,
            published_at_us=self._clock.now_us(),
        )
        await storage.insert_update(tx, update)
        await self._events.announce(
            tx,
            UPDATE_EVENT,
            {
                "project_id": project.id,
                "update_id": update.id,
                "update_type": type_,
                "title": title,
                "funding_percentage": percentage(project.room.funded),
            },
        )
        return update


def _check(described: Description) -> None:
    problems = problems_of(described)
    if problems:
        raise InvalidFields(problems)


async def _index(tx: WriteTx, project_id: str, described: Description) -> None:
    location = described.location
    place = [described.technology, location.country, location.state or "", location.city or ""]
    weighed = weigh(name=described.name, description=described.description, place=" ".join(place))
    await storage.put_words(tx, project_id, weighed)
