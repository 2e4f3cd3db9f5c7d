"""What a machine tells about itself as it goes: events, services and their logs, the kernel log (facts: §1.3, §1.4)."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from meshlab.emulate.cosi.xid import Xids
from meshlab.live._generated import machine_pb2

pb: Any = machine_pb2

KEPT_EVENTS = 1000

ACTIONS = {
    "Initialized": 0,
    "Preparing": 1,
    "Waiting": 2,
    "Running": 3,
    "Stopping": 4,
    "Finished": 5,
    "Failed": 6,
    "Skipped": 7,
    "Starting": 8,
}


class EventLog:
    """A machine's events since it was switched on: the newest are kept, subscribers get each one."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, Any]] = deque(maxlen=KEPT_EVENTS)
        self._subscribers: dict[int, asyncio.Queue[Any | None]] = {}
        self._next = 0
        self._ids = Xids()

    def publish(self, payload: Any, actor_id: str = "") -> None:
        """Send an event; its type URL is the one Talos uses, not Google's."""
        event = pb.Event(id=self._ids.make(), actor_id=actor_id)
        event.data.type_url = f"talos/runtime/{payload.DESCRIPTOR.full_name}"
        event.data.value = payload.SerializeToString()
        self._kept.append((time.time(), event))
        for queue in self._subscribers.values():
            queue.put_nowait(event)

    def backlog(self, request: Any) -> list[Any]:
        """Give the kept events that an ``EventsRequest`` asks for."""
        events = list(self._kept)
        if request.tail_seconds > 0:
            events = [(at, event) for at, event in events if at >= time.time() - request.tail_seconds]
        elif request.tail_id:
            events = [(at, event) for at, event in events if event.id > request.tail_id]
        elif request.tail_events >= 0:
            events = events[-request.tail_events :] if request.tail_events else []
        return [event for _, event in events]

    @contextmanager
    def subscribed(self) -> Iterator[asyncio.Queue[Any | None]]:
        """Give a queue of every event from now on; None ends it."""
        number = self._next
        self._next += 1
        queue: asyncio.Queue[Any | None] = asyncio.Queue()
        self._subscribers[number] = queue
        try:
            yield queue
        finally:
            self._subscribers.pop(number, None)

    def end(self) -> None:
        """End every subscription, as a machine that goes down does."""
        for queue in self._subscribers.values():
            queue.put_nowait(None)


@dataclass
class Service:
    """One service of a machine."""

    id: str
    state: str = "Initialized"
    healthy: bool | None = None
    message: str = ""
    history: list[tuple[str, str, float]] = field(default_factory=list)
    health_changed: float = 0.0

    def info(self) -> Any:
        """Give ``machine.ServiceInfo``."""
        info = pb.ServiceInfo(id=self.id, state=self.state)
        for message, state, at in self.history:
            event = info.events.events.add(msg=message, state=state)
            event.ts.FromNanoseconds(round(at * 1e9))
        info.health.unknown = self.healthy is None
        info.health.healthy = bool(self.healthy)
        info.health.last_message = self.message
        info.health.last_change.FromNanoseconds(round(self.health_changed * 1e9))
        return info


class ServiceTable:
    """The services of a machine and their states; each change is an event and a line in the service's log."""

    def __init__(self, events: EventLog, changed: Callable[[], None]) -> None:
        self._events = events
        self._changed = changed
        self._services: dict[str, Service] = {}
        self.logs: dict[str, deque[str]] = {}

    def __iter__(self) -> Iterator[Service]:
        return iter([self._services[name] for name in sorted(self._services)])

    def get(self, name: str) -> Service | None:
        """Give a service, or None."""
        return self._services.get(name)

    def set(self, name: str, state: str, message: str, *, healthy: bool | None = None) -> None:
        """Put a service into a state."""
        service = self._services.setdefault(name, Service(name))
        if (service.state, service.healthy) == (state, healthy) and service.history:
            return
        now = time.time()
        if service.healthy != healthy or not service.health_changed:
            service.health_changed = now
        if service.state != state or not service.history:
            service.history.append((message, state, now))
            del service.history[:-20]
        service.state, service.healthy = state, healthy
        service.message = message if healthy is False else ""
        health = service.info().health
        event = pb.ServiceStateEvent(service=name, action=ACTIONS[state], message=message, health=health)
        self._events.publish(event)
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.logs.setdefault(name, deque(maxlen=1000)).append(f"{stamp} {state}: {message}")
        self._changed()

    def clear(self) -> None:
        """Forget every service, as a boot does."""
        self._services.clear()


class KernelLog:
    """The kernel's log since boot, in the form ``talosctl dmesg`` shows."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, message: str, facility: str = "user", level: str = "info") -> None:
        """Add a line."""
        stamp = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        self.lines.append(f"{facility}: {level:7}: [{stamp}]: [talos] {message}\n")


def actor_id() -> str:
    """Make an id by which the events of one request are told from others."""
    return secrets.token_hex(16)
