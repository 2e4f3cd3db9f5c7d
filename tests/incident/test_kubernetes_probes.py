"""The write probe and the pod proxy against the emulated Kubernetes API with a real etcd, which then dies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from meshlab.incident.observe.api_door import ApiDoor
from meshlab.incident.observe.live_probes import PodLine, WriteProbe
from meshlab.incident.observe.probes import NoPath, Refused, Silent
from meshlab.live.secret import Secret

sys.path.insert(0, str(Path(__file__).parents[1] / "emulate" / "kubernetes"))

from lab import Lab


def test_a_write_is_answered_until_etcd_dies_and_pods_are_then_not_known(tmp_path: Path) -> None:
    with Lab(tmp_path / "lab", nodes=()) as lab:
        kubeconfig = Secret(json.dumps(lab.kubeconfig()), name="kubeconfig")
        door = ApiDoor({"n1": "127.0.0.1"}, kubeconfig, port=lab.servers[0].port, patience_s=20.0)
        try:
            probe = WriteProbe(door)
            assert probe.ask() == {"endpoint": "n1"}
            first = door.ask(
                "GET", "/apis/coordination.k8s.io/v1/namespaces/meshlab-observer/leases/observer"
            ).data
            assert probe.ask() == {"endpoint": "n1"}
            second = door.ask(
                "GET", "/apis/coordination.k8s.io/v1/namespaces/meshlab-observer/leases/observer"
            ).data
            assert first["spec"]["renewTime"] < second["spec"]["renewTime"]
            with pytest.raises(Refused, match="no such pod"):
                PodLine(door, "default", "nobody-0", 8200).ask("GET", "/")
            lab.kill_etcd()
            with pytest.raises((Refused, Silent)):
                probe.ask()
            with pytest.raises((NoPath, Silent)):
                PodLine(door, "default", "nobody-0", 8200).ask("GET", "/")
        finally:
            door.close()
