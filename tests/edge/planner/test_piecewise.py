from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.planner.piecewise import POINTS_MAX, Pwl, clipped, lower, moved, stretched, thinned, value_at

NOISE = st.sampled_from((0.0, 0.0, 1e-17, 1e-16, -1e-16))
LATTICE = st.integers(0, 8).map(lambda n: n / 4)


@st.composite
def functions(draw: st.DrawFn, start: float | None = None) -> Pwl:
    """Breakpoints and values on a coarse lattice, so that kinks, ends and ties meet; some off by rounding."""
    x = draw(LATTICE) if start is None else start
    xs, ys = [], []
    for step in draw(st.lists(st.integers(1, 3), min_size=1, max_size=7)):
        xs.append(x)
        ys.append(draw(LATTICE) + draw(NOISE))
        x += step / 4
    return xs, ys


def outside(f: Pwl, x: float) -> float:
    return value_at(f, x) if f[0][0] <= x <= f[0][-1] else float("inf")


def points(f: Pwl) -> list[float]:
    xs = f[0]
    between = [a + (b - a) * share for a, b in pairwise(xs) for share in (0.0, 0.31, 0.77)]
    return [*between, xs[-1]] if len(xs) > 1 else [xs[0]]


@settings(max_examples=400, deadline=None)
@given(functions(), st.data())
def test_the_lower_envelope_is_the_lower_of_the_two_everywhere(f, data):
    g = data.draw(functions(start=data.draw(st.sampled_from([*f[0], (f[0][0] + f[0][-1]) / 2]))))
    both = lower(f, g)
    assert all(a < b for a, b in zip(both[0], both[0][1:], strict=False))
    assert (both[0][0], both[0][-1]) == (min(f[0][0], g[0][0]), max(f[0][-1], g[0][-1]))
    jumps = {*f[0][::1], *g[0][::1]}
    for x in [*points(f), *points(g)]:
        if min(abs(x - jump) for jump in jumps) < 1e-6 and x not in jumps:
            continue
        assert abs(value_at(both, x) - min(outside(f, x), outside(g, x))) < 1e-9


@settings(max_examples=400, deadline=None)
@given(
    functions(),
    st.sampled_from((-1.5, -0.5, 0.0, 0.3, 1.0)),
    st.sampled_from((0.0, 0.25, 0.4)),
    st.sampled_from((0.0, 0.3, 0.75)),
)
def test_a_move_finds_the_best_place_within_its_reach(f, rate, down, up):
    result = moved(f, rate, down, up)
    assert all(a < b for a, b in zip(result[0], result[0][1:], strict=False))
    for x in points(result):
        low, high = max(x - down, f[0][0]), min(x + up, f[0][-1])
        places = [low, high, *(u for u in f[0] if low <= u <= high)]
        best = min(rate * (u - x) + value_at(f, u) for u in places if low <= u <= high or low >= high)
        assert abs(value_at(result, x) - best) < 1e-9


def test_touching_functions_keep_the_kink_where_they_meet():
    flat: Pwl = ([0.0, 2.0], [1.0, 1.0])
    assert lower(flat, ([1.0, 2.0], [1.0, 0.0])) == ([0.0, 1.0, 2.0], [1.0, 1.0, 0.0])


def test_functions_that_cross_within_rounding_of_a_breakpoint_do_not_lose_it():
    f: Pwl = ([0.0, 2.0], [1.0, 1.0])
    g: Pwl = ([0.0, 1.0, 2.0], [2.0, 1.0 + 1e-16, 0.0])
    assert value_at(lower(f, g), 1.0) == 1.0
    assert value_at(lower(f, g), 1.5) == 0.5


def test_a_jump_stays_a_jump():
    low_then_high = lower(([0.0, 1.0], [0.0, 0.0]), ([0.0, 2.0], [5.0, 5.0]))
    assert value_at(low_then_high, 1.0) == 0.0
    assert value_at(low_then_high, 1.0001) == 5.0


def test_clipping_keeps_one_point_at_least():
    f: Pwl = ([0.0, 1.0, 2.0], [0.0, 3.0, 4.0])
    assert clipped(f, 0.5, 1.5) == ([0.5, 1.0, 1.5], [1.5, 3.0, 3.5])
    assert clipped(f, 1.0, 1.0) == ([1.0], [3.0])
    assert clipped(f, 7.0, 9.0) == ([2.0], [4.0])


def test_stretching_scales_the_argument():
    assert stretched(([0.0, 1.0], [2.0, 3.0]), 0.5) == ([0.0, 2.0], [2.0, 3.0])


def test_a_move_below_rounding_is_none():
    f: Pwl = ([0.0, 1.0, 2.0], [0.0, 3.0, 4.0])
    assert moved(f, 1e9, 0.0, 1e-286) == f


def test_breakpoints_without_a_kink_fall_away_once_there_are_many():
    count = POINTS_MAX + 1
    straight: Pwl = ([float(x) for x in range(count)], [0.1 * x for x in range(count)])
    assert thinned(straight) == ([0.0, count - 1.0], [0.0, 0.1 * (count - 1)])
    bent = [*straight[1]]
    bent[7] += 0.5
    kept = thinned((straight[0], bent))
    assert value_at(kept, 7.0) == bent[7]
    assert value_at(kept, 500.0) == bent[500] or abs(value_at(kept, 500.0) - bent[500]) < 1e-9


def test_even_without_end_of_kinks_the_number_of_breakpoints_is_bounded():
    count = 3 * POINTS_MAX
    jagged: Pwl = ([float(x) for x in range(count)], [1e-3 * (x * 7 % 5) for x in range(count)])
    assert len(thinned(jagged)[0]) <= POINTS_MAX


def test_functions_that_cross_just_before_a_breakpoint_keep_it():
    f: Pwl = ([0.0, 1.0, 2.0], [0.0, 1.0, 3.0])
    g: Pwl = ([0.0, 2.0], [1.0 - 2**-53, 1.0 - 2**-53])
    assert abs(value_at(lower(f, g), 1.0) - 1.0) < 1e-12
