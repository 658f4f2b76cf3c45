"""The provider that checks nobody: a hosted page on which a person clicks how it shall end."""

from collections.abc import Mapping

from cloud.errors import Conflict, NotFound
from cloud.kit.store import Store
from cloud.kyc import storage
from cloud.kyc.errors import NoticeRefused
from cloud.kyc.model import Check, CheckState, Notice, Opened, Verdict
from shared.clock import Clock
from shared.ids import new_id

SANDBOX = "sandbox"


class Decided(Conflict):
    def __init__(self) -> None:
        super().__init__("this check is decided already")


class SandboxKyc:
    """A `KycProvider`; `base_url` is where the hosted pages are reached."""

    name = SANDBOX

    def __init__(self, store: Store, clock: Clock, *, base_url: str) -> None:
        self._store = store
        self._clock = clock
        self._base_url = base_url

    async def add_applicant(self, *, first_name: str, last_name: str) -> str:  # noqa: ARG002
        return new_id("app", self._clock)

    async def open(self, check: Check, applicant_id: str) -> Opened:  # noqa: ARG002
        run_id = new_id("run", self._clock)
        async with self._store.write() as tx:
            await storage.insert_run(tx, run_id, CheckState.OPEN, self._clock.now_us())
        return Opened(run_id=run_id, verification_url=f"{self._base_url}/sandbox/kyc/{run_id}")

    async def verdict(self, check: Check) -> Verdict:
        return Verdict(run_id=check.run_id or "", state=await self.state(check.run_id or ""))

    def read_notice(self, headers: Mapping[str, str], body: bytes) -> Notice:  # noqa: ARG002
        raise NoticeRefused("the sandbox sends no webhooks")

    async def close(self) -> None:
        """Nothing is open."""

    # The hosted page

    async def state(self, run_id: str) -> CheckState:
        """How a run stands.

        Raises:
            NotFound: there is none.
        """
        async with self._store.read() as tx:
            run = await storage.run(tx, run_id)
        if run is None:
            raise NotFound("no such check")
        return CheckState(run.state)

    async def decide(self, run_id: str, *, is_verified: bool) -> None:
        """What a person clicked.

        Raises:
            NotFound: no such run.
            Decided: it was clicked before.
        """
        async with self._store.write() as tx:
            run = await storage.run(tx, run_id)
            if run is None:
                raise NotFound("no such check")
            if run.state != CheckState.OPEN:
                raise Decided
            state = CheckState.VERIFIED if is_verified else CheckState.REJECTED
            await storage.set_run(tx, run_id, state, self._clock.now_us())
