"""Every way the copper can fail, named for the fact.

HardwareError
├── Temporary                 the same call may work in the next cycle
│   ├── ChipAbsent            nobody acknowledges at the address, after all retries
│   ├── BusTimeout            the bus or the chip held the clock for too long
│   ├── BusFault              any other error of the bus
│   ├── ConversionTimeout     the chip answers but finishes no conversion
│   ├── ChipRestarted         the chip lost its setup (brown-out) and has been set up again; ask once more
│   ├── Overrange             the input is beyond what the chip can tell apart
│   ├── BadChecksum           the bytes arrived damaged
│   └── PowerOnValue          a DS18B20 that has not converted yet
└── Permanent                 a person must act
    ├── WrongChip             something else answers at the address
    ├── BusBusy               a kernel driver owns the chip
    ├── BusAbsent             there is no such bus
    ├── BusForbidden          the user may not open it
    ├── RelayStuck            the pin does not follow
    └── BadBoard              a board file that cannot be built
"""


class HardwareError(Exception):
    """Base of all; never raised itself."""


class Temporary(HardwareError):
    """Worth another try in a later cycle."""


class Permanent(HardwareError):
    """Another try gives the same until a person acts."""


class ChipAbsent(Temporary):
    """No acknowledge: wiring, power, or a wrong address."""


class BusTimeout(Temporary):
    """The transfer did not end in time."""


class BusFault(Temporary):
    """The bus reported an error that is neither a missing acknowledge nor a time-out."""


class ConversionTimeout(Temporary):
    """The ready flag of the chip did not come."""


class ChipRestarted(Temporary):
    """The configuration register was back at its reset value."""


class Overrange(Temporary):
    """The converter is at its end stop, so the value is a bound, not a measurement."""


class BadChecksum(Temporary):
    """The CRC does not match the bytes."""


class PowerOnValue(Temporary):
    """85 degrees as the register holds it before the first conversion."""


class WrongChip(Permanent):
    """The identity or the behaviour of the registers is another chip's."""


class BusBusy(Permanent):
    """A kernel driver (hwmon, iio) has claimed the address."""


class BusAbsent(Permanent):
    """The device file is missing."""


class BusForbidden(Permanent):
    """No permission on the device file."""


class RelayStuck(Permanent):
    """The pin reads back another level than it was given; both contacts have been commanded open."""


class BadBoard(Permanent):
    """Field, value and allowed range stand in the message."""
