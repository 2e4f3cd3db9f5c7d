"""How long steps take: on the real systems by the facts, on an embedded cluster by what it does there."""

from __future__ import annotations

from meshlab.live.target import Target
from meshlab.model import Distribution

# (median and sigma on the real systems, median on an embedded cluster), seconds; sources: facts talos-omni-kubespan
# 5.3 ("typical durations"), live-bringup 1.4 (waiters) and 2.3; [E] where neither says.
_SECONDS = {
    "aws-call": (1.5, 0.5, 0.2),
    "instances": (25.0, 0.4, 1.0),
    "boot": (70.0, 0.3, 2.0),
    "install": (180.0, 0.4, 3.0),
    "strongbox": (0.5, 0.3, 0.5),
    "bootstrap": (20.0, 0.4, 2.0),
    "etcd-voters": (60.0, 0.4, 6.0),
    "kubernetes-api": (120.0, 0.4, 3.0),
    "mesh": (30.0, 0.4, 3.0),
    "nodes": (60.0, 0.4, 3.0),
    "apply": (0.3, 0.4, 0.1),
    "pods": (40.0, 0.5, 3.0),
    "vault-init": (3.0, 0.4, 2.0),
    "vault-unseal": (5.0, 0.5, 3.0),
    "vault-voters": (22.0, 0.2, 22.0),
    "vault-call": (0.3, 0.4, 0.1),
    "chain": (3600.0, 1.0, 5.0),
    "verify": (10.0, 0.3, 3.0),
    "reset": (240.0, 0.4, 3.0),
    "reboot": (90.0, 0.35, 3.0),
    "terminate": (45.0, 0.4, 1.0),
}


def duration(name: str, target: Target) -> Distribution:
    """Gives how long a kind of step takes on a target, in seconds."""
    median, sigma, embedded = _SECONDS[name]
    if target.real:
        return Distribution.lognormal(
            median, sigma, "facts talos-omni-kubespan 5.3, live-bringup 1.4 and 2.3 [E]"
        )
    return Distribution.lognormal(embedded, 0.3, "embedded cluster [E]")
