"""The agent on the Pi. Each second, in this order, on one frozen snapshot:

sense (edge.sensing) -> estimate (edge.battery) -> decide (edge.control) -> act (hardware.relay)
-> record (edge.metering, edge.journal), and from there edge.uplink carries it to the cloud.
"""
