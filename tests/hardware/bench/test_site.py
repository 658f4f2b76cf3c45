"""The bench as a whole: charge moves, is conserved up to the stated losses, and outlives the agent."""

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.bench import Bench, BenchSettings, load_settings
from hardware.cells import load_chemistry
from hardware.errors import BadBoard
from hardware.open_board import OpenBoard, open_board
from shared.clock import ManualClock
from shared.messages import Action

QUIET = BenchSettings(houses=False, noise_bits=0)


def _opened(bench: Bench, clock: ManualClock, dwell_s: float = 0.0) -> OpenBoard:
    return open_board(
        bench.board,
        bench.bus,
        clock,
        pin_factory=bench.pin_factory,
        onewire_root=bench.onewire_root,
        dwell_s=dwell_s,
        break_s=0.0,
    )


@pytest.fixture
def clock():
    return ManualClock()


def test_five_nodes_start_far_enough_apart_to_balance(clock):
    with Bench.five(clock) as bench:
        levels = [bench.cell(node.uid).soc for node in bench.board.nodes]

    assert levels == pytest.approx([0.82, 0.66, 0.52, 0.38, 0.24])


def test_charge_moves_from_the_discharging_to_the_charging_cell(clock):
    with Bench.five(clock, settings=QUIET) as bench, _opened(bench, clock) as site:
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[4].relays.set(Action.CHARGE)

        for _ in range(600):
            clock.advance(1)
            bench.advance()

        # 1 A for 600 s out of 2.6 Ah
        assert bench.cell("NODE_A").soc == pytest.approx(0.82 - 600 / 3600 / 2.6, abs=1e-6)
        assert bench.cell("NODE_E").soc > 0.24 + 0.05
        assert bench.cell("NODE_C").soc == 0.52
        assert bench.accounts.sent_ah == pytest.approx(600 / 3600, abs=1e-6)
        assert bench.accounts.received_wh == pytest.approx(0.92 * bench.accounts.sent_wh)
        assert bench.accounts.converter_lost_wh == pytest.approx(0.08 * bench.accounts.sent_wh)


def test_the_meters_of_both_sides_see_exactly_what_is_transferred(clock):
    with Bench.five(clock, settings=BenchSettings(noise_bits=0)) as bench, _opened(bench, clock) as site:
        sender, receiver = site.nodes[0], site.nodes[1]
        sender.relays.set(Action.DISCHARGE)
        receiver.relays.set(Action.CHARGE)
        for node in (sender, receiver):
            node.sensors["current"].sample()
        bench.advance()
        sent_wh = received_wh = 0.0
        start = msgspec.structs.replace(bench.accounts)
        for _ in range(300):
            clock.advance(1)
            for node, sign in ((sender, 1), (receiver, -1)):
                sample = node.sensors["current"].sample()
                energy_wh = sign * sample.voltage_mv * sample.current_ma / 1e6 / 3600
                sent_wh += energy_wh if sign > 0 else 0.0
                received_wh += energy_wh if sign < 0 else 0.0

        assert sent_wh == pytest.approx(bench.accounts.sent_wh - start.sent_wh, rel=0.0015)
        assert received_wh == pytest.approx(bench.accounts.received_wh - start.received_wh, rel=0.0015)


def test_solar_and_load_move_the_cell_but_not_its_meter(clock):
    clock.advance(12 * 3600)
    with Bench.five(clock, settings=BenchSettings(noise_bits=0)) as bench, _opened(bench, clock) as site:
        before = bench.cell("NODE_A").soc
        for _ in range(12):
            clock.advance(300)
            assert site.sensors["ina_a"].sample().current_ma == 0.0

        assert bench.cell("NODE_A").soc != before
        assert 0 < abs(bench.local_current_a("NODE_A")) < 0.2


def test_houses_differ_and_repeat_by_seed(clock):
    with Bench.five(clock) as one, Bench.five(clock) as same:
        other = Bench.five(clock, settings=BenchSettings(seed=2))
        for bench in (one, same, other):
            bench._at -= 7_200
            bench.advance()
        levels = [[bench.cell(node.uid).soc for node in bench.board.nodes] for bench in (one, same, other)]
        other.close()

    assert levels[0] == levels[1] != levels[2]


