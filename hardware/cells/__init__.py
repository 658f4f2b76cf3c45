"""Cell chemistries as data: one TOML file each, read by `hardware.cells.chemistry.load_chemistry`."""

from hardware.cells.chemistry import (
    CHEMISTRIES,
    Chemistry,
    DeratePoint,
    TemperatureLimits,
    UnknownChemistry,
    VoltageLimits,
    load_chemistry,
)

__all__ = [
    "CHEMISTRIES",
    "Chemistry",
    "DeratePoint",
    "TemperatureLimits",
    "UnknownChemistry",
    "VoltageLimits",
    "load_chemistry",
]
