"""Writing credentials of the embedded cluster to files, for people who want kubectl or talosctl on it."""

from __future__ import annotations

from pathlib import Path

from meshlab.live.target import Target
from meshlab.model.errors import InputError


def write_kubeconfig(target: Target, cluster: str, path: Path, machine: str) -> None:
    """Writes an admin kubeconfig whose server is one machine's API at its loopback address (mode 0600).

    Raises
    ------
    InputError
        The target is a real one (its credentials stay in the strongbox), the cluster has no kubeconfig yet, or the
        path is that of a folder.
    """
    from meshlab.live import private_file, yaml_text
    from meshlab.provision.cluster.connections import KUBECONFIG
    from meshlab.provision.cluster.strongbox import Strongbox
    from meshlab.provision.cluster.workspace import Workspace

    if target.real:
        raise InputError.single("kubeconfig", "a real cluster's admin kubeconfig is not written to a file")
    workspace = Workspace.of(target, cluster)
    found = Strongbox(workspace.strongbox, workspace.strongbox_key).get(KUBECONFIG)
    if found is None:
        raise InputError.single(
            "kubeconfig", f"the cluster {cluster} has none yet", "bring it up: meshlab apply SPEC"
        )
    document = yaml_text.load(found.reveal().decode())
    for entry in document["clusters"]:
        entry["cluster"]["server"] = f"https://{target.dial(machine)}:6443"
    private_file.write(path, yaml_text.dump(document))
