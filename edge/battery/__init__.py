"""What the samples say about the cell: state of charge with its band, and what the cell may bear."""

from edge.battery.cell import CellParameters
from edge.battery.soc import SocFilter, SocState

__all__ = ["CellParameters", "SocFilter", "SocState"]
