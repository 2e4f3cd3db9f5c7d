"""What a rule may look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshlab.emulate.aws.faults import Faults
from meshlab.emulate.aws.instances import Instances
from meshlab.emulate.aws.moto.backend import MotoBackend
from meshlab.emulate.aws.settings import AwsSettings
from meshlab.emulate.aws.wire import Call


@dataclass
class World:
    """The cloud as a rule sees it.

    ``profile_known_from``: monotonic time from which EC2 knows an instance profile.
    """

    settings: AwsSettings
    backend: MotoBackend
    instances: Instances
    faults: Faults
    clock: Callable[[], float]
    profile_known_from: dict[str, float] = field(default_factory=dict)

    async def listed(self, operation: str, key: str, **filters: str) -> list[dict[str, Any]]:
        """The objects that an EC2 describe call lists under these filters (``vpc_id="…"`` is the filter vpc-id)."""
        chosen = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        result = await self.backend.ask("ec2", operation, **({"Filters": chosen} if chosen else {}))
        rows: list[dict[str, Any]] = result.get(key, [])
        return rows


Rule = Callable[[Call, World], Awaitable[None]]
Rules = Mapping[str, tuple[Rule, ...]]
