"""What bring-up does over the Kubernetes API: objects by server-side apply, waits, and secrets made on the way."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from meshlab.live.secret import Secret
from meshlab.provision.steps.context import Context
from meshlab.provision.steps.operation import (
    Absent,
    Found,
    Operation,
    Probe,
    Reaction,
    Result,
    StepFailed,
    Waiting,
    operation,
)

VAULT_AUTHORITY = "vault authority"
VAULT_CERTIFICATE = "vault certificate"
JWT = "ethereum jwt"
"""Names in the strongbox."""


@contextmanager
def kubernetes_errors(what: str) -> Iterator[None]:
    """Turns a Kubernetes error into what the executor does about it. Applying again is always harmless."""
    from meshlab.live.kubernetes import KubernetesError

    try:
        yield
    except KubernetesError as error:
        status = error.status
        transient = status in (0, 408, 409, 429) or status >= 500
        reaction: Reaction = "retry" if transient else "stop"
        raise StepFailed(f"{what}: {error}", reaction, silent=status == 0) from None


@operation("kubernetes.api")
class ApiReady(Waiting):
    """The API answers ready on every control plane."""

    patience = "kubernetes_api"

    def look(self, context: Context) -> Probe:
        late = [a for a in self.settings["control_plane"] if not context.connections.kubernetes.ready(a)]
        return Absent(f"/readyz does not say ok on {', '.join(late)}") if late else Found()


@operation("kubernetes.nodes")
class NodesReady(Waiting):
    """Every machine is a node that reports Ready."""

    patience = "nodes_ready"

    def look(self, context: Context) -> Probe:
        with kubernetes_errors(self.step.title):
            nodes = {n["metadata"]["name"]: n for n in context.connections.kubernetes.list("v1", "Node")}
        missing = [name for name in self.settings["machines"] if name not in nodes]
        if missing:
            return Absent(f"not registered yet: {', '.join(missing)}")
        late = [name for name in self.settings["machines"] if not is_true(nodes[name], "Ready")]
        return Absent(f"not ready yet: {', '.join(late)}") if late else Found({"nodes": sorted(nodes)})


@operation("kubernetes.apply")
class Apply(Operation):
    """One object, by server-side apply: what the manifest says is so, what it does not say is left alone."""

    repeatable = True

    def manifest(self, context: Context) -> dict[str, Any]:
        return dict(self.settings["manifest"])

    def probe(self, context: Context) -> Probe:
        wanted = self.manifest(context)
        with kubernetes_errors(self.step.title):
            there = context.connections.kubernetes.read(wanted)
        if there is None or there.get("metadata", {}).get("deletionTimestamp"):
            return Absent()
        return Found({"name": wanted["metadata"]["name"]}, tuple(differences(wanted, there)))

    def perform(self, context: Context) -> Result:
        wanted = self.manifest(context)
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.apply(wanted)
        return {"name": wanted["metadata"]["name"]}

    def undo(self, context: Context) -> Result:
        wanted = self.manifest(context)

        def gone() -> Probe:
            with kubernetes_errors(self.step.title):
                there = context.connections.kubernetes.read(wanted)
            return Absent("it is still there") if there is not None else Found()

        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.remove(wanted)
        return context.wait_until(gone, context.target.patience.deletion, self.step.title)


def differences(wanted: Any, there: Any, path: str = "") -> Iterator[str]:
    """Says where a live object does not carry what a manifest says; what the server added does not matter."""
    if isinstance(wanted, Mapping):
        if not isinstance(there, Mapping):
            yield f"{path or 'the object'} is {_shown(there)}"
            return
        for key, value in wanted.items():
            if key in ("apiVersion", "kind") and not path:
                continue
            inner = f"{path}.{key}" if path else str(key)
            if key not in there:
                # An empty value and none are the same to the server.
                if value not in (None, "", [], {}, False, 0):
                    yield f"{inner} is not set"
            else:
                yield from differences(value, there[key], inner)
    elif isinstance(wanted, (list, tuple)):
        if not isinstance(there, (list, tuple)) or len(wanted) != len(there):
            yield f"{path} has {len(there or ())} entries, not {len(wanted)}"
            return
        for number, (mine, theirs) in enumerate(zip(wanted, there, strict=True)):
            yield from differences(mine, theirs, f"{path}[{number}]")
    elif wanted != there:
        if path.startswith(("data.", "stringData.")):
            yield f"{path} is another"
        elif quantity(wanted) is None or quantity(wanted) != quantity(there):
            yield f"{path} is {_shown(there)}, not {_shown(wanted)}"


def quantity(value: object) -> float | None:
    """Gives a Kubernetes quantity as a number (``500m``, ``10Gi``); None where it is none."""
    units = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    units |= {f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTP", start=1)}
    text = str(value)
    number = text.rstrip("mkKMGTPi")
    try:
        return float(number) * units[text[len(number) :]]
    except (ValueError, KeyError):
        return None


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_true(thing: Mapping[str, Any], condition: str) -> bool:
    """Says whether a node's or pod's condition is True."""
    conditions = thing.get("status", {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in conditions)


class _SecretObject(Operation):
    """A Kubernetes Secret whose content is made once, kept in the strongbox, and never in the plan."""

    repeatable = True

    def content(self, context: Context) -> dict[str, bytes]:
        """Gives the files of the Secret, made at the first time."""
        raise NotImplementedError

    def manifest(self) -> dict[str, Any]:
        metadata = {"name": str(self.settings["name"]), "namespace": str(self.settings["namespace"])}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}

    def kept(self, context: Context) -> bool:
        return all(name in context.strongbox for name in self.settings["kept"])

    def probe(self, context: Context) -> Probe:
        with kubernetes_errors(self.step.title):
            there = context.connections.kubernetes.read(self.manifest())
        if there is None:
            return Absent()
        if not self.kept(context):
            return Found({}, ("what it holds is not in the strongbox",))
        wanted = {name: base64.b64encode(value).decode() for name, value in self.content(context).items()}
        return Found({"name": self.settings["name"]}, tuple(differences({"data": wanted}, there)))

    def perform(self, context: Context) -> Result:
        data = {name: base64.b64encode(value).decode() for name, value in self.content(context).items()}
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.apply(self.manifest() | {"data": data})
        return {"name": self.settings["name"]}

    def undo(self, context: Context) -> Result:
        with kubernetes_errors(self.step.title):
            context.connections.kubernetes.remove(self.manifest())
        return {}


@operation("kubernetes.vault-tls")
class VaultTls(_SecretObject):
    """Vault's own authority and one certificate for all its names; the authority's key stays in the strongbox."""

    def content(self, context: Context) -> dict[str, bytes]:
        from meshlab.live.talos import pki

        box = context.strongbox
        if VAULT_AUTHORITY not in box:
            made = pki.new_authority("ecdsa", organization="vault", common_name=f"{context.cluster} vault")
            box.put(VAULT_AUTHORITY, _joined(made))
        authority = _split(box.need(VAULT_AUTHORITY))
        if VAULT_CERTIFICATE not in box:
            issued = pki.issue(
                authority,
                usage="both",
                common_name="vault",
                names=list(self.settings["names"]),
                addresses=list(self.settings["addresses"]),
                lifetime=_year(),
            )
            box.put(VAULT_CERTIFICATE, _joined(issued))
        own = _split(box.need(VAULT_CERTIFICATE))
        return {
            "ca.crt": authority.certificate.encode(),
            "tls.crt": own.certificate.encode(),
            "tls.key": own.key.reveal().encode(),
        }


def _year() -> Any:
    from datetime import timedelta

    return timedelta(days=365)


def _joined(pair: Any) -> Secret[str]:
    return Secret(pair.certificate + "\0" + pair.key.reveal(), name="certificate and key")


def _split(kept: Secret[bytes]) -> Any:
    from meshlab.live.talos.pki import CertificateAndKey

    certificate, key = kept.reveal_text().split("\0")
    return CertificateAndKey(certificate, Secret(key, name="key"))


@operation("kubernetes.jwt")
class EngineJwt(_SecretObject):
    """The secret that Ethereum's two clients share: 32 random bytes, made for this cluster and no other."""

    def content(self, context: Context) -> dict[str, bytes]:
        if JWT not in context.strongbox:
            context.strongbox.put(JWT, Secret(secrets.token_hex(32), name="Ethereum engine JWT secret"))
        return {"jwt.hex": context.strongbox.need(JWT).reveal()}


