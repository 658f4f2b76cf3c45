"""How much money a project can still take, in minor units of its currency.

Money is first reserved, then either raised or released. Raised and reserved together never exceed the target,
so what is reserved can always be raised: nothing is sold twice and nobody who paid is turned away.
"""

from fractions import Fraction

from msgspec import Struct, structs

PPM = 1_000_000
MILESTONES_PERCENT = (25, 50, 75, 100)


class Room(Struct, frozen=True, kw_only=True):
    """All in minor units."""

    target_minor: int
    raised_minor: int
    reserved_minor: int

    @property
    def left_minor(self) -> int:
        """What can still be reserved."""
        return self.target_minor - self.raised_minor - self.reserved_minor

    @property
    def is_funded(self) -> bool:
        return self.raised_minor >= self.target_minor

    @property
    def funded(self) -> Fraction:
        """Raised of the target, 0 to 1."""
        return Fraction(self.raised_minor, self.target_minor)

    @property
    def funded_ppm(self) -> int:
        """Raised of the target in millionths, rounded down: 1,000,000 means all of it."""
        return self.raised_minor * PPM // self.target_minor

    def reserve(self, amount_minor: int) -> "Room":
        """Raises ValueError where there is less left, or the amount is not positive."""
        if not 0 < amount_minor <= self.left_minor:
            raise ValueError(f"cannot reserve {amount_minor} of {self.left_minor}")
        return structs.replace(self, reserved_minor=self.reserved_minor + amount_minor)

    def confirm(self, amount_minor: int) -> "Room":
        """What was reserved is raised. Raises ValueError where less is reserved."""
        released = self.release(amount_minor)
        return structs.replace(released, raised_minor=self.raised_minor + amount_minor)

    def release(self, amount_minor: int) -> "Room":
        """What was reserved is free again. Raises ValueError where less is reserved."""
        if not 0 < amount_minor <= self.reserved_minor:
            raise ValueError(f"cannot take {amount_minor} of {self.reserved_minor} reserved")
        return structs.replace(self, reserved_minor=self.reserved_minor - amount_minor)


def milestone_reached(before: Room, after: Room) -> int | None:
    """The highest milestone in percent that lies between the two; None where there is none."""
    passed = [
        percent
        for percent in MILESTONES_PERCENT
        if before.raised_minor * 100 < percent * before.target_minor
        and percent * after.target_minor <= after.raised_minor * 100
    ]
    return passed[-1] if passed else None
