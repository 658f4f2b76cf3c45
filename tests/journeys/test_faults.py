"""Chips fail in every way a bench can imitate, one after the other and several at once, while energy flows.

Whatever happens, no turn raises, and within two cycles of its detection no relay of the node is closed.
`make chaos` throws two hundred faults; `CHAOS_FAULTS` and `CHAOS_SEED` choose otherwise.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from edge.control import ManualState
from edge.control.latch import Cause
from edge.cycle import Turn
from edge.snapshot import Value
from hardware.bench import Bench
from hardware.board_model import Ads1115Part, Ina219Part, Ina226Part
from shared.clock import ManualClock
from shared.messages import Action, Quality
from tests.edge.agents import SETTINGS, an_agent

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

FAULTS = int(os.environ.get("CHAOS_FAULTS", "27"))
SEED = int(os.environ.get("CHAOS_SEED", "20260101"))
KINDS = ("nack", "nack twice", "timeout", "stick", "flip", "brown out", "claim", "absent", "relay held")
VOLTAGE_REGISTER = {"ina226": 0x02, "ina219": 0x02, "ads1115": 0x00}
TRUSTED = {Quality.GOOD, Quality.ESTIMATED}
SAFE_WITHIN = 2
CHARGE_GUARDS = {Cause.LOW_SOC, Cause.HIGH_SOC, Cause.UNDER_VOLTAGE, Cause.OVER_VOLTAGE}


class Faulty:
    """A bench whose faults come and go, and what they may not lead to."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock()
        self.bench = Bench.five(self.clock, settings=SETTINGS)
        agent = an_agent(folder, self.clock, self.bench)
        self.cycle = agent._cycle
        self.uids = [node.uid for node in agent.board.nodes]
        self.chips = {
            part.address: part.__struct_config__.tag
            for part in agent.board.chips
            if isinstance(part, (Ina219Part, Ina226Part, Ads1115Part))
        }
        self.absent: dict[int, object] = {}
        self.held_pins: list[object] = []
        self.distrusted: Counter[str] = Counter()
        self.turns = self.closed_turns = 0

    def turn(self) -> Turn:
        self.clock.advance(1.0)
        turn = self.cycle.turn(manual=ManualState(), plan=None, synced=True)
        self.turns += 1
        self._check(turn)
        return turn

    def _check(self, turn: Turn) -> None:
        for view in turn.snapshot.nodes:
            uid = view.sample.uid
            fit = (
                _trusted(view.sample.voltage_mv)
                and _trusted(view.sample.current_ma)
                and _trusted(view.sample.temperature_c)
                and view.fault is None
            )
            self.distrusted[uid] = 0 if fit else self.distrusted[uid] + 1
            closed = turn.dispatched.positions[uid] is not Action.IDLE
            self.closed_turns += closed
            assert not (closed and self.distrusted[uid] >= SAFE_WITHIN), (uid, view)
        for facts in self.bench.board.nodes:
            both = [self.bench.pin_factory.level(pin) for pin in (facts.charge_pin, facts.discharge_pin)]
            assert not all(both), f"both contacts of {facts.uid} are closed"
        # Charge never flows into or out of a busbar with one end alone.
        actions = Counter(action for action in turn.dispatched.positions.values())
        assert actions[Action.CHARGE] == actions[Action.DISCHARGE]

    def strike(self, dice: random.Random, kind: str) -> None:
        address = dice.choice(sorted(self.chips.keys() - self.absent.keys()))
        bus, register = self.bench.bus, VOLTAGE_REGISTER[self.chips[address]]
        match kind:
            case "nack":
                bus.nack(address)
            case "nack twice":
                bus.nack(address, times=2)
            case "timeout":
                bus.timeout(address)
            case "stick":
                bus.stick(address, register)
            case "flip":
                bus.flip(address, register, dice.randrange(16))
            case "brown out":
                bus.brown_out(address)
            case "claim":
                bus.claim(address)
            case "absent":
                self.absent[address] = bus.chip(address)
                bus.detach(address)
            case "relay held":
                facts = dice.choice(self.bench.board.nodes)
                pin = self.bench.pin_factory.pin_of(dice.choice((facts.charge_pin, facts.discharge_pin)))
                self.held_pins.append(pin)
                pin._change_state = lambda _value: False

    def heal(self) -> None:
        for address in self.chips:
            self.bench.bus.heal(address)
        for address, chip in self.absent.items():
            self.bench.bus.attach(address, chip)
        self.absent.clear()
        for pin in self.held_pins:
            del pin._change_state
            pin._change_state(False)
        self.held_pins.clear()


def _trusted(value: Value) -> bool:
    return value.quality in TRUSTED


def test_no_fault_of_a_chip_or_a_pin_stops_a_turn_or_keeps_a_relay_closed(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    site = Faulty(tmp_path)
    thrown: Counter[str] = Counter()
    while sum(thrown.values()) < FAULTS:
        for _ in range(dice.randrange(40, 90)):
            site.turn()
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            kind = KINDS[sum(thrown.values()) % len(KINDS)]
            # A pin that is held closed is welded copper, which software cannot open: held only while open.
            if kind == "relay held" and any(
                site.bench.pin_factory.level(pin)
                for node in site.bench.board.nodes
                for pin in (node.charge_pin, node.discharge_pin)
            ):
                site.cycle.open_all()
            site.strike(dice, kind)
            thrown[kind] += 1
        for _ in range(dice.randrange(5, 30)):
            site.turn()
        site.heal()

    # What failed is back, and energy flows again: no fault locks a battery out for ever.
    for _ in range(300):
        turn = site.turn()
    assert all(view.fault is None for view in turn.snapshot.nodes)
    assert {latch.cause for guard in turn.safety.nodes for latch in guard.latches} <= CHARGE_GUARDS
    assert site.closed_turns > site.turns / 4
    print(f"{sum(thrown.values())} faults in {site.turns} turns: {dict(thrown)}")
