"""One machine's control plane as the embedded cluster starts it, behind the machine's own address."""

from __future__ import annotations

import json
from pathlib import Path

from lab import QUICK, QUICK_BALANCER, Lab, wait_for
from pki import authority

from meshlab.emulate.etcd.client import EtcdClient
from meshlab.emulate.kubernetes.control_plane import ControlPlane, ControlPlaneTls, Pair
from meshlab.emulate.kubernetes.server.apiserver import ApiServer
from meshlab.emulate.kubernetes.storage.etcd_store import EtcdStorage
from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.network.fabric import Fabric
from own_addresses import network

ADDRESS = f"{network(3)}.20.1"
HOST = loopback(ADDRESS)


def pair(user: str) -> Pair:
    issued = authority().issue(user)
    return Pair(issued.certificate, issued.key)


def test_control_plane_behind_the_fabric_serves_and_leads(tmp_path: Path) -> None:
    with Lab(tmp_path / "c", nodes=()) as lab:
        lab.stop_managers()
        tls = ControlPlaneTls(
            authority().serving(HOST, ADDRESS),
            authority().certificate,
            pair("system:kube-controller-manager"),
            pair("system:kube-scheduler"),
        )

        async def start() -> tuple[ControlPlane, Fabric]:
            fabric = Fabric({"master-1": ADDRESS})
            server = ApiServer(EtcdStorage(EtcdClient(lab.etcd_url)), tls.serving, advertise=ADDRESS)
            plane = ControlPlane(
                "master-1", ADDRESS, server, tls, fabric, times=QUICK, balancer=QUICK_BALANCER
            )
            await plane.start()
            return plane, fabric

        plane, fabric = lab.run(start())
        try:
            wait_for(lambda: plane.leading == (True, True), "both leases to be taken")
            server = f"--server=https://{HOST}:6443"
            endpoints = json.loads(lab.kubectl(server, "get", "lease", "-n", "kube-system", "-o", "json"))
            assert {i["spec"]["holderIdentity"] for i in endpoints["items"]} == {"master-1"}
            lab.kubectl(server, "create", "namespace", "seen")
            wait_for(
                lambda: lab.try_kubectl(server, "get", "sa", "default", "-n", "seen").returncode == 0,
                "the controllers to give the namespace its account",
            )
        finally:
            lab.run(plane.stop())
            lab.run(fabric.close())
