"""Where the live systems are: the real ones, or the embedded cluster on this machine. Only endpoints differ."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from meshlab.model.errors import InputError, LiveError, MeshlabError
from meshlab.model.reading import read_json


class NoTarget(MeshlabError):
    """The target that was named is not there, or none was chosen."""


class NotRunning(LiveError):
    """The embedded cluster that was named is there, but what ran it has ended."""


_RUNNING = "running"
"""In the directory of an embedded target: a file that its supervisor keeps locked for as long as it lives."""


def hold(directory: Path) -> None:
    """Says that this process runs the embedded cluster of a directory, until it ends in whatever way."""
    import fcntl

    descriptor = os.open(directory / _RUNNING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # kept open on purpose: the lock goes with the process


def ended(directory: Path) -> bool:
    """Whether the supervisor of this directory has ended; False where none ever said that it runs."""
    import fcntl

    try:
        with (directory / _RUNNING).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    except OSError:
        return False


def state_root() -> Path:
    """Gives the directory that holds journals, strongboxes and embedded clusters.

    ``$MESHLAB_STATE``, else ``~/.local/state/meshlab``.
    """
    chosen = os.environ.get("MESHLAB_STATE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".local" / "state" / "meshlab"


@dataclass(frozen=True)
class DialRule:
    """Rewrites addresses of one network to the same host part in another one (`10.0.0.0/8` to `127.0.0.0/8`).

    Examples
    --------
    >>> DialRule("10.0.0.0/8", "127.0.0.0/8").apply("10.20.1.11")
    '127.20.1.11'
    >>> DialRule("10.0.0.0/8", "127.0.0.0/8").apply("192.0.2.1") is None
    True
    """

    source: str
    to: str

    def apply(self, address: str) -> str | None:
        """Gives the address to dial, or None where the rule does not concern this address."""
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            return None
        source, to = ipaddress.ip_network(self.source), ipaddress.ip_network(self.to)
        if host not in source:
            return None
        offset = int(host) - int(source.network_address)
        return str(to.network_address + offset)


@dataclass(frozen=True)
class Patience:
    """How long live work waits: polling intervals and deadlines, all in seconds.

    The defaults suit the real systems (facts: an AMI boots in 40-90 s, a bare-metal install takes minutes, an
    etcd learner is promoted within 10 min). The embedded cluster answers in fractions of these.
    """

    poll: float = 5.0
    call: float = 30.0
    read_lag: float = 30.0
    instance_running: float = 600.0
    machine_maintenance: float = 900.0
    machine_running: float = 1800.0
    etcd_voters: float = 1200.0
    kubernetes_api: float = 900.0
    mesh: float = 600.0
    nodes_ready: float = 900.0
    pods_running: float = 900.0
    vault_voters: float = 300.0
    chains_ready: float = 3600.0
    deletion: float = 900.0
    retries: float = 120.0

    @classmethod
    def short(cls) -> Patience:
        """Gives the times that suit an embedded cluster: seconds at rest, minutes beside other work."""
        return cls(
            poll=0.25,
            call=10.0,
            read_lag=3.0,
            instance_running=300.0,
            machine_maintenance=300.0,
            machine_running=300.0,
            etcd_voters=300.0,
            kubernetes_api=300.0,
            mesh=300.0,
            nodes_ready=300.0,
            pods_running=300.0,
            vault_voters=300.0,
            chains_ready=300.0,
            deletion=300.0,
            retries=60.0,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Patience:
        """Gives the times that are said, and the defaults for the others.

        Raises
        ------
        ValueError
            A name is unknown, or a time is no number of seconds over zero.
        """
        if not isinstance(data, Mapping):
            raise ValueError(f"patience is a map of seconds, not {str(data)[:60]!r}")
        known = {f.name for f in fields(cls)}
        for name, value in data.items():
            if name not in known:
                raise ValueError(f"there is no patience {name[:40]!r}; there are {', '.join(sorted(known))}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
                raise ValueError(f"patience {name} is no number of seconds: {str(value)[:40]!r}")
        return replace(cls(), **{name: float(value) for name, value in data.items()})


@dataclass(frozen=True)
class Target:
    """Where the live systems are and how to reach them; holds no secret.

    ``name`` is ``embedded``, ``live`` or the stem of a file. ``directory`` is where this target keeps its
    clusters' journals and strongboxes.
    """

    name: str
    directory: Path
    region: str = "us-east-1"
    aws_endpoint: str = ""
    aws_profile: str = ""
    dial_rules: tuple[DialRule, ...] = ()
    patience: Patience = Patience()
    omni_endpoint: str = ""

    @property
    def real(self) -> bool:
        """Whether work on it costs money and touches machines of others."""
        return not self.dial_rules

    def dial(self, address: str) -> str:
        """Gives the address to connect to for a cluster address (itself, on the real systems)."""
        for rule in self.dial_rules:
            found = rule.apply(address)
            if found is not None:
                return found
        return address

    def cluster_directory(self, cluster: str) -> Path:
        """Gives the directory of one cluster's journal, strongbox and runs on this target."""
        return self.directory / "clusters" / cluster

    @classmethod
    def embedded(cls, state_dir: str | Path | None = None) -> Target:
        """Gives the embedded cluster that runs on this machine.

        Reads ``target.json`` in its state directory, which its supervisor writes once everything listens.

        Raises
        ------
        NoTarget
            No embedded cluster is up there.
        """
        directory = Path(state_dir) if state_dir else state_root() / "embedded"
        path = directory / "target.json"
        if not path.exists():
            raise NoTarget(f"no embedded cluster is up in {directory}: start one with `meshlab emulate up`")
        return cls.load(path)

    @classmethod
    def live(cls, *, region: str = "us-east-1", profile: str = "") -> Target:
        """Gives the real systems: AWS through the credentials of `profile`, every address as it is.

        Never a default: whoever means the real thing says so.
        """
        return cls(name="live", directory=state_root() / "live", region=region, aws_profile=profile)

    @classmethod
    def named(cls, name: str, *, region: str = "us-east-1") -> Target:
        """Gives the target that a person named on the command line: ``embedded``, ``live`` (there) or a file."""
        if name == "embedded":
            return cls.embedded()
        if name == "live":
            return cls.live(region=region)
        path = Path(name)
        if not path.exists():
            raise NoTarget(f"{name!r} is no target: say `embedded`, `live`, or the path of a target file")
        return cls.load(path)

    @classmethod
    def load(cls, path: str | Path) -> Target:
        """Gives the target written in a JSON file.

        Raises
        ------
        InputError
            It is none; says what in it makes no sense.
        NotRunning
            It is an embedded cluster whose supervisor has ended, so that nothing of it would answer.
        """
        found = cls._read(Path(path))
        if not found.real and ended(found.directory):
            raise NotRunning(
                f"the embedded cluster of {found.directory} is not running: its supervisor ended without taking it "
                "down; `meshlab emulate up` begins a new one, `meshlab emulate down` removes what is left"
            )
        return found

    @classmethod
    def _read(cls, path: Path) -> Target:
        hint = "it is written by `meshlab emulate up`"
        data = read_json(path, hint)
        try:
            if not isinstance(data, dict):
                raise ValueError("a target is an object with a name")
            known = [f.name for f in fields(cls)]
            for key in data:
                if key not in known:
                    raise ValueError(f"unknown key {key[:40]!r}; known: {', '.join(known)}")
            return cls(
                name=_text(data, "name", _NAME),
                directory=Path(_text(data, "directory", _ANY, "") or path.parent),
                region=_text(data, "region", _REGION, "us-east-1"),
                aws_endpoint=_text(data, "aws_endpoint", _URL, ""),
                aws_profile=_text(data, "aws_profile", _ANY, ""),
                dial_rules=tuple(_rule(rule) for rule in _listed(data.get("dial_rules", []))),
                patience=Patience.from_dict(data.get("patience", {})),
                omni_endpoint=_text(data, "omni_endpoint", _URL, ""),
            )
        except ValueError as error:
            raise InputError.single(path, f"not a target file: {error}", hint) from None

    def save(self, path: str | Path) -> None:
        """Writes the target as JSON, whole or not at all."""
        path = Path(path)
        data = asdict(self) | {"directory": str(self.directory)}
        scratch = path.with_suffix(".new")
        scratch.write_text(json.dumps(data, indent=2))
        scratch.replace(path)

    @classmethod
    def for_loopback(cls, directory: Path, **settings: Any) -> Target:
        """Gives an embedded target by hand: addresses of 10/8 are dialled in 127/8, waits are short."""
        given: dict[str, Any] = {
            "name": "embedded",
            "dial_rules": (DialRule("10.0.0.0/8", "127.0.0.0/8"),),
            "patience": Patience.short(),
        }
        return cls(directory=directory, **(given | settings))


_ANY = re.compile(r"[^\0]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
_URL = re.compile(r"|https?://[^\s/?#]+[^\s]*")


def _text(data: Mapping[str, Any], key: str, form: re.Pattern[str], default: str | None = None) -> str:
    value = data.get(key, default)
    if value is None:
        raise ValueError(f"it has no {key}")
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(f"{key} is {str(value)[:60]!r}")
    return value


def _listed(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"dial_rules is no list: {str(value)[:60]!r}")
    return value


def _rule(value: Any) -> DialRule:
    if not isinstance(value, dict) or set(value) != {"source", "to"}:
        raise ValueError(f"a dial rule has `source` and `to`: {str(value)[:60]!r}")
    source, to = (ipaddress.ip_network(str(value[key])) for key in ("source", "to"))
    if source.version != to.version or source.num_addresses > to.num_addresses:
        raise ValueError(f"{to} has no room for every address of {source}")
    return DialRule(str(value["source"]), str(value["to"]))
