"""Plans the day in a thread of its own and says, each turn, what the plan asks for at that moment.

A new plan is made at each quarter of an hour, on a new forecast, when the nodes that can take part change,
and when a charge is far from where the plan has it. Planning never holds up the cycle: until the new plan is
there the last one speaks. A plan that fails is none: then balance decides, and the reason is shown.

All methods are called from the event loop; only the making of the plan runs in the thread.
"""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from edge.config import EdgeConfig, tariff_prices, tariff_zone
from edge.control.planned import PlanVoice, plan_voice
from edge.errors import EdgeError
from edge.planner.forecast import SLOT, Outlook, Source, Spread, Tariff, choose
from edge.planner.site import SiteNode, SitePlan, SiteRules, make_site_plan, slot_at
from edge.threads import OneThread
from edge.uplink.prices import PriceBoard
from hardware.board_model import Board
from hardware.cells import load_chemistry
from shared.clock import Clock
from shared.messages import Action, GridForecast

if TYPE_CHECKING:
    from edge.cycle import Turn

logger = logging.getLogger(__name__)

DEVIATION_POINTS = 8.0
"""A charge so far from the plan's asks for a new one."""
DEVIATION_PAUSE_S = 300.0
RETRY_S = 60.0
"""Pause after a plan that failed."""


