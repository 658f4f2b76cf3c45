"""Who may say and hear what: the one table that every broker of the project is held to."""

from typing import Literal, NamedTuple

DEVICE = "pi-1"
OWN = f"lumengrid/v1/devices/{DEVICE}"
OTHER = "lumengrid/v1/devices/pi-2"

SAID = ("status", "telemetry", "state", "energy", "event", "command/ack")
HEARD = ("ack", "command", "hold/set")
PUBLIC = (
    "lumengrid/v1/grid/price",
    "lumengrid/v1/grid/forecast",
    "lumengrid/v1/market/trades",
    "lumengrid/v1/ledger/root",
)


class Row(NamedTuple):
    """One right, or one that is not given."""

    user: str
    operation: Literal["publish", "receive"]
    topic: str
    allowed: bool


def _rows(user: str, operation: Literal["publish", "receive"], allowed: bool, *topics: str) -> list[Row]:
    return [Row(user, operation, topic, allowed) for topic in topics]


EVERYTHING = (
    *(f"{device}/{leaf}" for device in (OWN, OTHER) for leaf in (*SAID, *HEARD)),
    *PUBLIC,
    "homeassistant/status",
    f"homeassistant/device/{DEVICE}/config",
)

TABLE: tuple[Row, ...] = (
    *_rows(DEVICE, "publish", True, *(f"{OWN}/{leaf}" for leaf in SAID)),
    *_rows(DEVICE, "publish", True, f"homeassistant/device/{DEVICE}/config"),
    *_rows(DEVICE, "publish", False, *(f"{OTHER}/{leaf}" for leaf in (*SAID, *HEARD))),
    *_rows(DEVICE, "publish", False, *(f"{OWN}/{leaf}" for leaf in HEARD), *PUBLIC),
    *_rows(
        DEVICE,
        "publish",
        False,
        "homeassistant/device/pi-2/config",
        "homeassistant/device/pi-11/config",
        "homeassistant/status",
        f"{OWN}",
        f"{OWN}/status/more",
        "lumengrid/v1/devices/pi-11/status",
        "someone/else",
    ),
    *_rows(DEVICE, "receive", True, *(f"{OWN}/{leaf}" for leaf in HEARD), *PUBLIC, "homeassistant/status"),
    *_rows(DEVICE, "receive", False, *(f"{OTHER}/{leaf}" for leaf in (*SAID, *HEARD))),
    *_rows(DEVICE, "receive", False, *(f"{OWN}/{leaf}" for leaf in SAID), "someone/else"),
    *_rows("reader", "receive", True, *EVERYTHING),
    *_rows("reader", "receive", False, "someone/else"),
    *_rows("reader", "publish", False, *EVERYTHING, "someone/else", "lumengrid/v1/devices/reader/status"),
    *_rows("home", "receive", True, *EVERYTHING),
    *_rows("home", "receive", False, "someone/else"),
    *_rows("home", "publish", True, f"{OWN}/hold/set", f"{OTHER}/hold/set", "homeassistant/status"),
    *_rows(
        "home",
        "publish",
        False,
        f"{OWN}/command",
        f"{OWN}/ack",
        *PUBLIC,
        "lumengrid/v1/devices/home/status",
        "homeassistant/device/home/config",
        "someone/else",
    ),
    *_rows("cloud", "publish", True, *EVERYTHING),
    *_rows("cloud", "receive", True, *EVERYTHING),
    *_rows("cloud", "publish", False, "someone/else"),
    *_rows("cloud", "receive", False, "someone/else"),
)
