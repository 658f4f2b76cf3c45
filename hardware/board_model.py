"""A board as values: chips with addresses, inputs and serials; nodes with sources, ratings and pins."""

from typing import Annotated

from msgspec import Meta, Struct

from shared.ids import Name

Positive = Annotated[float, Meta(gt=0)]
InaAddress = Annotated[int, Meta(ge=0x40, le=0x4F)]
AdsAddress = Annotated[int, Meta(ge=0x48, le=0x4B)]
GpioPin = Annotated[int, Meta(ge=0, le=27)]
ShuntMilliOhm = Annotated[float, Meta(gt=0, le=10_000)]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base of all chips and inputs."""

    id: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,32}$")]


class Ina219Part(Part, frozen=True, kw_only=True, tag="ina219"):
    """Voltage and current."""

    address: InaAddress
    shunt_mohm: ShuntMilliOhm
    current_a_max: Positive
    """Largest current to be told apart; sets the shunt range."""


class Ina226Part(Part, frozen=True, kw_only=True, tag="ina226"):
    """Voltage and current."""

    address: InaAddress
    shunt_mohm: ShuntMilliOhm


class DividerPart(Part, frozen=True, kw_only=True, tag="divider"):
    """An ADS1115 input that reads a cell's voltage through two resistors."""

    input: Annotated[int, Meta(ge=0, le=3)]
    top_ohm: Annotated[float, Meta(ge=0)]
    bottom_ohm: Positive


class ThermistorPart(Part, frozen=True, kw_only=True, tag="ntc"):
    """An ADS1115 input with an NTC to ground under a series resistor."""

    input: Annotated[int, Meta(ge=0, le=3)]
    series_ohm: Positive = 10_000.0
    r25_ohm: Positive = 10_000.0
    beta_k: Annotated[float, Meta(ge=1000, le=10_000)] = 3380.0
    steinhart: tuple[float, float, float] | None = None
    """a, b, c of the Steinhart-Hart equation; they replace r25_ohm and beta_k."""


class Ads1115Part(Part, frozen=True, kw_only=True, tag="ads1115"):
    """Four inputs."""

    address: AdsAddress
    supply_mv: Annotated[float, Meta(ge=2000, le=5500)] = 3300.0
    inputs: Annotated[tuple[DividerPart | ThermistorPart, ...], Meta(min_length=1, max_length=4)]


class Max17048Part(Part, frozen=True, kw_only=True, tag="max17048"):
    """Fuel gauge; its address is fixed, so one for each bus."""

    address: Annotated[int, Meta(ge=0x36, le=0x36)] = 0x36


class Ds18b20Part(Part, frozen=True, kw_only=True, tag="ds18b20"):
    """Temperature on the 1-Wire bus."""

    serial: Annotated[str, Meta(pattern=r"^28-[0-9a-f]{12}$")]


ChipPart = Ina219Part | Ina226Part | Ads1115Part | Max17048Part | Ds18b20Part


class BoardNode(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One battery node. A source is a chip id, or `chip.input` of an ADS1115."""

    uid: Name
    chemistry: str
    """One of `hardware.cells.CHEMISTRIES`."""
    capacity_ah: Annotated[float, Meta(gt=0, le=1000)]
    current_a_max: Annotated[float, Meta(gt=0, le=500)]
    """Rating of the link between cell and busbar."""
    voltage: str
    current: str | None = None
    temperature: str | None = None
    gauge: str | None = None
    invert_current: bool = False
    """True where the shunt is wired the other way round; the edge turns the sign."""
    charge_pin: GpioPin
    discharge_pin: GpioPin
    active_high: bool = True

    def power_w_max(self, nominal_v: float) -> float:
        """Rating at the chemistry's nominal voltage."""
        return self.current_a_max * nominal_v

    def sources(self) -> dict[str, str]:
        """The source of each measured quantity, by quantity name."""
        named = {
            "voltage": self.voltage,
            "current": self.current,
            "temperature": self.temperature,
            "gauge": self.gauge,
        }
        return {quantity: source for quantity, source in named.items() if source is not None}


class Board(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is soldered."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    i2c_bus: Annotated[int, Meta(ge=0, le=31)] = 1
    chips: tuple[ChipPart, ...]
    nodes: Annotated[tuple[BoardNode, ...], Meta(min_length=1, max_length=64)]

    def source_kinds(self) -> dict[str, str]:
        """Every source name of the board with the kind of chip behind it."""
        found: dict[str, str] = {}
        for chip in self.chips:
            if isinstance(chip, Ads1115Part):
                found |= {f"{chip.id}.{part.id}": kind_of(part) for part in chip.inputs}
            else:
                found[chip.id] = kind_of(chip)
        return found


def kind_of(part: Part) -> str:
    """The `kind` of a chip or input as the file names it."""
    return str(type(part).__struct_config__.tag)
