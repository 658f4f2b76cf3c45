"""Who charges and who discharges: pure rules, and the dispatcher that drives the relays by their answer.

observe   samples, estimates, relay positions -> snapshot and safety state
decide    safety, then manual, then plan, then balance; the safety gate last, on whatever was chosen
dispatch  decision -> relays; opens before it closes, and opens everything in doubt
"""

from edge.control.decide import PlannedAction, decide
from edge.control.dispatch import Dispatcher
from edge.control.manual import ManualState
from edge.control.observe import observe
from edge.control.safety import SafetyLimits, SafetyState, limits_of

__all__ = [
    "Dispatcher",
    "ManualState",
    "PlannedAction",
    "SafetyLimits",
    "SafetyState",
    "decide",
    "limits_of",
    "observe",
]
