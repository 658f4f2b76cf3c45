"""State of charge of one node from voltage, current and temperature: an extended Kalman filter.

States, in this order:

    s   state of charge, fraction
    p   voltage over the RC pair, V
    r   resistance as a multiple of the chemistry's
    c   capacity as a multiple of the configured one
    u   current that the sensor does not see, A
    b   error of the open-circuit curve at the present charge, V
    h   hysteresis, V

    s' = s - (i + u) dt / (3600 c Q)        charge counted on the monotonic clock
    p' = a p + (1 - a) R1 r (i + u)         a = exp(-dt / tau)
    v  = OCV(s) + h + b - p - R0 r (i + u)

h turns towards -H sign(i) as charge moves (one-state model of Plett, J. Power Sources 134 (2004) 262). r and
c are random walks, u and b Gauss-Markov, b forgotten as charge moves.

What keeps the band honest: a wrong curve is wrong in the same way each time the cell comes by, so no number
of samples at one charge says more than the curve itself is known. Each tenth of the charge that was visited
tells (slope / spread of the curve)^2 once; the inverse of the sum, older visits fading as uncounted charge
adds up, is added to the filter's own variance.

Current is positive while the cell discharges. Time is the monotonic clock's.
"""

import math
from typing import Final

from msgspec import Struct

from edge.battery.cell import CellParameters
from edge.errors import StateUnreadable
from edge.snapshot import NodeSample, Soc, Value
from shared.messages import Quality

S, P, R, C, U, B, H = range(7)
STATES: Final = 7

STEP_S_MAX = 30.0
"""Longest time over which a current sample is believed to have lasted."""
GAP_SD_MAX = 0.3
"""However long a gap: no more is unknown than this, as a fraction of the capacity."""
SOC_SD_START_MIN, SOC_SD_START_MAX = 0.03, 0.3
SOC_SD_GIVEN_MIN = 0.1
"""A charge that somebody only says is not believed more closely than this."""
CURVE_SOC_SD = 0.005
"""The curve is also wrong sideways: by this much charge, which counts where it is steep."""
TENTHS: Final = 10
VISIT_S = 120.0
"""How long a stretch of the curve must be seen until it has told what it knows."""
VISIT_FADE = 0.015
"""Uncounted charge (fraction) after which a visit has faded to 1/e."""
CURVE_LENGTH = 0.08
"""Charge (fraction) over which the error of the curve changes."""
HYSTERESIS_LENGTH = 0.02
"""Charge (fraction) over which hysteresis turns round."""
HYSTERESIS_SD = 0.1
"""Spread of the hysteresis once it has turned, as a share of it."""
CURVE_TIME_S = 30 * 86_400.0
RESISTANCE_WALK = 0.3
"""Spread that the resistance factor gains over a whole charge."""
RESISTANCE_DRIFT_PER_DAY = 0.1
CAPACITY_DRIFT_PER_DAY = 0.001
UNSEEN_METERED_S = 1800.0
"""How long local solar or load current stays alike."""
OFFSET_S = 86_400.0
"""How long the zero of a sensor stays."""
UNSEEN_VOLTAGE_ONLY_S = 300.0
NOISE_S = 60.0
"""What the model leaves unexplained stays alike for about this long, so samples within it count as one."""
SETTLE_S = 20.0
"""How long the voltage says little after a step of the current, beyond what one RC pair explains."""
SETTLE_SHARE = 0.5
RESISTANCE_KELVIN = 1500.0
"""Resistance falls with temperature as exp(K (1/T - 1/298.15 K)); about 2 % per degree."""
INNOVATION_SIGMAS_MAX = 3.0
STRAIN_SIGMAS_MAX = 3.5
"""A mean deviation beyond this, over about a minute, and the filter begins afresh."""
RESTORE_SD = 0.02
BAND_SIGMAS = 1.96


class SocState(Struct, frozen=True, kw_only=True):
    """What survives a restart."""

    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    visited: tuple[float, ...]
    """How much each tenth of the charge counts as seen, 0 to 1."""
    capacity_mah: float
    """The configured capacity the factor in `mean` refers to."""


