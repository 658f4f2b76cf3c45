"""A device as a node of the decentralised network (DePIN), and what it earns there."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from cloud.depin.rewards import BEAT_US_MAX
from shared.money import show_amount


class Reason(StrEnum):
    """What a reward is for."""

    REGISTER = "register"
    """The device's key, once."""
    UPTIME = "uptime"
    ENERGY = "energy"
    MONTHLY = "monthly"
    """A whole month, at the end of which the node was reliable."""


class Health(StrEnum):
    """Of the whole network."""

    EXCELLENT = "excellent"
    GOOD = "good"
    DEGRADED = "degraded"
    CRITICAL = "critical"
    NO_NODES = "no_nodes"


class Hardware(Struct, frozen=True, kw_only=True):
    """What somebody registers as a node."""

    device_id: str
    hardware_type: str
    firmware_version: str


class DepinNode(Struct, frozen=True, kw_only=True):
    """A registered device with all that was counted for it."""

    id: str
    device_id: str
    hardware_type: str
    firmware_version: str
    operator_person_id: int
    """Who registered it and is paid."""
    operator_account: str
    operator_wallet: str
    registered_at_us: int
    counted_until_us: int
    """The last heartbeat, at first the registration; never goes back."""
    uptime_us: int
    """At most counted_until_us - registered_at_us."""
    energy_mwh: int
    """Plausible minted energy credited so far."""
    rewards: int
    """LT paid so far, 10^-7 units."""
    signed_key: str | None
    """The key that signed the heartbeat paid last; None before one was."""
    signed_day: int
    """Of that heartbeat: days since 1970."""
    signed_days: int
    """Days with paid uptime under that key."""

    def is_online(self, now_us: int) -> bool:
        """Whether it was heard within the last 10 min."""
        return now_us - self.counted_until_us <= BEAT_US_MAX


class Reward(Struct, frozen=True, kw_only=True):
    """One mint to a node's operator."""

    reason: Reason
    amount: int
    """LT, 10^-7 units."""
    tx_hash: str | None
    month: str | None
    """`2026-01` where it is for a month."""

    def shown(self) -> dict[str, Any]:
        """For answers and events."""
        shown = {"reason": self.reason, "amount": show_amount(self.amount), "tx_hash": self.tx_hash}
        return shown if self.month is None else shown | {"month": self.month}


class Registered(Struct, frozen=True, kw_only=True):
    """A node as it was registered, and what that earned at once."""

    node: DepinNode
    rewards: tuple[Reward, ...]


class Heard(Struct, frozen=True, kw_only=True):
    """What a heartbeat came to."""

    node: DepinNode
    """After it."""
    uptime_us: int
    """Credited by this heartbeat."""
    claimed_mwh: int
    energy_mwh: int
    """Credited of the claim."""
    rewards: tuple[Reward, ...]
    """May be empty."""


class NetworkFigures(Struct, frozen=True, kw_only=True):
    """All nodes together."""

    nodes: int
    online: int
    reliability_percent_mean: float
    """0 without nodes."""
    uptime_us: int
    energy_mwh: int
    rewards: int
