"""From a Topology and a Scenario to predicted Timelines, layer upon layer.

faults → underlay → overlay → quorums → control plane → workloads → objectives
"""

from __future__ import annotations

from meshlab.simulate.objectives import ServiceOutlook
from meshlab.simulate.prediction import Prediction
from meshlab.simulate.run import simulate
from meshlab.simulate.scenario import Fault, Scenario
from meshlab.simulate.scenario_file import load_scenario, parse_scenario
from meshlab.simulate.standing import standing

__all__ = [
    "Fault",
    "Prediction",
    "Scenario",
    "ServiceOutlook",
    "load_scenario",
    "parse_scenario",
    "simulate",
    "standing",
]
