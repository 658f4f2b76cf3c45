"""Verification of a person: a check is opened, the person clicks, the provider's word is asked for.

A webhook only says that there is news: it is written down, and a job asks the provider. The same job asks for
whatever is open for some minutes, so a webhook that never came is healed.
"""

import asyncio
import logging
from collections.abc import Mapping

from cloud.errors import InvalidFields
from cloud.identity.email_sign_in import EmailSignIn
from cloud.identity.model import Person
from cloud.identity.service import Identity
from cloud.kit.notices import is_first
from cloud.kit.store import ReadTx, Store, WriteTx
from cloud.kyc import storage
from cloud.kyc.errors import AlreadyVerified, KycRequired, KycUnavailable
from cloud.kyc.model import Check, CheckState, KycStatus, Standing, Verdict
from cloud.kyc.ports import KycProvider
from cloud.kyc.return_url import return_url_problem
from cloud.kyc.sandbox import SANDBOX
from shared.clock import Clock
from shared.ids import new_id
from shared.units import MICROS_PER_SECOND

logger = logging.getLogger(__name__)

DAY_US = 24 * 3_600 * MICROS_PER_SECOND
CHECK_DAYS = 1
"""So long a hosted page can be used."""
RENEW_DAYS = 30
"""So long before its end a verification may be renewed."""
FIRST_LOOK_S = {SANDBOX: 1}
FIRST_LOOK_S_ELSEWHERE = 180
LOOK_S_MAX = 3_600
GIVEN_UP_DAYS = 30
"""A provider that has not decided by then never will."""
BATCH = 50


