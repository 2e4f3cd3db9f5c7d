"""Whether this machine has the loopback addresses that an embedded cluster needs, and how to give it them.

Linux answers on all of 127.0.0.0/8; macOS only on 127.0.0.1, until each other address is made an alias.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Iterable

from meshlab.emulate.network.addresses import loopback
from meshlab.emulate.pods.pod_spec import PodAddresses
from meshlab.model import MeshlabError, Topology, Workload
from meshlab.provision.manifests import chains, vault


def needed(topology: Topology) -> list[str]:
    """Gives the loopback address of every machine of the spec, and of every pod that its plan will start."""
    machines = [loopback(m.address) for m in topology.machines if m.address.startswith("10.")]
    given = PodAddresses(topology.networks.pods)
    return machines + [loopback(given.of(pod)) for pod in _pods(topology)]


def _pods(topology: Topology) -> list[str]:
    found = []
    for workload in topology.of(Workload):
        if workload.role == "vault":
            found += [f"{vault.NAMESPACE}/{pod}" for pod in vault.pods(workload.replicas)]
        elif len(workload.machines) == 1:
            found.append(f"{chains.NAMESPACE}/{workload.name}-0")
        else:
            found += [f"{chains.NAMESPACE}/{workload.name}-{n}-0" for n in range(len(workload.machines))]
    return found


def missing(addresses: Iterable[str]) -> list[str]:
    """Gives those addresses that are none of this machine, in order."""
    return [address for address in addresses if not _is_ours(address)]


def _is_ours(address: str) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def insist(addresses: Iterable[str], system: str = sys.platform) -> None:
    """Refuses when this machine lacks one of the addresses.

    Raises
    ------
    MeshlabError
        Names them, with the command that makes them available until the next reboot.
    """
    absent = missing(addresses)
    if absent:
        raise MeshlabError(
            f"this machine does not have {len(absent)} of the loopback addresses that the embedded cluster needs: "
            f"{', '.join(absent)}. Nothing was started. This makes them available until the next reboot:\n"
            f"  for address in {' '.join(absent)}; do {_command(system)}; done"
        )


def _command(system: str) -> str:
    if system == "darwin":
        return 'sudo ifconfig lo0 alias "$address"'
    return 'sudo ip address add "$address/32" dev lo'
