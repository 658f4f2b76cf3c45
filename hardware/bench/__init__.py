"""The product with imitation copper: the real drivers and relays run on it unchanged.

    registers, ina, ads1115, max17048   chips as register tables with the bits as the datasheets give them
    onewire                             DS18B20 as the kernel's files
    bus                                 an I2C bus with smbus2's calls, and faults on demand
    pins                                relay pins that tell the bench before they move
    cell, recorded                      a cell as an equivalent circuit, or as its own recording
    busbar                              who gives what to whom through the converters
    profile                             small solar and load at each cell
    site                                `Bench`: all of it on one clock, with faults, accounts and saved state

Where the meter sits: the shunt of a node is in the link between cell and busbar, so V times I at the chip
is exactly what is transferred. Solar and load of the house act at the cell, behind the shunt.
"""

from hardware.bench.boards import bench_board
from hardware.bench.bus import BenchBus
from hardware.bench.cell import Cell
from hardware.bench.recorded import RecordedCell
from hardware.bench.site import Bench, BenchSettings, load_settings

__all__ = ["Bench", "BenchBus", "BenchSettings", "Cell", "RecordedCell", "bench_board", "load_settings"]