def test_a_wrongly_wired_shunt_shows_the_opposite_sign(clock):
    with Bench.five(clock, settings=QUIET) as bench, _opened(bench, clock) as site:
        assert site.nodes[4].facts.invert_current
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[4].relays.set(Action.CHARGE)
        clock.advance(1)

        assert site.sensors["ina_a"].sample().current_ma == pytest.approx(1000, abs=1)
        assert site.sensors["ina_e"].sample().current_ma > 900
        assert bench.terminals("NODE_E").link_current_a < -0.9


def test_a_relay_that_moves_between_two_readings_counts_from_its_own_moment(clock):
    with Bench.five(clock, settings=QUIET) as bench, _opened(bench, clock) as site:
        clock.advance(10)
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[1].relays.set(Action.CHARGE)
        clock.advance(7)
        site.nodes[0].relays.set(Action.IDLE)
        clock.advance(100)
        bench.advance()

        assert bench.accounts.sent_ah == pytest.approx(7 / 3600)


def test_an_empty_cell_gives_nothing_and_a_full_one_takes_nothing(clock):
    choice = BenchSettings(soc_percent=(0.0, 100.0, 50.0), houses=False)
    with Bench.of_nodes(3, clock, settings=choice) as bench, _opened(bench, clock) as site:
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[2].relays.set(Action.CHARGE)
        clock.advance(60)
        bench.advance()
        assert bench.accounts.sent_ah == 0

        site.nodes[0].relays.set(Action.IDLE)
        site.nodes[2].relays.set(Action.IDLE)
        site.nodes[2].relays.set(Action.DISCHARGE)
        site.nodes[1].relays.set(Action.CHARGE)
        clock.advance(60)
        bench.advance()
        assert bench.accounts.sent_ah == 0
        assert bench.cell("NODE_B").soc == 1.0


def test_readings_of_a_running_transfer_are_never_frozen(clock):
    with Bench.five(clock) as bench, _opened(bench, clock) as site:
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[3].relays.set(Action.CHARGE)
        seen = {"ina_a": [], "ina_d": []}
        for _ in range(120):
            clock.advance(1)
            for name, raws in seen.items():
                raws.append(site.sensors[name].sample().raw)

        for raws in seen.values():
            longest = max(len(list(run)) for _, run in itertools.groupby(raws))
            assert longest < 6


