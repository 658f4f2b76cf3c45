"""What is counted over all domains."""

from msgspec import Struct


class Dashboard(Struct, frozen=True, kw_only=True):
    """The market in figures."""

    users: int
    devices: int
    network_nodes: int
    """Registered network node operators."""
    traded_lots: int
    """Settled, 0.001 kWh each."""
    open_orders: int
