"""The machines' part of the plans: configuration, bootstrap once, voters, kubeconfig, mesh; and their wiping."""

from __future__ import annotations

from meshlab.model import Machine, State, Topology
from meshlab.provision.plan.draft import CannotPlan, Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.plan.step import Effect
from meshlab.provision.systems.talos.settings import cluster_settings, node_settings

BOOT = Takes(70.0, 0.3, 2.0)
BOOTSTRAP = Takes(20.0, 0.4, 2.0)
VOTERS = Takes(60.0, 0.4, 6.0)
FETCH = Takes(1.5, 0.5, 0.2)
MESH = Takes(30.0, 0.4, 3.0)
RESET = Takes(240.0, 0.4, 3.0)
INSTALL = Takes(180.0, 0.4, 3.0)
REBOOT = Takes(90.0, 0.35, 3.0)


def talos_steps(draft: Draft) -> None:
    """Adds the steps from machines in maintenance mode to a founded etcd and a full mesh.

    Raises
    ------
    CannotPlan
        The topology says too little of its machines.
    """
    _check(draft.topology)
    topology, masters = draft.topology, draft.control_plane
    started = ["aws/running"] if draft.cloud else []
    credentials = "strongbox/talosconfig"
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
        BOOT,
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
        BOOTSTRAP,
        ready,
        settings={"node": first.address, "control_plane": masters},
        natural_key=f"etcd's member list; the machine {first.name}",
        preconditions=("every master shows etcd waiting (Preparing)", "no master lists an etcd member"),
        irreversible=True,
    )
    draft.add(
        "talos/etcd-voters",
        "talos.etcd-voters",
        f"Wait for {len(masters)} etcd voters",
        "The others join as learners, one at a time; until each is promoted, losing the first one loses everything.",
        VOTERS,
        bootstrap,
        settings={"control_plane": masters},
        effects=(Effect("etcd", after=State.UP),),
    )
    draft.add(
        "talos/kubeconfig",
        "talos.kubeconfig",
        "Fetch the kubeconfig",
        "An administrator's certificate for the Kubernetes API, into the strongbox.",
        FETCH,
        bootstrap,
        settings={"node": first.address},
    )
    draft.add(
        "talos/mesh",
        "talos.mesh",
        "Wait for the full KubeSpan mesh",
        f"Each machine must have an established tunnel to each of the other {len(topology.machines) - 1}.",
        MESH,
        *configured,
        settings={"machines": {m.name: m.address for m in topology.machines}},
        effects=(Effect("mesh", after=State.UP),),
    )


def _check(topology: Topology) -> None:
    if not topology.control_plane:
        raise CannotPlan("the topology has no control-plane machine")
    without = [m.name for m in topology.machines if not m.address]
    if without:
        raise CannotPlan(f"{', '.join(without)}: no address in the spec; etcd and KubeSpan need fixed ones")


def _configure(draft: Draft, machine: Machine, started: list[str], credentials: str, *after: str) -> str:
    in_cloud = machine in draft.cloud
    waits = draft.add(
        f"talos/{machine.name}-waits",
        "talos.waits-for-config",
        f"Wait until {machine.name} asks for its configuration",
        "A machine without one boots into maintenance mode and answers on port 50000.",
        BOOT,
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
        BOOT if in_cloud else INSTALL,
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


def talos_removal(draft: Draft) -> None:
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
            RESET,
            *before,
            system="talos",
            intent="remove",
            settings={"address": machine.address},
            natural_key=f"{machine.address} answers to our certificate",
            effects=(Effect(machine.name, during=State.BOOTING, after=State.DOWN),),
        )