def test_an_accelerated_clock_changes_nothing_but_the_waiting(clock):
    fast_clock = ManualClock()
    with Bench.five(clock, settings=QUIET) as slow, Bench.five(fast_clock, settings=QUIET) as fast:
        for bench, at, step_s in ((slow, clock, 1), (fast, fast_clock, 60)):
            site = _opened(bench, at)
            site.nodes[0].relays.set(Action.DISCHARGE)
            site.nodes[4].relays.set(Action.CHARGE)
            for _ in range(1200 // step_s):
                at.advance(step_s)
                bench.advance()
            site.close()

        assert fast.cell("NODE_A").soc == pytest.approx(slow.cell("NODE_A").soc, abs=1e-6)
        assert fast.cell("NODE_E").soc == pytest.approx(slow.cell("NODE_E").soc, abs=1e-5)


def test_cells_keep_their_charge_when_the_agent_dies(clock, tmp_path):
    path = tmp_path / "bench" / "cells.json"
    with Bench.five(clock, settings=QUIET) as bench, _opened(bench, clock) as site:
        site.nodes[0].relays.set(Action.DISCHARGE)
        site.nodes[4].relays.set(Action.CHARGE)
        clock.advance(900)
        bench.save(path)
        states = {node.uid: bench.cell(node.uid).state() for node in bench.board.nodes}

    with Bench.five(ManualClock(), settings=QUIET) as again:
        assert again.load(path)
        assert {node.uid: again.cell(node.uid).state() for node in again.board.nodes} == states
    assert [item.name for item in path.parent.iterdir()] == ["cells.json"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"version":1}', b'{"version":1,"cells":{"NODE_A":{}}}'])
def test_a_torn_state_file_is_left_aside(clock, tmp_path, content):
    path = tmp_path / "cells.json"
    path.write_bytes(content)
    with Bench.five(clock) as bench:
        assert not bench.load(path)
        assert not bench.load(tmp_path / "none.json")
        assert bench.cell("NODE_A").soc == pytest.approx(0.82)


@pytest.mark.parametrize("nodes", [1, 2, 3, 7, 10])
def test_benches_of_every_size_give_readings(clock, nodes):
    with Bench.of_nodes(nodes, clock) as bench, _opened(bench, clock) as site:
        for node in site.nodes:
            volts = node.sensors["voltage"].sample().voltage_mv / 1000
            assert volts == pytest.approx(bench.terminals(node.uid).voltage_v, abs=0.02)
            celsius = node.sensors["temperature"].sample().temperature_c
            assert celsius == pytest.approx(23.0, abs=0.2)


def test_settings_come_from_a_file_and_the_rest_is_default(tmp_path):
    path = tmp_path / "bench.toml"
    path.write_text("efficiency = 0.8\nsoc_percent = [90, 10]\n")

    assert load_settings(path) == BenchSettings(efficiency=0.8, soc_percent=(90.0, 10.0))


@pytest.mark.parametrize(
    "text,field", [("efficiency = 1.2", "efficiency"), ("speed = 3", "speed"), ("efficiency", "bench.toml")]
)
def test_wrong_settings_are_refused_by_name(tmp_path, text, field):
    path = tmp_path / "bench.toml"
    path.write_text(text)

    with pytest.raises(BadBoard, match=field):
        load_settings(path)


def _stored_wh(bench: Bench) -> float:
    """Energy a cell would give at no current: the integral of the curve, by trapezoids."""
    nmc = load_chemistry("nmc")
    total = 0.0
    for node in bench.board.nodes:
        soc = bench.cell(node.uid).soc
        grid = [soc * step / 200 for step in range(201)]
        total += sum((nmc.ocv_v(a) + nmc.ocv_v(b)) / 2 * (b - a) * 2.6 for a, b in itertools.pairwise(grid))
    return total


MOVES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(list(Action)), st.floats(0.1, 60)), max_size=10)


@settings(max_examples=25, deadline=None)
@given(moves=MOVES, houses=st.booleans(), efficiency=st.floats(0.5, 1.0))
def test_charge_is_conserved_up_to_the_stated_losses_whatever_the_relays_do(moves, houses, efficiency):
    clock = ManualClock()
    chosen = BenchSettings(houses=houses, efficiency=efficiency, soc_percent=(90, 70, 50, 30, 6))
    with Bench.five(clock, settings=chosen) as bench, _opened(bench, clock) as site:
        before_ah = sum(bench.cell(node.uid).charge_ah() for node in site.nodes)
        before_wh = _stored_wh(bench)
        for index, action, seconds in moves:
            site.nodes[index].relays.set(action)
            clock.advance(seconds)
            bench.advance()
        after_ah = sum(bench.cell(node.uid).charge_ah() for node in site.nodes)
        sums = bench.accounts

        expected_ah = (
            before_ah - sums.sent_ah + sums.received_ah + sums.solar_ah - sums.load_ah - sums.coulomb_lost_ah
        )
        assert after_ah == pytest.approx(expected_ah, abs=1e-9)
        assert sums.received_wh == pytest.approx(sums.sent_wh * efficiency, rel=1e-9, abs=1e-12)
        assert 0 <= sums.coulomb_lost_ah <= 0.0011 * (sums.received_ah + sums.solar_ah) + 1e-12
        # Moving charge about never makes energy; the sun alone may, at 4.2 V at most.
        assert _stored_wh(bench) <= before_wh + 4.2 * sums.solar_ah + 5e-3
