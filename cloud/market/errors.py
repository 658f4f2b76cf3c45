"""What the market refuses.

CloudError
├── BadRequest
│   ├── BadOrder           a size or price that cannot be traded
│   ├── NotOpen            the order is filled or closed already
│   └── TooMuchPledged     more would be sold undelivered than an account may
├── Forbidden
│   └── NotYourOrder
└── NotFound
    └── NoSuchOrder
"""

from cloud.errors import BadRequest, Forbidden, NotFound
from cloud.market.model import OrderStatus, show_lots


class BadOrder(BadRequest):
    """Names the field and what is allowed."""


class NotOpen(BadRequest):
    """Nothing of the order is open."""

    def __init__(self, order_id: str, status: OrderStatus) -> None:
        super().__init__(f"order {order_id} is no longer open: it is {status.value}")
        self.order_status = status


class TooMuchPledged(BadRequest):
    """A sale beyond what the account may owe."""

    def __init__(self, lots: int, *, pledged: int, allowed: int) -> None:
        super().__init__(
            f"kwh_amount: {show_lots(lots)} kWh have too few LT to cover them; without, at most"
            f" {show_lots(allowed)} kWh may be open or undelivered, and {show_lots(pledged)} are"
        )


class NotYourOrder(Forbidden):
    def __init__(self, order_id: str) -> None:
        super().__init__(f"order {order_id} is someone else's")


class NoSuchOrder(NotFound):
    def __init__(self, order_id: str) -> None:
        super().__init__(f"no order {order_id[:64]!r}")
