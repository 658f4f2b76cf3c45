"""The last price and forecast the cloud announced, and when they came."""

import msgspec

from shared.clock import Clock
from shared.messages import GridForecast, GridPrice

_price_decoder = msgspec.json.Decoder(GridPrice)
_forecast_decoder = msgspec.json.Decoder(GridForecast)


class PriceBoard:
    """What the page shows, and what a plan may use; both have an age because a retained value may be old."""

    def __init__(self, clock: Clock) -> None:
        self.price: GridPrice | None = None
        self.price_at: float | None = None
        """Monotonic seconds of its arrival."""
        self.forecast: GridForecast | None = None
        self.forecast_at: float | None = None
        self._clock = clock

    def take_price(self, payload: bytes) -> bool:
        """Keep a price; False when it is none."""
        try:
            self.price = _price_decoder.decode(payload)
        except msgspec.MsgspecError:
            return False
        self.price_at = self._clock.monotonic()
        return True

    def take_forecast(self, payload: bytes) -> bool:
        """Keep a forecast; False when it is none."""
        try:
            self.forecast = _forecast_decoder.decode(payload)
        except msgspec.MsgspecError:
            return False
        self.forecast_at = self._clock.monotonic()
        return True
