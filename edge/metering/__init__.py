"""Energy of each transfer in whole mWh, with nothing invented or lost, and the reports that prove it."""

from edge.metering.held import Held
from edge.metering.meter import Meter, MeterSettings, MeterState, NodeTotals
from edge.metering.report import SignedReport, sign_report

__all__ = ["Held", "Meter", "MeterSettings", "MeterState", "NodeTotals", "SignedReport", "sign_report"]
