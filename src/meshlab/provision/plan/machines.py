"""The machines' part of the plans: secrets, configuration, bootstrap once, voters, kubeconfig, mesh, nodes."""

from __future__ import annotations

from meshlab.model import Machine, State
from meshlab.provision.plan.graph import Draft, cluster_settings, node_settings
from meshlab.provision.plan.step import Effect


def machine_steps(draft: Draft) -> None:
    """Adds the steps from machines in maintenance mode to nodes that are Ready."""
    topology, masters = draft.topology, draft.control_plane
    started = ["aws/running"] if draft.cloud else []
    secrets = draft.add(
        "strongbox/talos-secrets",
        "strongbox.talos-secrets",
        "Make the cluster's authorities and tokens",
        "All certificates of the cluster come from here; they rest in the strongbox and nowhere else.",
        "strongbox",
        natural_key="strongbox",
    )
    credentials = draft.add(
        "strongbox/talosconfig",
        "strongbox.talosconfig",
        "Issue our own credentials for the machines",
        "Machines that have their configuration answer only to a certificate of this authority.",
        "strongbox",
        secrets,
        settings={"endpoints": masters},
        natural_key="strongbox",
    )
    of_masters = [_configure(draft, machine, started, credentials) for machine in topology.control_plane]
    # A worker gets its certificate from a configured master; without one its own step could not end.
    of_workers = [
        _configure(draft, machine, started, credentials, *of_masters) for machine in topology.workers
    ]
    configured = [*of_masters, *of_workers]
    ready = draft.add(
        "talos/ready",
        "talos.ready-to-bootstrap",
        "Wait until etcd on every master waits to be founded",
        "Only when all of them wait, and none lists a member, is it sure that no cluster was founded before.",
        "boot",
        *of_masters,
        settings={"control_plane": masters},
    )
    first = topology.control_plane[0]
    bootstrap = draft.add(
        "talos/bootstrap",
        "talos.bootstrap",
        f"Found etcd on {first.name}",
        "Once in the cluster's life, on this one machine: a second machine would found a second cluster with the same"
        " name, and nothing in Talos prevents that.",
        "bootstrap",
        ready,
        settings={"node": first.address, "control_plane": masters},
        natural_key=f"etcd's member list; the machine {first.name}",
        preconditions=("every master shows etcd waiting (Preparing)", "no master lists an etcd member"),
        irreversible=True,
    )
    voters = draft.add(
        "talos/etcd-voters",
        "talos.etcd-voters",
        f"Wait for {len(masters)} etcd voters",
        "The others join as learners, one at a time; until each is promoted, losing the first one loses everything.",
        "etcd-voters",
        bootstrap,
        settings={"control_plane": masters},
        effects=(Effect("etcd", after=State.UP),),
    )
    kubeconfig = draft.add(
        "talos/kubeconfig",
        "talos.kubeconfig",
        "Fetch the kubeconfig",
        "An administrator's certificate for the Kubernetes API, into the strongbox.",
        "aws-call",
        bootstrap,
        settings={"node": first.address},
    )
    draft.add(
        "kubernetes/api",
        "kubernetes.api",
        "Wait for the Kubernetes API on every master",
        "What follows goes through it; one that answers alone would be a single point of failure unseen.",
        "kubernetes-api",
        kubeconfig,
        voters,
        settings={"control_plane": masters},
        effects=(Effect("kubernetes-api", after=State.UP),),
    )
    mesh = draft.add(
        "talos/mesh",
        "talos.mesh",
        "Wait for the full KubeSpan mesh",
        f"Each machine must have an established tunnel to each of the other {len(topology.machines) - 1}.",
        "mesh",
        *configured,
        settings={"machines": {m.name: m.address for m in topology.machines}},
        effects=(Effect("mesh", after=State.UP),),
    )
    draft.add(
        "kubernetes/nodes",
        "kubernetes.nodes",
        "Wait for all nodes to be Ready",
        "A node is Ready when its kubelet reports, its network works and its pods may come.",
        "nodes",
        "kubernetes/api",
        mesh,
        settings={"machines": [m.name for m in topology.machines]},
    )


def _configure(draft: Draft, machine: Machine, started: list[str], credentials: str, *after: str) -> str:
    in_cloud = machine in draft.cloud
    waits = draft.add(
        f"talos/{machine.name}-waits",
        "talos.waits-for-config",
        f"Wait until {machine.name} asks for its configuration",
        "A machine without one boots into maintenance mode and answers on port 50000.",
        "boot",
        *(started if in_cloud else ()),
        settings={"address": machine.address},
        effects=() if in_cloud else (Effect(machine.name, after=State.BOOTING),),
    )
    return draft.add(
        f"talos/{machine.name}-config",
        "talos.config",
        f"Configure {machine.name}",
        "Sent over the Talos API and not as user data: user data would hold the cluster's private keys, for anybody who"
        " may read the instance's attributes.",
        "boot" if in_cloud else "install",
        waits,
        credentials,
        *after,
        settings={
            "address": machine.address,
            "cluster": cluster_settings(draft),
            "node": node_settings(draft, machine),
        },
        natural_key=f"{machine.address} answers to our certificate",
        effects=(Effect(machine.name, during=State.BOOTING, after=State.UP),),
    )


def machine_removal(draft: Draft) -> None:
    """Adds the steps that wipe the machines that are ours to keep; instances are terminated, not wiped."""
    before = [step.id for step in draft.steps]
    kept = [m for m in draft.topology.machines if m not in draft.cloud]
    for machine in kept:
        draft.add(
            f"remove/talos/{machine.name}",
            "talos.config",
            f"Wipe {machine.name} and let it come back in maintenance mode",
            "Its keys and the system's own data go. What is on its user volumes (the chain's data, weeks of syncing)"
            " stays on the disk; `talosctl wipe disk` removes that too.",
            "reset",
            *before,
            system="talos",
            intent="remove",
            settings={"address": machine.address},
            natural_key=f"{machine.address} answers to our certificate",
            effects=(Effect(machine.name, during=State.BOOTING, after=State.DOWN),),
        )
