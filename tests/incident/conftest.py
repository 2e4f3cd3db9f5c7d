from __future__ import annotations

import pytest

from meshlab.model import Topology
from meshlab.model.spec import reference


@pytest.fixture(scope="session")
def cluster() -> Topology:
    return reference()
