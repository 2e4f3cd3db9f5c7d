"""What bring-up does on Vault: init once, unseal each, wait for three voters, then the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from meshlab.live.secret import Secret
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation, Waiting
from meshlab.provision.systems.outcome import (
    Absent,
    Found,
    Probe,
    Reaction,
    Result,
    StepFailed,
    Unclear,
    Unreachable,
)

if TYPE_CHECKING:
    from meshlab.live.vault import Autopilot, Health, InitKeys, VaultClient

INIT_REPLY = "vault init reply"
"""Name in the strongbox of the bytes that init answered: the only copy of the keys."""
ROOT_REVOKED = "vault root token revoked"


@contextmanager
def vault_errors(what: str) -> Iterator[None]:
    """Turns a Vault error into what the executor does about it."""
    from meshlab.live.kubernetes import KubernetesError
    from meshlab.live.vault import VaultError

    reactions: dict[str, Reaction] = {
        "unreachable": "retry",
        "sealed": "retry",
        "not-initialised": "retry",
        "failed": "retry",
        "unknown-outcome": "unknown",
    }
    try:
        yield
    except VaultError as error:
        silent = error.kind == "unreachable"
        raise StepFailed(f"{what}: {error}", reactions.get(error.kind, "stop"), silent=silent) from None
    except KubernetesError as error:
        raise StepFailed(f"{what}: {error}", "retry", silent=error.status in (0, 502, 503, 504)) from None


def keys(context: Context) -> InitKeys:
    """Gives the keys that init answered, from the strongbox."""
    from meshlab.live.vault import InitKeys

    return InitKeys.parse(context.strongbox.need(INIT_REPLY))


def health(context: Context, pod: str) -> Health:
    """Gives a pod's health; a pod that does not answer is a StepFailed to retry."""
    with vault_errors(f"looking at {pod}"), context.connections.vault(pod) as client:
        return client.health()


@contextmanager
def active(context: Context, pods: list[str]) -> Iterator[VaultClient]:
    """Gives a client of the active pod, with the root token.

    Raises
    ------
    StepFailed
        None is active now.
    """
    token = keys(context).root_token
    for pod in pods:
        try:
            found = health(context, pod).active
        except StepFailed:
            continue
        if found:
            with vault_errors(f"talking to {pod}"), context.connections.vault(pod, token) as client:
                yield client
            return
    raise StepFailed("no Vault pod is active now", "retry")


class _OnVault(Operation):
    @property
    def pods(self) -> list[str]:
        return [str(pod) for pod in self.settings["pods"]]


class Listening(Waiting):
    """Every Vault pod answers, sealed or not."""

    name = "vault.listening"
    patience = "pods_running"

    def look(self, context: Context) -> Probe:
        codes = {pod: health(context, str(pod)).code for pod in self.settings["pods"]}
        return Found({"codes": codes})


class Init(_OnVault):
    """Initialises Vault once in the cluster's life.

    The keys exist only in one HTTP reply. So: refused where the journal, the strongbox or any pod says it happened;
    the strongbox is proved writable before the call; and the reply's bytes are in it before anybody reads them.
    """

    name = "vault.init"
    founds = "hashicorp"

    def probe(self, context: Context) -> Probe:
        kept = INIT_REPLY in context.strongbox
        states = {pod: health(context, pod).initialized for pod in self.pods}
        if kept and any(states.values()):
            return Found({"pods": self.pods})
        if any(states.values()):
            return Unclear(
                "Vault is initialised, but its keys are not in the strongbox: if the answer of init was lost with the"
                " process that asked, the keys are lost too. Vault is empty then: wipe its volumes and begin again"
            )
        if kept:
            return Unclear(
                "the strongbox holds the keys of an initialised Vault, but no pod is initialised: its volumes were"
                " wiped or are others. Restore them, or destroy the cluster before initialising another"
            )
        return Absent("no pod is initialised")

    def perform(self, context: Context) -> Result:
        context.strongbox.prove_writable()

        def keep(reply: Secret[bytes]) -> None:
            context.strongbox.put(INIT_REPLY, reply)

        shares, threshold = int(self.settings["shares"]), int(self.settings["threshold"])
        auto = self.settings["seal"] != "shamir"
        with vault_errors(self.step.title), context.connections.vault(self.pods[0]) as client:
            client.initialize(keep, shares=shares, threshold=threshold, auto_unseal=auto)
        return {"pods": self.pods, "shares": shares, "threshold": threshold}

    def never_happened(self, context: Context) -> bool:
        # The probe said Absent: every pod answered that it is not initialised, and the strongbox holds no reply.
        return True


class Unseal(_OnVault):
    """Unseals one pod with the threshold of keys; with auto-unseal it only waits."""

    name = "vault.unseal"
    repeatable = True

    def probe(self, context: Context) -> Probe:
        try:
            now = health(context, self.pods[0])
        except StepFailed as error:
            return Unreachable(str(error)) if error.silent else Absent(str(error))
        if now.initialized and not now.sealed:
            return Found({"pod": self.pods[0]})
        return Absent("sealed" if now.initialized else "it has not joined the raft group yet")

    def perform(self, context: Context) -> Result:
        pod, shamir = self.pods[0], keys(context).unseal_keys

        def unsealed() -> Probe:
            if shamir:
                try:
                    with vault_errors(self.step.title), context.connections.vault(pod) as client:
                        client.unseal(shamir)
                except StepFailed as error:
                    # A pod that has not yet heard of the leader's init takes no keys; it is asked again.
                    return Absent(str(error))
            return self.probe(context)

        return context.wait_until(unsealed, context.target.patience.vault_voters, self.step.title)


