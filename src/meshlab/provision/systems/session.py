"""Opening what planning and looking need: the workspace of a cluster, its secrets, and its live clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from meshlab.live.target import Target
from meshlab.provision.cluster.connections import Connections
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.strongbox import Strongbox
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.systems.context import Context


@contextmanager
def opened(target: Target, cluster: str, say: Callable[[str], None] | None = None) -> Iterator[Context]:
    """Gives a context for looking at a cluster; nothing is changed through it by itself."""
    workspace = Workspace.of(target, cluster)
    strongbox = Strongbox(workspace.strongbox, workspace.strongbox_key)
    with Journal(workspace.journal) as journal, Connections(target, cluster, strongbox) as connections:
        context = Context(target, cluster, strongbox, connections, journal)
        yield context.within(say=say) if say else context
