"""Model, simulate, bring up and explain one hybrid Kubernetes cluster on Talos.

Two nouns carry everything: a `Topology` says what there is, a `Timeline` says when. Names are loaded when they
are first used, so that ``import meshlab`` costs nothing. The verbs that share their name with a package are
imported from there: ``from meshlab.simulate import simulate``, ``from meshlab.availability import availability``.

Examples
--------
>>> import meshlab
>>> cluster = meshlab.reference()
>>> cluster.raft_group("etcd").tolerance
1
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from meshlab.version import __version__

if TYPE_CHECKING:
    from meshlab.model import State, Timeline, Topology
    from meshlab.model.exchange import import_design
    from meshlab.model.review import review
    from meshlab.model.spec.load import load, reference
    from meshlab.simulate import Fault, Prediction, Scenario, load_scenario


_HOME = {
    "Fault": "meshlab.simulate",
    "Prediction": "meshlab.simulate",
    "Scenario": "meshlab.simulate",
    "State": "meshlab.model",
    "Timeline": "meshlab.model",
    "Topology": "meshlab.model",
    "import_design": "meshlab.model.exchange",
    "load": "meshlab.model.spec",
    "load_scenario": "meshlab.simulate",
    "reference": "meshlab.model.spec",
    "review": "meshlab.model.review",
}

__all__ = [
    "Fault",
    "Prediction",
    "Scenario",
    "State",
    "Timeline",
    "Topology",
    "__version__",
    "import_design",
    "load",
    "load_scenario",
    "reference",
    "review",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'meshlab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
