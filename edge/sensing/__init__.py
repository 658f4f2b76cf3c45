"""Chips into samples: which chip serves which node, calibration, and how far each value may be trusted."""

from edge.sensing.calibration import Calibration
from edge.sensing.quality import SensingRules
from edge.sensing.sampler import NodeSources, Sampler, sources_of

__all__ = ["Calibration", "NodeSources", "Sampler", "SensingRules", "sources_of"]
