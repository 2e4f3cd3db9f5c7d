"""The cluster's authorities and tokens in the strongbox: made, issued, put aside."""

from __future__ import annotations

from meshlab.provision.cluster.connections import TALOS_SECRETS, TALOSCONFIG
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.outcome import Absent, Found, Probe, Result
from meshlab.provision.systems.talos.calls import bundle


class TalosSecrets(Operation):
    """The cluster's certificate authorities and tokens, made once and kept in the strongbox only."""

    name = "strongbox.talos-secrets"

    def probe(self, context: Context) -> Probe:
        kept = context.strongbox.get(TALOS_SECRETS)
        return Absent() if kept is None else Found({"kept": TALOS_SECRETS})

    def perform(self, context: Context) -> Result:
        from meshlab.live.talos.secrets_bundle import SecretsBundle

        context.strongbox.put(TALOS_SECRETS, SecretsBundle.generate().to_yaml())
        return {"kept": TALOS_SECRETS}


class AdminTalosconfig(Operation):
    """An os:admin client certificate of a year, issued by the Talos API's authority."""

    name = "strongbox.talosconfig"

    def probe(self, context: Context) -> Probe:
        kept = context.strongbox.get(TALOSCONFIG)
        return Absent() if kept is None else Found({"kept": TALOSCONFIG})

    def perform(self, context: Context) -> Result:
        from meshlab.live.talos.talosconfig import Talosconfig

        endpoints = list(self.settings["endpoints"])
        config = Talosconfig.issue(bundle(context), context.cluster, endpoints=endpoints, nodes=endpoints)
        context.strongbox.put(TALOSCONFIG, config.to_yaml())
        return {"kept": TALOSCONFIG}


class RetireSecrets(Operation):
    """Moves the secrets of a destroyed cluster out of the way; they are kept, under its number."""

    name = "strongbox.retire"

    def probe(self, context: Context) -> Probe:
        names = self._names(context)
        return Found({"names": list(names)}) if names else Absent("none are left")

    def perform(self, context: Context) -> Result:
        return {}

    def undo(self, context: Context) -> Result:
        assert context.journal is not None
        context.strongbox.retire(self._names(context), context.journal.life())
        return {}

    @staticmethod
    def _names(context: Context) -> tuple[str, ...]:
        return tuple(n for n in context.strongbox.names() if not n.startswith("retired/"))


OPERATIONS = (
    TalosSecrets,
    AdminTalosconfig,
    RetireSecrets,
)
