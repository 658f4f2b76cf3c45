"""Valid things for the tests of control; a test names only what matters to it."""

from edge.control.observe import observe
from edge.control.safety import SafetyLimits, SafetyState, limits_of
from edge.snapshot import MISSING, NodeSample, Snapshot, Soc, Value
from hardware.cells import load_chemistry
from shared.messages import Action, Quality

NMC = load_chemistry("nmc")
LIMITS = limits_of(NMC, current_ma_max=2000.0, has_current=True, has_temperature=True)


def a_value(value, quality=Quality.GOOD, at=0.0):
    return MISSING if value is None else Value(value=value, quality=quality, measured_at=at)


def a_sample(uid="A", *, voltage_v=3.7, current_ma=0.0, temperature_c=25.0, **qualities):
    return NodeSample(
        uid=uid,
        voltage_mv=a_value(
            None if voltage_v is None else 1000 * voltage_v, qualities.get("voltage", Quality.GOOD)
        ),
        current_ma=a_value(current_ma, qualities.get("current", Quality.GOOD)),
        temperature_c=a_value(temperature_c, qualities.get("temperature", Quality.GOOD)),
    )


class Site:
    """Nodes over time: `see` is one cycle."""

    def __init__(self, *uids, limits: SafetyLimits = LIMITS) -> None:
        self.limits = dict.fromkeys(uids, limits)
        self.safety = SafetyState()
        self.now = 0.0
        self.snapshot: Snapshot | None = None

    def see(self, *samples, soc=None, relays=None, relay_faults=None, after_s=1.0):
        """`soc` by uid in percent; a node without one is at 50 %."""
        self.now += after_s
        socs = {
            sample.uid: Soc(percent=(soc or {}).get(sample.uid, 50.0), band_percent=2.0) for sample in samples
        }
        self.snapshot, self.safety = observe(
            samples=samples,
            socs=socs,
            positions=relays or {},
            relay_faults=relay_faults or {},
            safety=self.safety,
            limits=self.limits,
            monotonic=self.now,
            utc_us=1_000_000,
            synced=True,
        )
        return self.snapshot

    def may(self, uid="A"):
        """(may charge, may discharge)."""
        guard = self.safety.guard(uid)
        return guard.charge_veto is None, guard.discharge_veto is None


def idle(uid="A"):
    return {uid: Action.IDLE}