class Kyc:
    """The use cases of verification, and the `KycPort` of other domains."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        identity: Identity,
        email_sign_in: EmailSignIn,
        provider: KycProvider,
        *,
        valid_days: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._identity = identity
        self._email_sign_in = email_sign_in
        self._provider = provider
        self._valid_us = valid_days * DAY_US
        self._opening: dict[str, asyncio.Task[Check]] = {}

    @property
    def provider(self) -> str:
        """Its name."""
        return self._provider.name

    async def standing(self, person: Person) -> Standing:
        """How a person stands, and the page that waits for them."""
        now_us = self._clock.now_us()
        async with self._store.read() as tx:
            known = await self._identity.person(tx, person.id)
            checks = await storage.open_checks(tx, person.id)
        waiting = [one for one in checks if one.verification_url is not None and one.expires_at_us > now_us]
        return Standing(
            status=self._status(known),
            verified_at_us=known.kyc_verified_at_us,
            check=waiting[0] if waiting else None,
        )

    async def start(self, person: Person, *, provider: str, return_url: str) -> Check:
        """A hosted page for the person: the one that waits for them already, or a new one.

        Raises:
            InvalidFields: another provider than is in use, or an address that nobody is sent to.
            AlreadyVerified: and not about to end.
            KycUnavailable: the provider does not answer.
        """
        self._check_request(provider, return_url)
        async with self._store.write() as tx:
            known = await self._identity.person(tx, person.id)
            if self._status(known) is KycStatus.VERIFIED and not self._ends_soon(known):
                raise AlreadyVerified
            waiting = await self._waiting(tx, person, return_url)
            if waiting is not None and waiting.verification_url is not None:
                return waiting
            check = waiting or await self._new_check(tx, person, return_url)
        task = self._opening.get(check.id)
        if task is None:
            task = asyncio.create_task(self._open(person, check.id))
            self._opening[check.id] = task
            task.add_done_callback(lambda _: self._opening.pop(check.id, None))
        return await asyncio.shield(task)  # who asks twice at once gets one page

    async def require_verified(self, tx: ReadTx, person: Person) -> None:
        """Look up the status now, whatever `person` says.

        Raises:
            KycRequired: not verified, or too long ago.
        """
        if self._status(await self._identity.person(tx, person.id)) is not KycStatus.VERIFIED:
            raise KycRequired

    async def take(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Write a webhook down and have its news asked for; False: it had come before.

        Raises:
            NoticeRefused: not signed by the provider, or not readable.
        """
        notice = self._provider.read_notice(headers, body)
        async with self._store.write() as tx:
            first = await is_first(
                tx, self._clock, provider=self._provider.name, id_=notice.id, type_=notice.type
            )
            if first and notice.run_id is not None:
                await storage.set_due(tx, notice.run_id, due_at_us=self._clock.now_us())
        return first

    async def check_of_run(self, run_id: str) -> Check | None:
        """By the provider's id."""
        async with self._store.read() as tx:
            return await storage.check_of_run(tx, run_id)

    async def look(self, run_id: str) -> None:
        """Ask the provider about a check now."""
        check = await self.check_of_run(run_id)
        if check is not None:
            await self._ask(check)

    async def run_due(self) -> None:
        """Ask for what is due. For a job.

        Raises:
            KycUnavailable: the provider does not answer; what is left stays due.
        """
        async with self._store.read() as tx:
            due = await storage.due(tx, self._provider.name, now_us=self._clock.now_us(), limit=BATCH)
        for check in due:
            await self._ask(check)

    async def next_due_us(self) -> int | None:
        """When `run_due` has something to do that it has not now; None: nothing waits for its time."""
        async with self._store.read() as tx:
            return await storage.next_due_us(tx, self._provider.name, self._clock.now_us())

    async def expire_due(self) -> None:
        """End the verifications that are too old. For a job."""
        async with self._store.write() as tx:
            ended = await self._identity.end_kyc(tx, verified_until_us=self._clock.now_us() - self._valid_us)
        if ended:
            logger.info("verifications expired total=%d", ended)

    async def close(self) -> None:
        """No more calls to the provider."""
        await self._provider.close()

    # The steps

    def _check_request(self, provider: str, return_url: str) -> None:
        problems = {}
        if provider != self._provider.name:
            problems["provider"] = [f"must be {self._provider.name}"]
        problem = return_url_problem(return_url, allows_loopback=self._provider.name == SANDBOX)
        if problem is not None:
            problems["return_url"] = [problem]
        if problems:
            raise InvalidFields(problems)

    async def _waiting(self, tx: WriteTx, person: Person, return_url: str) -> Check | None:
        """The check to go on with; every other open one is set aside, though its verdict still counts."""
        found = None
        now_us = self._clock.now_us()
        for check in await storage.open_checks(tx, person.id):
            is_same = (check.provider, check.return_url) == (self._provider.name, return_url)
            if found is None and is_same and check.expires_at_us > now_us:
                found = check
            else:
                due_at_us = None if check.run_id is None else self._next_look_us(check)
                await storage.set_state(tx, check.id, CheckState.ABANDONED, due_at_us=due_at_us)
        return found

    async def _new_check(self, tx: WriteTx, person: Person, return_url: str) -> Check:
        now_us = self._clock.now_us()
        check = Check(
            id=new_id("kyc", self._clock),
            person_id=person.id,
            provider=self._provider.name,
            return_url=return_url,
            state=CheckState.OPEN,
            created_at_us=now_us,
            expires_at_us=now_us + CHECK_DAYS * DAY_US,
            applicant_id=await storage.applicant_of(tx, person.id, self._provider.name),
        )
        await storage.insert_check(tx, check)
        return check

    async def _open(self, person: Person, check_id: str) -> Check:
        async with self._store.read() as tx:
            check = await self._known(tx, check_id)
        if check.verification_url is not None:  # opened while the caller's use case became durable
            return check
        applicant_id = check.applicant_id
        if applicant_id is None:
            first_name, last_name = _names((await self._email_sign_in.profile(person)).name, person.user_id)
            applicant_id = await self._provider.add_applicant(first_name=first_name, last_name=last_name)
            async with self._store.write() as tx:
                await storage.set_applicant(tx, check.id, applicant_id)
        opened = await self._provider.open(check, applicant_id)
        async with self._store.write() as tx:
            await storage.set_opened(
                tx,
                check.id,
                run_id=opened.run_id,
                verification_url=opened.verification_url,
                due_at_us=self._next_look_us(check),
            )
            known = await self._identity.person(tx, person.id)
            if self._status(known) is not KycStatus.VERIFIED:
                await self._identity.set_kyc(
                    tx, known, KycStatus.PENDING.value, verified_at_us=known.kyc_verified_at_us
                )
            return await self._known(tx, check.id)

    async def _known(self, tx: ReadTx, check_id: str) -> Check:
        check = await storage.check(tx, check_id)
        assert check is not None  # noqa: S101  checks are never deleted
        return check

    async def _ask(self, check: Check) -> None:
        try:
            verdict = await self._provider.verdict(check)
        except KycUnavailable:
            async with self._store.write() as tx:
                await storage.set_due(tx, check.run_id or "", due_at_us=self._next_look_us(check))
            raise
        async with self._store.write() as tx:
            await self._learn(tx, verdict)

    async def _learn(self, tx: WriteTx, verdict: Verdict) -> None:
        check = await storage.check_of_run(tx, verdict.run_id)
        if check is None or check.state in {CheckState.VERIFIED, CheckState.REJECTED}:
            return
        state = verdict.state
        if state is CheckState.OPEN:
            age_us = self._clock.now_us() - check.created_at_us
            is_over = age_us > GIVEN_UP_DAYS * DAY_US
            state = CheckState.ABANDONED if is_over else check.state
            due_at_us = None if is_over else self._next_look_us(check)
            await storage.set_state(tx, check.id, state, due_at_us=due_at_us)
            if not is_over:
                return
        else:
            await storage.set_state(tx, check.id, state, due_at_us=None)
        await self._judge(tx, check, state)

    async def _judge(self, tx: WriteTx, check: Check, state: CheckState) -> None:
        """What the end of a check means for the person."""
        person = await self._identity.person(tx, check.person_id)
        status = self._status(person)
        if state is CheckState.VERIFIED:
            after = KycStatus.VERIFIED
        elif status is not KycStatus.PENDING or await storage.open_checks(tx, person.id):
            return  # verified before, or another check decides
        else:
            before = KycStatus.NOT_STARTED if person.kyc_verified_at_us is None else KycStatus.EXPIRED
            after = KycStatus.REJECTED if state is CheckState.REJECTED else before
        is_verified = after is KycStatus.VERIFIED
        verified_at_us = self._clock.now_us() if is_verified else person.kyc_verified_at_us
        await self._identity.set_kyc(tx, person, after.value, verified_at_us=verified_at_us)
        tx.after_commit(lambda: logger.info("kyc person_id=%d status=%s", person.id, after.value))

    def _status(self, person: Person) -> KycStatus:
        status = KycStatus(person.kyc_status)
        if status is KycStatus.VERIFIED and self._ends_us(person) <= self._clock.now_us():
            return KycStatus.EXPIRED  # before the job has come round
        return status

    def _ends_us(self, person: Person) -> int:
        return (person.kyc_verified_at_us or 0) + self._valid_us

    def _ends_soon(self, person: Person) -> bool:
        return self._ends_us(person) - RENEW_DAYS * DAY_US <= self._clock.now_us()

    def _next_look_us(self, check: Check) -> int:
        now_us = self._clock.now_us()
        least_us = FIRST_LOOK_S.get(self._provider.name, FIRST_LOOK_S_ELSEWHERE) * MICROS_PER_SECOND
        age_us = now_us - check.created_at_us
        return now_us + min(max(age_us // 2, least_us), LOOK_S_MAX * MICROS_PER_SECOND)


def _names(name: str, fallback: str) -> tuple[str, str]:
    """First and last name, as far as they are known."""
    words = name.split() or [fallback]
    return " ".join(words[:-1]) or words[0], words[-1]
