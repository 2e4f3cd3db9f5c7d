"""One small cluster for the tests that only drive it, and manifests they share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab") / "cluster") as cluster:
        cluster.wait_nodes()
        for name in ("n1", "n2", "n3"):
            Path(cluster.folder / name / "var/mnt/data").mkdir(parents=True)
        yield cluster
