"""What somebody has, and how it did. It only reads."""

from collections import Counter
from collections.abc import Mapping, Sequence

from cloud.identity.model import Person
from cloud.investments.model import Position
from cloud.investments.service import Investments
from cloud.kit.store import ReadTx, Store
from cloud.portfolio.model import Granularity, Performance, Period, ProjectPosition, Summary, Worth
from cloud.portfolio.performance import performance
from cloud.projects.model import Project
from cloud.projects.service import Projects
from shared.clock import Clock

CURRENCY_OF_NOBODY = "USD"
"""Shown to those who have no investment."""
TOP = 5


class Portfolio:
    """Everything is of one currency: the one asked for, else that of most of the person's investments."""

    def __init__(self, store: Store, clock: Clock, *, investments: Investments, projects: Projects) -> None:
        self._store = store
        self._clock = clock
        self._investments = investments
        self._projects = projects

    async def summary(self, person: Person, currency: str | None = None) -> Summary:
        """All of it now."""
        async with self._store.read(brief=True) as tx:
            every = await self._investments.positions(tx, person.account)
            currencies = _currencies(every)
            chosen = currency or currencies[0]
            held = [position for position in every if position.currency == chosen]
            projects = await self._projects.several(tx, {position.project_id for position in held})
        ranked = sorted(
            ((position, projects[position.project_id]) for position in held),
            key=lambda pair: (-pair[0].invested_minor, pair[1].id),
        )
        return Summary(
            currency=chosen,
            currencies=currencies if every else (),
            worth=_sum(held),
            investment_count=sum(position.investment_count for position in held),
            project_count=len(held),
            by_technology=_by([(p, str(project.described.technology)) for p, project in ranked]),
            by_country=_by([(p, project.described.location.country) for p, project in ranked]),
            by_stage=_by([(p, str(project.described.stage)) for p, project in ranked]),
            top=tuple(_shown(position, project) for position, project in ranked[:TOP]),
        )

    async def performance(
        self, person: Person, period: Period, granularity: Granularity, currency: str | None = None
    ) -> Performance:
        """Day by day, as the history of the private book has it."""
        async with self._store.read() as tx:
            chosen = currency or await self._currency(tx, person)
            steps = await self._investments.steps(tx, person.account, chosen)
        return performance(steps, period, granularity, currency=chosen, now_us=self._clock.now_us())

    async def _currency(self, tx: ReadTx, person: Person) -> str:
        return _currencies(await self._investments.positions(tx, person.account))[0]


def _currencies(positions: Sequence[Position]) -> tuple[str, ...]:
    """By the number of investments, then by name; never empty."""
    counted: Counter[str] = Counter()
    for position in positions:
        counted[position.currency] += position.investment_count
    return tuple(sorted(counted, key=lambda name: (-counted[name], name))) or (CURRENCY_OF_NOBODY,)


def _sum(positions: Sequence[Position]) -> Worth:
    return Worth(
        invested_minor=sum(position.invested_minor for position in positions),
        returned_minor=sum(position.returned_minor for position in positions),
    )


def _by(labelled: Sequence[tuple[Position, str]]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for position, label in labelled:
        found[label] += position.invested_minor
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def _shown(position: Position, project: Project) -> ProjectPosition:
    return ProjectPosition(project_id=project.id, project_name=project.name, worth=_sum([position]))