@operation("kubernetes.pods")
class PodsRunning(Waiting):
    """The pods of a StatefulSet run, each on the machine that it belongs on."""

    patience = "pods_running"

    def look(self, context: Context) -> Probe:
        wanted: dict[str, str] = dict(self.settings["pods"])
        namespace = str(self.settings["namespace"])
        with kubernetes_errors(self.step.title):
            pods = {
                p["metadata"]["name"]: p for p in context.connections.kubernetes.list("v1", "Pod", namespace)
            }
        late = [name for name in wanted if _phase(pods.get(name)) != "Running"]
        if late:
            return Absent(
                "; ".join(f"{name} is {_phase(pods.get(name))}{_why(pods.get(name))}" for name in late)
            )
        if self.settings.get("ready"):
            unready = [name for name in wanted if not is_true(pods[name], "Ready")]
            if unready:
                return Absent(f"not ready yet: {', '.join(unready)}")
        places = {name: str(pods[name]["spec"].get("nodeName", "")) for name in wanted}
        if self.settings.get("anywhere"):
            if len(set(places.values())) < len(places):
                return Absent(f"two pods share a machine: {places}")
            return Found({"places": places})
        wrong = [
            f"{name} is on {places[name]}, not {machine}"
            for name, machine in wanted.items()
            if places[name] != machine
        ]
        return Absent("; ".join(wrong)) if wrong else Found({"places": places})


def _phase(pod: Mapping[str, Any] | None) -> str:
    return "not there" if pod is None else str(pod.get("status", {}).get("phase", "Pending"))


def _why(pod: Mapping[str, Any] | None) -> str:
    if pod is None:
        return ""
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f" ({condition.get('message', '')})"
    return ""


@operation("kubernetes.load-balancers")
class LoadBalancers(Operation):
    """Services of type LoadBalancer: what AWS made for them would keep our VPC from going."""

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
