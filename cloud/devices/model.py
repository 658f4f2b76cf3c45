"""A device as the cloud knows it."""

from msgspec import Struct

from shared.coordinates import Coordinates, coordinates_of


class Device(Struct, frozen=True, kw_only=True):
    """One agent, enrolled or seen."""

    device_id: str
    owner_person_id: int | None
    """None until claimed or registered by a person."""
    account: str
    """Ledger account that is paid while nobody owns the device (escrow)."""
    public_key: str | None
    """Ed25519, 64 hex digits; None for a keyless device, which exists under open trust only."""
    energy_scale: int
    """kWh that stand for one measured kWh: 1, or 1000 for a bench."""
    power_w_max: float
    """Rating; more than this is implausible."""
    device_type: str
    location: str
    latitude: float | None = None
    """Degrees; None with the longitude: unknown. The owner's business."""
    longitude: float | None = None
    request_counter: int
    """Highest counter of a signed HTTP request so far."""
    created_at_us: int
    seen_at_us: int | None

    @property
    def coordinates(self) -> Coordinates | None:
        """Where its site is; None: unknown."""
        return coordinates_of(self.latitude, self.longitude)


class DeviceSite(Struct, frozen=True, kw_only=True):
    """Where a device is, and who sells or buys there."""

    owner_person_id: int | None
    account: str
    latitude: float
    longitude: float

    @property
    def coordinates(self) -> Coordinates:
        return Coordinates(latitude=self.latitude, longitude=self.longitude)
