"""What happens in a sandbox because it is time for it: the jobs of the live service, found by their time.

The live service looks every few seconds; ten years have too many seconds for that. Here each says when it
is next, so that a clock that is moved stops there and nowhere else.
"""

import logging

from cloud.distributions.errors import AlreadyDeclared, NobodyHolds
from cloud.distributions.model import Declaration
from cloud.investments.model import Issue
from cloud.kit.idempotency import NO_KEY
from cloud.kit.idempotency import forget_old as forget_old_keys
from cloud.kit.notices import forget_old as forget_old_notices
from cloud.sandbox import storage
from cloud.sandbox.quarters import Quarter, quarter_of, quarterly_minor
from cloud.services import Services

logger = logging.getLogger(__name__)


class Due:
    """The jobs of one sandbox; `next_quarter` is the first whose end its projects have not paid out."""

    def __init__(self, services: Services, next_quarter: Quarter) -> None:
        self._services = services
        self._quarter = next_quarter

    async def next_us(self) -> int:
        """When something happens next, after now; whatever is due now is none of it."""
        s = self._services
        found = [
            await s.payments.next_due_us(),
            await s.kyc.next_due_us(),
            await s.investments.next_overdue_us(),
            await s.deliveries.next_due_us(s.clock.now_us()),
            self._quarter.ends_us,
        ]
        return min(due_us for due_us in found if due_us is not None)

    async def run(self) -> None:
        """All that is due now, but for webhooks, which their own workers send."""
        s = self._services
        await self._pay_out_quarters()
        await s.kyc.run_due()
        await s.kyc.expire_due()
        while await s.payments.run_due():
            pass
        await s.investments.expire_due()

    async def forget(self) -> None:
        """What nobody can ask for any more."""
        s = self._services
        await s.oauth.forget_ended()
        await s.deliveries.forget_old()
        await forget_old_keys(s.store, s.clock)
        await forget_old_notices(s.store, s.clock)

    async def _pay_out_quarters(self) -> None:
        s = self._services
        while self._quarter.ends_us <= s.clock.now_us():
            async with s.store.read() as tx:
                issues = await s.investments.issues(tx)
            for issue in issues:
                await self._pay_out(issue, self._quarter)
            async with s.store.write() as tx:
                await storage.set_distributed(tx, self._quarter.ends_us)
            self._quarter = self._quarter.next

    async def _pay_out(self, issue: Issue, quarter: Quarter) -> None:
        """As the project's operator would, unless the developer did."""
        s = self._services
        async with s.store.read() as tx:
            project = await s.projects.get(tx, issue.project_id)
        terms = project.described.financial
        total_minor = quarterly_minor(project.room.raised_minor, terms.expected_return_annual)
        if total_minor == 0:
            return
        declared = Declaration(
            project_id=project.id,
            year=quarter.year,
            quarter=quarter.number,
            record_date=quarter.last_day.isoformat(),
            total_minor=total_minor,
        )
        try:
            await s.distributions.declare(declared, NO_KEY)
        except (AlreadyDeclared, NobodyHolds) as error:
            logger.debug("nothing to declare project=%s reason=%s", project.id, error)


def next_quarter(distributed_until_us: int) -> Quarter:
    """The one that ends after that moment."""
    return quarter_of(distributed_until_us)
