"""A cell as an equivalent circuit: OCV(SoC), R0, one RC pair, one lump of heat.

V = OCV(s) - v1 - I R0            I positive while discharging
ds/dt  = -I / Q                   while charging times the coulomb efficiency
dv1/dt = (I R1 - v1) / tau1
C dT/dt = I^2 R0 + v1^2 / R1 - (T - Ta) / Rth
"""

import math

from msgspec import Struct

from hardware.cells import Chemistry

HEAT_J_PER_K_AH = 17.0
"""45 g 18650 of 2.6 Ah at about 1 J/(g K)."""
COOLING_K_PER_W_AH = 26.0
"""About 10 K/W for one 18650 in still air."""


class CellState(Struct, frozen=True, kw_only=True):
    """What a cell keeps when nobody looks."""

    soc: float
    """0 to 1."""
    rc_v: float
    temperature_c: float


class Cell:
    """One cell. It neither takes charge when full nor gives any when empty: `step` is told by its caller."""

    def __init__(
        self,
        chemistry: Chemistry,
        *,
        capacity_ah: float,
        soc: float,
        temperature_c: float = 25.0,
        r0_ohm: float | None = None,
    ) -> None:
        """`r0_ohm` overrides the chemistry's value for this capacity."""
        scale = chemistry.resistance_scale(capacity_ah)
        self.chemistry = chemistry
        self.capacity_ah = capacity_ah
        self.r0_ohm = chemistry.r0_ohm * scale if r0_ohm is None else r0_ohm
        self.r1_ohm = chemistry.r1_ohm * scale
        self.soc = soc
        self.rc_v = 0.0
        self.temperature_c = temperature_c

    @property
    def inner_v(self) -> float:
        """Terminal voltage at no current, the RC pair as it stands."""
        return self.chemistry.ocv_v(self.soc) - self.rc_v

    def terminal_v(self, current_a: float) -> float:
        """Terminal voltage at this current."""
        return self.inner_v - current_a * self.r0_ohm

    def room_ah(self) -> float:
        """Charge it can still take at its terminals."""
        return (1.0 - self.soc) * self.capacity_ah / self.chemistry.coulomb_efficiency

    def charge_ah(self) -> float:
        """Charge it can still give."""
        return self.soc * self.capacity_ah

    def step(self, current_a: float, dt_s: float, *, ambient_c: float) -> float:
        """Let the current flow for `dt_s`; the charge lost to coulomb efficiency in Ah, never negative."""
        moved_ah = current_a * dt_s / 3600
        lost_ah = 0.0
        if current_a < 0:
            lost_ah = -moved_ah * (1.0 - self.chemistry.coulomb_efficiency)
        self.soc = min(max(self.soc - (moved_ah + lost_ah) / self.capacity_ah, 0.0), 1.0)
        heat_w = current_a * current_a * self.r0_ohm + self.rc_v * self.rc_v / self.r1_ohm
        keep = math.exp(-dt_s / self.chemistry.tau1_s)
        self.rc_v = self.rc_v * keep + current_a * self.r1_ohm * (1.0 - keep)
        capacity_j_k = HEAT_J_PER_K_AH * self.capacity_ah
        resistance_k_w = COOLING_K_PER_W_AH / self.capacity_ah
        settled_c = ambient_c + heat_w * resistance_k_w
        cool = math.exp(-dt_s / (capacity_j_k * resistance_k_w))
        self.temperature_c = settled_c + (self.temperature_c - settled_c) * cool
        return lost_ah

    def state(self) -> CellState:
        """What `restore` takes."""
        return CellState(soc=self.soc, rc_v=self.rc_v, temperature_c=self.temperature_c)

    def restore(self, state: CellState) -> None:
        """Become what was saved."""
        self.soc, self.rc_v, self.temperature_c = state.soc, state.rc_v, state.temperature_c
