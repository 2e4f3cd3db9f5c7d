"""The strongbox' part of the plans: the cluster's secrets made at the beginning, put aside at the end."""

from __future__ import annotations

from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.durations import Takes

STRONGBOX = Takes(0.5, 0.3, 0.5)


def strongbox_steps(draft: Draft) -> None:
    """Adds the steps that make the authorities, and our own credentials for the machines."""
    secrets = draft.add(
        "strongbox/talos-secrets",
        "strongbox.talos-secrets",
        "Make the cluster's authorities and tokens",
        "All certificates of the cluster come from here; they rest in the strongbox and nowhere else.",
        STRONGBOX,
        natural_key="strongbox",
    )
    draft.add(
        "strongbox/talosconfig",
        "strongbox.talosconfig",
        "Issue our own credentials for the machines",
        "Machines that have their configuration answer only to a certificate of this authority.",
        STRONGBOX,
        secrets,
        settings={"endpoints": draft.control_plane},
        natural_key="strongbox",
    )


def strongbox_retired(draft: Draft) -> None:
    """Adds the step that puts the secrets aside, after all that may need them."""
    draft.add(
        "remove/strongbox",
        "strongbox.retire",
        "Put the cluster's secrets aside",
        "They open nothing any more; they are kept under the number of this life, and the next one gets new ones.",
        STRONGBOX,
        *draft.ends,
        system="strongbox",
        intent="remove",
    )
