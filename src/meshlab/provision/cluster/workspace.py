"""The directory of one cluster on one target: its journal, its strongbox, and one directory per run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meshlab.live.target import Target
from meshlab.model.errors import InputError


@dataclass(frozen=True)
class Workspace:
    """Where everything durable about one cluster is kept.

    The journal spans all runs, so that what happened once in the cluster's life is known to each of them.
    """

    directory: Path

    @classmethod
    def of(cls, target: Target, cluster: str) -> Workspace:
        """Gives the workspace of a cluster on a target, made private to its owner if it is new.

        Raises
        ------
        InputError
            It cannot be made.
        """
        directory = target.cluster_directory(cluster)
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise InputError.single(
                directory,
                f"the folder of the cluster's journal cannot be made: {why.lower()}",
                "name another one: `directory` of the target file, or $MESHLAB_STATE",
            ) from None
        return cls(directory)

    @property
    def journal(self) -> Path:
        return self.directory / "journal.sqlite"

    @property
    def lock(self) -> Path:
        return self.directory / "runner.lock"

    @property
    def strongbox(self) -> Path:
        return self.directory / "strongbox.bin"

    @property
    def strongbox_key(self) -> Path:
        return self.directory / "strongbox.key"

    def run(self, run: str) -> RunDirectory:
        """Gives the directory of one run."""
        return RunDirectory(self.directory / "runs" / run)


@dataclass(frozen=True)
class RunDirectory:
    """What a runner is given: the plan, the topology and the target, as files; and where its log goes."""

    path: Path

    @property
    def run(self) -> str:
        return self.path.name

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.path.parent.parent)

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def topology(self) -> Path:
        return self.path / "topology.yaml"

    @property
    def target(self) -> Path:
        return self.path / "target.json"

    @property
    def pid(self) -> Path:
        return self.path / "runner.pid"

    @property
    def log(self) -> Path:
        return self.path / "runner.log"