class Voters(Waiting):
    """Autopilot has promoted every pod to a voter: before that, losing the leader loses the quorum for good."""

    name = "vault.voters"
    patience = "vault_voters"

    def look(self, context: Context) -> Probe:
        pods = [str(pod) for pod in self.settings["pods"]]
        state = autopilot(context, pods)
        waiting = [server.node for server in state.servers if server.status not in ("leader", "voter")]
        if len(state.voters) < len(pods):
            return Absent(
                f"{len(state.voters)} of {len(pods)} are voters"
                + (f"; not yet: {', '.join(waiting)}" if waiting else "")
            )
        if not state.healthy:
            return Absent("autopilot does not call the group healthy yet")
        return Found({"voters": list(state.voters), "failure_tolerance": state.failure_tolerance})


def autopilot(context: Context, pods: list[str]) -> Autopilot:
    """Gives autopilot's view, asked of the active pod."""
    with active(context, pods) as client, vault_errors("asking autopilot"):
        return client.autopilot()


class _Configure(_OnVault):
    """Something configured through the active pod; done again it changes nothing."""

    repeatable = True

    def there(self, client: VaultClient) -> bool:
        raise NotImplementedError

    def configure(self, client: VaultClient, context: Context) -> None:
        raise NotImplementedError

    def probe(self, context: Context) -> Probe:
        if ROOT_REVOKED in context.strongbox:
            return Found({"note": "not looked at: the root token is revoked"})
        with active(context, self.pods) as client, vault_errors(self.step.title):
            return Found() if self.there(client) else Absent()

    def perform(self, context: Context) -> Result:
        with active(context, self.pods) as client, vault_errors(self.step.title):
            self.configure(client, context)
        return {}


class ConfigureAutopilot(_Configure):
    """Dead servers are not removed by themselves, and the group never shrinks below three."""

    name = "vault.autopilot"

    def there(self, client: VaultClient) -> bool:
        now = client.read("sys/storage/raft/autopilot/configuration")
        return int(now.get("min_quorum", 0)) == int(self.settings["min_quorum"])

    def configure(self, client: VaultClient, context: Context) -> None:
        client.configure_autopilot(
            cleanup_dead_servers=False,
            min_quorum=int(self.settings["min_quorum"]),
            last_contact_threshold="10s",
            server_stabilization_time="10s",
        )


class Audit(_Configure):
    """An audit device stands before anything else is configured: a request that none records is not answered."""

    name = "vault.audit"

    def there(self, client: VaultClient) -> bool:
        return bool(client.audit_devices())

    def configure(self, client: VaultClient, context: Context) -> None:
        if not client.audit_devices():
            client.write("sys/audit/stdout", {"type": "file", "options": {"file_path": "stdout"}})


class Policy(_Configure):
    """What the chain nodes may read: their own secrets, nothing else."""

    name = "vault.policy"

    def there(self, client: VaultClient) -> bool:
        return str(self.settings["name"]) in client.policies()

    def configure(self, client: VaultClient, context: Context) -> None:
        client.write_policy(str(self.settings["name"]), str(self.settings["policy"]))


class KeyValues(_Configure):
    """A key-value engine, version 2."""

    name = "vault.kv"

    def there(self, client: VaultClient) -> bool:
        return "kv/" in client.engines()

    def configure(self, client: VaultClient, context: Context) -> None:
        if not self.there(client):
            client.enable_engine("kv", "kv", version="2")


class KubernetesAuth(_Configure):
    """Pods sign in with their service account's token, which the Kubernetes API reviews."""

    name = "vault.kubernetes-auth"

    def there(self, client: VaultClient) -> bool:
        from meshlab.live.vault import VaultError

        if "kubernetes/" not in client.auth_methods():
            return False
        try:
            return bool(client.read("auth/kubernetes/role/" + str(self.settings["role"])))
        except VaultError as error:
            if error.kind == "not-found":
                return False
            raise

    def configure(self, client: VaultClient, context: Context) -> None:
        from meshlab.provision.systems.talos.calls import bundle

        if "kubernetes/" not in client.auth_methods():
            client.enable_auth("kubernetes")
        client.configure_kubernetes_auth(str(self.settings["host"]), bundle(context).kubernetes.certificate)
        client.write_kubernetes_role(
            str(self.settings["role"]),
            accounts=["default"],
            namespaces=list(self.settings["namespaces"]),
            policies=[str(self.settings["policy"])],
        )


class RevokeRoot(_OnVault):
    """Revokes the root token; from then on only the ways in that were configured are left."""

    name = "vault.revoke-root"

    def probe(self, context: Context) -> Probe:
        return Found() if ROOT_REVOKED in context.strongbox else Absent("the root token is still good")

    def perform(self, context: Context) -> Result:
        with active(context, self.pods) as client, vault_errors(self.step.title):
            client.revoke_self()
        context.strongbox.put(ROOT_REVOKED, Secret("yes", name=ROOT_REVOKED))
        return {}


OPERATIONS = (
    Listening,
    Init,
    Unseal,
    Voters,
    ConfigureAutopilot,
    Audit,
    Policy,
    KeyValues,
    KubernetesAuth,
    RevokeRoot,
)
