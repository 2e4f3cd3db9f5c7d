"""Which tests may run side by side: groups that use different loopback addresses and ports."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
TOGETHER = {
    "emulate/kubernetes": "kubernetes",
    "live/test_kubernetes.py": "kubernetes",
    "emulate/aws": "aws",
    "live/test_aws_client.py": "aws",
    "live": "talos",
    "emulate/test_machine.py": "talos",
    "emulate/test_talos.py": "talos",
    "emulate/test_kubespan.py": "talos",
    "emulate/test_omni.py": "talos",
    "emulate/test_logs.py": "talos",
    "emulate": "processes",
    "provision/test_bring_up_and_destroy.py": "whole-cluster",
    "notebooks": "whole-cluster",
    "incident": "incident",
    "provision": "provision",
    "simulate": "simulate",
    "model": "model",
}
"""The longest matching path decides; everything else is one group by its folder."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts each test in its group; ``--dist loadgroup`` keeps a group on one worker, in order."""
    for item in items:
        place = item.path.relative_to(ROOT).as_posix()
        matching = [path for path in TOGETHER if place.startswith(path)]
        group = TOGETHER[max(matching, key=len)] if matching else place.partition("/")[0]
        item.add_marker(pytest.mark.xdist_group(group))