class SocFilter:
    """One node's filter; `update` once a cycle."""

    def __init__(
        self,
        cell: CellParameters,
        *,
        state: SocState | None = None,
        down_s: float | None = None,
        moved_as: float = 0.0,
        start: Soc | None = None,
    ) -> None:
        """Begin from a saved state, from a given charge with its band, or from the first voltage.

        `down_s` is how long nothing was measured after the state was saved; None: unknown. `moved_as` is the
        charge, in ampere seconds, that may have gone through the meter after it was saved.

        Raises:
            StateUnreadable: the saved state has another shape or holds numbers that are not finite.
        """
        self._cell = cell
        chemistry = cell.chemistry
        scale = chemistry.resistance_scale(cell.capacity_mah / 1000)
        self._r0_ohm = chemistry.r0_ohm * scale
        self._r1_ohm = chemistry.r1_ohm * scale
        self._capacity_as = cell.capacity_mah * 3.6
        self._visited = [0.0] * TENTHS
        self._telling = [_telling(cell, (tenth + 0.5) / TENTHS) for tenth in range(TENTHS)]
        self._x: list[float] = []
        self._cov: list[list[float]] = []
        self._at: float | None = None
        self._current_a = 0.0
        self._metered = False
        self._settling_v = 0.0
        self._strain_v = 0.0
        self._strain_variance = 1.0
        self._given = start
        if state is not None:
            self._restore(state, down_s, moved_as)

    @property
    def soc(self) -> Soc | None:
        """None until the first voltage."""
        if not self._x:
            return None
        return Soc(
            percent=100 * min(max(self._x[S], 0.0), 1.0),
            band_percent=min(100 * BAND_SIGMAS * self._spread, 100.0),
        )

    @property
    def _spread(self) -> float:
        """Spread of the charge: the filter's own, and what the visited curve leaves open."""
        told = sum(seen * telling for seen, telling in zip(self._visited, self._telling, strict=True))
        curve = min(1 / told, SOC_SD_START_MAX**2) if told > 0 else 0.0
        return math.sqrt(self._cov[S][S] + curve)

    @property
    def capacity_mah(self) -> float:
        """As learned so far."""
        return self._cell.capacity_mah * (self._x[C] if self._x else 1.0)

    @property
    def capacity_band_mah(self) -> float:
        """Half-width of the 95 % band of the capacity."""
        sd = math.sqrt(self._cov[C][C]) if self._x else self._cell.capacity_sd_fraction
        return BAND_SIGMAS * sd * self._cell.capacity_mah

    @property
    def resistance_mohm(self) -> float:
        """Ohmic part at 25 degrees, as learned so far."""
        return 1000 * self._r0_ohm * (self._x[R] if self._x else 1.0)

    def export(self) -> SocState | None:
        """None until the first voltage."""
        if not self._x:
            return None
        return SocState(
            mean=tuple(_seven_digits(value) for value in self._x),
            covariance=tuple(tuple(_seven_digits(value) for value in row) for row in self._cov),
            visited=tuple(round(seen, 3) for seen in self._visited),
            capacity_mah=self._cell.capacity_mah,
        )

    def update(self, sample: NodeSample) -> Soc | None:
        """The estimate after this sample; readings that are not good are left out, so the band widens."""
        voltage_v = _trusted(sample.voltage_mv)
        current_ma = _trusted(sample.current_ma)
        at = sample.voltage_mv.measured_at
        if voltage_v is None or at is None:
            return self.soc
        return self.step(
            voltage_v=voltage_v / 1000,
            current_a=None if current_ma is None else current_ma / 1000,
            temperature_c=_trusted(sample.temperature_c),
            at=at,
        )

    def step(
        self, *, voltage_v: float, current_a: float | None, temperature_c: float | None, at: float
    ) -> Soc | None:
        """One voltage with the current that flowed, at a monotonic time; an older one changes nothing."""
        if self._at is not None and at <= self._at:
            return self.soc
        metered = current_a is not None
        now_a = current_a or 0.0
        r0_ohm = self._r0_ohm * _warmth(temperature_c)
        if not self._x:
            self._start(voltage_v, now_a, r0_ohm, metered=metered)
            if self._given is not None:
                self._x[S] = self._given.percent / 100
                sd = max(self._given.band_percent / 100 / BAND_SIGMAS, SOC_SD_GIVEN_MIN)
                self._cov[S][S] = sd**2
        elif self._at is not None:
            self._elapse(at - self._at, now_a, metered=metered)
        step_v = abs(now_a - self._current_a) * (self._r0_ohm + self._r1_ohm) * SETTLE_SHARE
        self._settling_v = max(self._settling_v, step_v) if self._at is not None else step_v
        since_s = 1.0 if self._at is None else at - self._at
        self._at, self._current_a, self._metered = at, now_a, metered
        self._correct(voltage_v, now_a, r0_ohm, since_s=since_s)
        if self._strain_v**2 > STRAIN_SIGMAS_MAX**2 * self._strain_variance:
            # Surer than it had reason to be: a wrong saved state, or another cell. What was learned is void.
            self._start(voltage_v, now_a, r0_ohm, metered=metered)
        return self.soc

    def _restore(self, state: SocState, down_s: float | None, moved_as: float) -> None:
        numbers = [*state.visited, *state.mean, state.capacity_mah, *(v for r in state.covariance for v in r)]
        if len(state.mean) != STATES or len(numbers) != STATES + 1 + STATES * STATES + TENTHS:
            raise StateUnreadable(f"state of charge has {len(state.mean)} states, {STATES} expected")
        if not all(math.isfinite(number) for number in numbers) or state.capacity_mah <= 0:
            raise StateUnreadable("state of charge holds a number that is not finite")
        self._x = list(state.mean)
        self._cov = [list(row) for row in state.covariance]
        self._visited = list(state.visited)
        self._x[C] *= state.capacity_mah / self._cell.capacity_mah
        if not 0.5 < self._x[C] < 1.5:  # noqa: PLR2004  another cell than the one the state is of
            self._x[C] = 1.0
            self._cov[C] = [0.0] * STATES
            for row in self._cov:
                row[C] = 0.0
            self._cov[C][C] = self._cell.capacity_sd_fraction**2
        unseen_a = (self._cell.unmetered_current_ma + self._cell.current_offset_ma) / 1000
        unseen_as = math.inf if down_s is None else unseen_a * down_s + moved_as
        lost = min(unseen_as / self._capacity_as, GAP_SD_MAX)
        self._cov[S][S] += RESTORE_SD**2 + lost**2
        self._x[P] = 0.0
        self._cov[P][P] += (0.5 * self._r1_ohm * self._capacity_as / 3600) ** 2

    def _start(self, voltage_v: float, current_a: float, r0_ohm: float, *, metered: bool) -> None:
        cell = self._cell
        chemistry = cell.chemistry
        soc = chemistry.soc_fraction(voltage_v + current_a * r0_ohm)
        unseen_a = self._unseen_a(metered=metered)
        polarised_v = self._r1_ohm * max(abs(current_a), 0.1 * self._capacity_as / 3600)
        doubt_v = math.hypot(
            chemistry.ocv_sd_v, chemistry.hysteresis_v, polarised_v, unseen_a * (r0_ohm + self._r1_ohm)
        )
        self._strain_v = 0.0
        self._visited = [0.0] * TENTHS
        self._visited[_tenth(soc)] = 1.0
        sd = min(max(doubt_v / _slope_v(cell, soc, reach=0.03), SOC_SD_START_MIN), SOC_SD_START_MAX)
        self._x = [soc, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
        spreads = (
            sd,
            polarised_v,
            cell.resistance_sd_fraction,
            cell.capacity_sd_fraction,
            unseen_a,
            chemistry.ocv_sd_v,
            chemistry.hysteresis_v,
        )
        self._cov = [[0.0] * STATES for _ in range(STATES)]
        for state, spread in enumerate(spreads):
            self._cov[state][state] = spread**2

    def _unseen_a(self, *, metered: bool) -> float:
        cell = self._cell
        if metered:
            return math.hypot(cell.unmetered_current_ma, cell.current_offset_ma) / 1000
        return math.hypot(cell.unmetered_current_ma, cell.voltage_only_c_rate * cell.capacity_mah) / 1000

    def _elapse(self, elapsed_s: float, now_a: float, *, metered: bool) -> None:
        """Carry the state over the time since the last sample."""
        counted_s = min(elapsed_s, STEP_S_MAX)
        self._predict(counted_s, (self._current_a + now_a) / 2, metered=metered)
        gap_s = elapsed_s - counted_s
        if gap_s <= 0:
            return
        likely_a = max(abs(self._current_a), abs(now_a), self._unseen_a(metered=metered and self._metered))
        lost = min(likely_a * gap_s / self._capacity_as, GAP_SD_MAX)
        self._visited = [seen * math.exp(-lost / VISIT_FADE) for seen in self._visited]
        kept = math.exp(-gap_s / self._cell.chemistry.tau1_s)
        self._x[P] *= kept
        for other in range(STATES):
            self._cov[P][other] *= kept
            self._cov[other][P] *= kept
        self._cov[S][S] = min(self._cov[S][S] + lost**2, GAP_SD_MAX**2 + SOC_SD_START_MAX**2)
        self._cov[P][P] += (self._r1_ohm * likely_a * (1 - kept)) ** 2

    def _predict(self, dt: float, mean_a: float, *, metered: bool) -> None:
        chemistry = self._cell.chemistry
        x = self._x
        flow_a = mean_a + x[U]
        per_amp = dt / (self._capacity_as * x[C])
        if flow_a < 0:
            per_amp *= chemistry.coulomb_efficiency
        moved = flow_a * per_amp
        a = math.exp(-dt / chemistry.tau1_s)
        unseen_s = UNSEEN_VOLTAGE_ONLY_S
        if metered:
            unmetered = self._cell.unmetered_current_ma > self._cell.current_offset_ma
            unseen_s = UNSEEN_METERED_S if unmetered else OFFSET_S
        e = math.exp(-dt / unseen_s)
        g = math.exp(-abs(moved) / CURVE_LENGTH - dt / CURVE_TIME_S)
        k = math.exp(-abs(moved) / HYSTERESIS_LENGTH)

        self._carry_covariance(
            sc=moved / x[C],
            su=-per_amp,
            a=a,
            pr=(1 - a) * self._r1_ohm * flow_a,
            pu=(1 - a) * self._r1_ohm * x[R],
            e=e,
            g=g,
            k=k,
        )
        x[S] = min(max(x[S] - moved, -0.02), 1.02)
        x[P] = a * x[P] + (1 - a) * self._r1_ohm * x[R] * flow_a
        x[U] *= e
        x[B] *= g
        x[H] = k * x[H] - (1 - k) * math.copysign(chemistry.hysteresis_v, flow_a)

        days = dt / 86_400
        curve_v = math.hypot(chemistry.ocv_sd_v, CURVE_SOC_SD * _slope_v(self._cell, x[S], reach=0.01))
        cov = self._cov
        cov[S][S] += (1e-6 * dt) ** 2
        cov[P][P] += (0.05 * self._r1_ohm * flow_a * (1 - a)) ** 2
        cov[R][R] += RESISTANCE_WALK**2 * abs(moved) + RESISTANCE_DRIFT_PER_DAY**2 * days
        cov[C][C] += CAPACITY_DRIFT_PER_DAY**2 * days
        cov[U][U] += (1 - e * e) * self._unseen_a(metered=metered) ** 2
        cov[B][B] += (1 - g * g) * curve_v**2
        cov[H][H] += (1 - k * k) * (HYSTERESIS_SD * chemistry.hysteresis_v) ** 2
        unsure = self._unseen_a(metered=metered) * per_amp + abs(moved) * math.sqrt(cov[C][C])
        fade = math.exp(-unsure / VISIT_FADE)
        self._visited = [seen * fade for seen in self._visited]
        self._settling_v *= math.exp(-dt / SETTLE_S)

    def _carry_covariance(
        self, *, sc: float, su: float, a: float, pr: float, pu: float, e: float, g: float, k: float
    ) -> None:
        """New covariance F cov F^T, F being the identity but for the entries given (row, column)."""
        cov = self._cov
        row_c, row_r, row_u = cov[C], cov[R], cov[U]
        rows = [
            [s + sc * c + su * u for s, c, u in zip(cov[S], row_c, row_u, strict=True)],
            [a * p + pr * r + pu * u for p, r, u in zip(cov[P], row_r, row_u, strict=True)],
            row_r,
            row_c,
            [e * u for u in row_u],
            [g * b for b in cov[B]],
            [k * h for h in cov[H]],
        ]
        self._cov = [
            [
                row[S] + sc * row[C] + su * row[U],
                a * row[P] + pr * row[R] + pu * row[U],
                row[R],
                row[C],
                e * row[U],
                g * row[B],
                k * row[H],
            ]
            for row in rows
        ]

    def _correct(self, voltage_v: float, now_a: float, r0_ohm: float, *, since_s: float) -> None:
        x, cov = self._x, self._cov
        flow_a = now_a + x[U]
        # The slope over the whole width of the doubt: a flat or steep spot would mislead a doubtful filter.
        slope = _slope_v(self._cell, x[S], reach=min(max(math.sqrt(cov[S][S]), 0.005), 0.1))
        h = (slope, -1.0, -r0_ohm * flow_a, 0.0, -r0_ohm * x[R], 1.0, 1.0)
        expected_v = self._cell.chemistry.ocv_v(x[S]) + x[H] + x[B] - x[P] - r0_ohm * x[R] * flow_a
        innovation_v = voltage_v - expected_v
        cov_h = [sum(map(_times, row, h)) for row in cov]
        noise = (self._cell.voltage_sd_v**2 + self._settling_v**2) * max(NOISE_S / since_s, 1.0)
        variance = sum(map(_times, h, cov_h)) + noise

        ratio = innovation_v * innovation_v / variance
        weight = 1 - math.exp(-since_s / NOISE_S)
        self._strain_v += (innovation_v - self._strain_v) * weight
        self._strain_variance = variance - noise + self._cell.voltage_sd_v**2 + self._settling_v**2
        if ratio > INNOVATION_SIGMAS_MAX**2:
            # One wild sample may not drag the state along; many in a row raise the strain instead.
            variance = innovation_v * innovation_v / INNOVATION_SIGMAS_MAX**2
        tenth = _tenth(x[S])
        self._visited[tenth] += (1 - self._visited[tenth]) * (1 - math.exp(-since_s / VISIT_S))
        gain = [value / variance for value in cov_h]
        for i in range(STATES):
            x[i] += gain[i] * innovation_v
            row, factor = cov[i], gain[i]
            for j in range(STATES):
                row[j] -= factor * cov_h[j]
        for i in range(STATES):
            cov[i][i] = max(cov[i][i], 1e-12)
        x[S] = min(max(x[S], -0.02), 1.02)
        x[R] = min(max(x[R], 0.2), 5.0)
        x[C] = min(max(x[C], 0.5), 1.3)


def _trusted(value: Value) -> float | None:
    return value.value if value.quality in {Quality.GOOD, Quality.ESTIMATED} else None


def _times(left: float, right: float) -> float:
    return left * right


def _slope_v(cell: CellParameters, soc: float, *, reach: float) -> float:
    """Mean slope of the curve around this charge, V per unit; never quite flat."""
    low, high = max(soc - reach, 0.0), min(soc + reach, 1.0)
    if high <= low:
        low, high = (0.0, reach) if soc < 0 else (1.0 - reach, 1.0)
    chemistry = cell.chemistry
    return max((chemistry.ocv_v(high) - chemistry.ocv_v(low)) / (high - low), 0.01)


def _tenth(soc: float) -> int:
    return min(max(int(soc * TENTHS), 0), TENTHS - 1)


def _telling(cell: CellParameters, soc: float) -> float:
    """Information on the charge that the curve holds here: 1 / variance, per unit squared."""
    slope = _slope_v(cell, soc, reach=0.5 / TENTHS)
    return (slope / math.hypot(cell.chemistry.ocv_sd_v, CURVE_SOC_SD * slope)) ** 2


def _seven_digits(value: float) -> float:
    return float(f"{value:.7g}")


def _warmth(temperature_c: float | None) -> float:
    if temperature_c is None:
        return 1.0
    kelvin = min(max(temperature_c, -30.0), 70.0) + 273.15
    return math.exp(RESISTANCE_KELVIN * (1 / kelvin - 1 / 298.15))
