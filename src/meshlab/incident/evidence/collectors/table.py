"""The collectors of evidence."""

from __future__ import annotations

from meshlab.incident.evidence.collectors.interface import Collector
from meshlab.incident.evidence.collectors.journal import journal
from meshlab.incident.evidence.collectors.kubernetes import kubernetes
from meshlab.incident.evidence.collectors.machines import machines

COLLECTORS: tuple[Collector, ...] = (machines, kubernetes, journal)
