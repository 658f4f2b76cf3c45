"""What the agent touches: bytes in, SI units out, and relays.

    hardware.bus      the I2C bus: bounded retries, MSB-first words, one place for both
    hardware.chips    one driver per chip; each gives a ChipSample or raises a HardwareError
    hardware.relay    the charge and discharge contacts of one node
    hardware.board    which chip and pin serves which node, from TOML, checked physically
    hardware.cells    what is known of cell chemistries: curves, limits, sources
    hardware.scan     what answers on a bus, and a board proposed from it
    hardware.bench    the same with imitation copper: register tables, cells, a shared busbar

A driver knows no rule, keeps no history and never makes a value up.
"""