class Scheduler:
    """The plan of one agent."""

    def __init__(self, config: EdgeConfig, board: Board, prices: PriceBoard, clock: Clock) -> None:
        self.plan: SitePlan | None = None
        self.voice = PlanVoice()
        """What the plan asked for in the last turn."""
        self.problem: str | None = None if config.plan.enabled else "planning is switched off (plan.enabled)"
        self.plans_made = 0
        self.failures = 0
        self._config = config
        self._board = board
        self._prices = prices
        self._clock = clock
        self.usable_forecast: GridForecast | None = prices.forecast
        """The last one that could be planned with; it is kept over restarts."""
        self._tariff = (
            None if config.plan.default_tariff is None else Tariff(price_per_kwh=tariff_prices(config.plan))
        )
        self._spread = Spread(fraction=config.plan.spread, fee_per_kwh=config.plan.fee_per_kwh)
        self._zone = tariff_zone(config.plan)
        self._made_for: object = None
        self._made_at = float("-inf")
        self._failed_at = float("-inf")
        self._start_percent: dict[str, float] = {}
        self._withdrawn: set[frozenset[str]] = set()
        self._withdrawn_slot = -1
        self._thread = OneThread("plan")
        self._under_way: asyncio.Future[SitePlan] | None = None

    def actions(self, turn: "Turn | None", *, synced: bool) -> PlanVoice:
        """What the plan asks of the next turn; `turn` is the last one."""
        if turn is None or not synced or self.plan is None:
            self.voice = PlanVoice()
        else:
            self.voice = plan_voice(
                self.plan,
                self._clock.now(),
                soc_percent=_charges(turn),
                running=_running(turn),
                withdrawn=self._withdrawn,
            )
        return self.voice

    def learn(self, turn: "Turn") -> None:
        """Look at what became of the turn, and begin a new plan where one is due."""
        self._withdraw(turn)
        if not self._config.plan.enabled or self._under_way is not None:
            return
        monotonic = turn.snapshot.monotonic
        nodes = self._nodes(turn)
        wanted = (
            turn.snapshot.utc_us // _SLOT_US,
            None if self._prices.forecast is None else self._prices.forecast.made_at,
            turn.snapshot.synced,
            tuple(node.uid for node in nodes if node.unusable is None and node.soc_percent is not None),
        )
        due = wanted != self._made_for or self._deviates(turn)
        if not due or monotonic - self._failed_at < RETRY_S:
            return
        self._made_for, self._made_at = wanted, monotonic
        self._start_percent = {uid: soc for uid, soc in _charges(turn).items() if soc is not None}
        self._begin(nodes, synced=turn.snapshot.synced)

    def stop(self) -> None:
        """A plan under way is not waited for."""
        self._thread.close()

    def outlook(self, *, synced: bool) -> Outlook:
        """The best prices there are: the cloud's forecast, the last usable one, the tariff, or none."""
        latest = self._prices.forecast
        now = self._clock.now()
        pick = partial(
            choose, now=now, synced=synced, spread=self._spread, zone=self._zone, tariff=self._tariff
        )
        found = pick(latest)
        if found.source in {Source.CLOUD, Source.LAST}:
            self.usable_forecast = latest
        elif self.usable_forecast is not None and self.usable_forecast is not latest:
            earlier = pick(self.usable_forecast)
            return earlier if earlier.source in {Source.CLOUD, Source.LAST} else found
        return found

    def _begin(self, nodes: list[SiteNode], *, synced: bool) -> None:
        try:
            outlook = self.outlook(synced=synced)
            work = partial(make_site_plan, nodes, outlook, self._rules(), now=self._clock.now())
            self._under_way = self._thread.call(work)
        except (EdgeError, RuntimeError) as error:
            self._fail(error)
            return
        self._under_way.add_done_callback(self._made)

    def _made(self, future: "asyncio.Future[SitePlan]") -> None:
        self._under_way = None
        if future.cancelled():
            return
        error = future.exception()
        if error is not None:
            self._fail(error)
            return
        plan = future.result()
        if (
            self.problem != plan.problem
            or self.plan is None
            or self.plan.outlook.source != plan.outlook.source
        ):
            logger.info("plan prices=%s reason=%s", plan.outlook.source, plan.problem or plan.outlook.reason)
        self.plan, self.problem = plan, plan.problem
        self.plans_made += 1

    def _fail(self, error: BaseException) -> None:
        self.plan, self.problem = None, f"hold: planning failed ({error})"
        self.failures += 1
        self._failed_at = self._clock.monotonic()
        self._made_for = None
        logger.error("planning failed error=%r", error)

    def _rules(self) -> SiteRules:
        config = self._config
        return SiteRules(
            efficiency=config.plan.efficiency,
            limit_w=config.plan.transfer_limit_w,
            soc_percent_min=config.safety.soc_percent_min,
            soc_percent_max=config.safety.soc_percent_max,
            closings_per_day=config.transfer.closings_per_day,
            zone=self._zone,
        )

    def _nodes(self, turn: "Turn") -> list[SiteNode]:
        views = {view.sample.uid: view for view in turn.snapshot.nodes}
        found = []
        for facts in self._board.nodes:
            view = views[facts.uid]
            nominal_v = load_chemistry(facts.chemistry).nominal_v
            found.append(
                SiteNode(
                    uid=facts.uid,
                    soc_percent=None if view.soc is None else view.soc.percent,
                    capacity_wh=turn.capacity_mah[facts.uid] / 1000 * nominal_v,
                    power_w_max=facts.power_w_max(nominal_v),
                    relay=view.relay,
                    closings_left=turn.closings.left(facts.uid, self._config.transfer.closings_per_day),
                    unusable=view.fault,
                )
            )
        return found

    def _deviates(self, turn: "Turn") -> bool:
        """Whether a charge is far from the way that the plan takes from its start to the end of this slot."""
        if self.plan is None or turn.snapshot.monotonic - self._made_at < DEVIATION_PAUSE_S:
            return False
        planned = slot_at(self.plan, self._clock.now())
        for uid, percent in _charges(turn).items():
            start = self._start_percent.get(uid)
            if percent is None or start is None or uid not in planned:
                continue
            low, high = sorted((start, 100 * planned[uid].soc))
            if not low - DEVIATION_POINTS <= percent <= high + DEVIATION_POINTS:
                return True
        return False

    def _withdraw(self, turn: "Turn") -> None:
        """A pair that was refused is not asked for again in this slot, so that balance is not held up."""
        slot = turn.snapshot.utc_us // _SLOT_US
        if slot != self._withdrawn_slot:
            self._withdrawn_slot = slot
            self._withdrawn.clear()
        decided = {node.uid: node for node in turn.decision.nodes}
        for wish in self.voice.actions:
            node = decided.get(wish.uid)
            if node is not None and node.veto is not None and wish.peer_uid is not None:
                self._withdrawn.add(frozenset((wish.uid, wish.peer_uid)))


_SLOT_US = int(SLOT.total_seconds()) * 1_000_000


def _charges(turn: "Turn") -> dict[str, float | None]:
    return {view.sample.uid: None if view.soc is None else view.soc.percent for view in turn.snapshot.nodes}


def _running(turn: "Turn") -> Mapping[str, str]:
    return {
        node.uid: node.peer_uid
        for node in turn.decision.nodes
        if node.peer_uid is not None
        and turn.dispatched.positions.get(node.uid, Action.IDLE) is not Action.IDLE
    }
