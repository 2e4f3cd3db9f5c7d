"""What Kubernetes made on AWS, removed before the network is."""

from __future__ import annotations

from typing import Any

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.kubernetes.calls import kubernetes_errors
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result


class LoadBalancers(Operation):
    """Services of type LoadBalancer: what AWS made for them would keep our VPC from going."""

    name = "kubernetes.load-balancers"
    repeatable = True

    def probe(self, context: Context) -> Probe:
        found = self._services(context)
        names = [f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in found]
        return Found({"services": names}) if found else Absent("there is none, or no API to ask")

    def perform(self, context: Context) -> Result:
        return {}

    def undo(self, context: Context) -> Result:
        for service in self._services(context):
            with kubernetes_errors(self.step.title):
                context.connections.kubernetes.remove(service)

        def gone() -> Probe:
            left = self._services(context)
            return Absent(f"{len(left)} are still there") if left else Found()

        return context.wait_until(gone, context.target.patience.deletion, self.step.title)

    @staticmethod
    def _services(context: Context) -> list[dict[str, Any]]:
        from meshlab.live.kubernetes import KubernetesError
        from meshlab.provision.cluster.connections import KUBECONFIG

        if KUBECONFIG not in context.strongbox:
            return []
        try:
            services = context.connections.kubernetes.list("v1", "Service")
        except KubernetesError:
            # No API: nobody can make or remove them; the proof at the end finds what they left.
            return []
        return [s for s in services if s.get("spec", {}).get("type") == "LoadBalancer"]


OPERATIONS = (LoadBalancers,)
