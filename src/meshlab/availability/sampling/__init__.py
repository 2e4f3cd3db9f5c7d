"""Sampling: what an exact answer is checked with, and what is left where there is none."""

from __future__ import annotations

from meshlab.availability.sampling.intervals import HalfWidth
from meshlab.availability.sampling.mesh import MeshModel, Need, mesh_of, sample_mesh
from meshlab.availability.sampling.program import Program
from meshlab.availability.sampling.renewal import MissionSampled, sample_mission
from meshlab.availability.sampling.sampled import Sampled, sample

__all__ = [
    "HalfWidth",
    "MeshModel",
    "MissionSampled",
    "Need",
    "Program",
    "Sampled",
    "mesh_of",
    "sample",
    "sample_mesh",
    "sample_mission",
]
