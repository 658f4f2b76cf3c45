"""What is wrong with this machine, and what mends it.

Every check looks and says what it found; none of them moves a relay unless it was asked to, and none writes
anything but one small file that it removes again. `Machine` says where to look, so that all of it runs on a
bench with faults made on purpose.
"""

from edge.doctor.examine import examine
from edge.doctor.finding import Finding, Verdict, report
from edge.doctor.machine import Machine

__all__ = ["Finding", "Machine", "Verdict", "examine", "report"]
