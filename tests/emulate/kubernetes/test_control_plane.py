"""One machine's control plane as the embedded cluster starts it, behind the machine's own address."""

from __future__ import annotations

import json
from pathlib import Path

from lab import QUICK, QUICK_BALANCER, Lab, wait_for
from pki import authority

from meshlab.emulate.etcd_client import EtcdClient
from meshlab.emulate.fabric import Fabric
from meshlab.emulate.kubernetes.control_plane import ControlPlane, ControlPlaneTls, Pair

ADDRESS = "10.103.20.1"


def pair(user: str) -> Pair:
    issued = authority().issue(user)
    return Pair(issued.certificate, issued.key)


def test_control_plane_behind_the_fabric_serves_and_leads(tmp_path: Path) -> None:
    with Lab(tmp_path / "c", nodes=()) as lab:
        lab.stop_managers()
        tls = ControlPlaneTls(
            authority().serving("127.103.20.1", ADDRESS),
            authority().certificate,
            pair("system:kube-controller-manager"),
            pair("system:kube-scheduler"),
        )

        async def start() -> tuple[ControlPlane, Fabric, EtcdClient]:
            fabric = Fabric({"master-1": ADDRESS})
            etcd = EtcdClient(lab.etcd_url)
            plane = ControlPlane("master-1", ADDRESS, etcd, tls, times=QUICK, balancer=QUICK_BALANCER)
            await plane.start()
            await fabric.expose("master-1", 6443, ("127.0.0.1", plane.server.port))
            return plane, fabric, etcd

        plane, fabric, etcd = lab.run(start())
        try:
            wait_for(lambda: plane.leading == (True, True), "both leases to be taken", 15.0)
            server = "--server=https://127.103.20.1:6443"
            endpoints = json.loads(lab.kubectl(server, "get", "lease", "-n", "kube-system", "-o", "json"))
            assert {i["spec"]["holderIdentity"] for i in endpoints["items"]} == {"master-1"}
            lab.kubectl(server, "create", "namespace", "seen")
            wait_for(
                lambda: lab.try_kubectl(server, "get", "sa", "default", "-n", "seen").returncode == 0,
                "the controllers to give the namespace its account",
            )
        finally:
            lab.run(plane.stop())
            lab.run(etcd.close())
            lab.run(fabric.close())
