"""Observer: one poller per probe, each in a thread, so that a silent thing costs its own poller only."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from meshlab.incident.observe.probes import NoPath, Probe, Refused, Silent
from meshlab.incident.observe.samples import Outcome, Sample, SampleLog, Samples, read_samples

Progress = Callable[[float, float, str], None]
"""Called with (seconds watched, seconds to watch, what is silent now)."""


BUSY_S = 0.1
"""A machine that wakes a thread later than this is busy with something else."""
CROWDED_EVERY_S = 5.0
"""So often it is written down that more wants to run on this machine than it has processors."""


class Observer:
    """Watches a cluster: asks every probe each `interval_s` seconds and writes every answer down.

    Times are taken from the monotonic clock and tied to Unix time once, at the start, so that a step of the
    wall clock cannot fold the history. A question that takes longer than the interval delays the next one of
    that probe only.

    Parameters
    ----------
    probes
        What to ask (`live_probes` makes them from a topology and its connections).
    path
        The JSONL file to write; it is begun anew.
    interval_s
        Seconds from one question to the next.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> with Observer([], Path(mkdtemp()) / "samples.jsonl") as observer:
    ...     observer.watch(0.01)
    >>> observer.samples().items
    ()
    """

    def __init__(
        self, probes: Iterable[Probe], path: Path, *, interval_s: float = 0.5, topology: str = ""
    ) -> None:
        if interval_s <= 0:
            raise ValueError("the interval between two questions must be positive")
        self.probes = tuple(probes)
        self.path = path
        self.interval_s = interval_s
        self.topology = topology
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._silent: dict[tuple[str, str], bool] = {}
        self._log: SampleLog | None = None
        self._zero = 0.0

    def start(self) -> None:
        """Begins to ask; returns at once."""
        if self._log is not None:
            raise RuntimeError("this observer was started before; make a new one")
        self._zero = time.monotonic()
        self._log = SampleLog(self.path, epoch=time.time(), interval=self.interval_s, topology=self.topology)
        for number, probe in enumerate(self.probes):
            thread = threading.Thread(
                target=self._poll,
                args=(probe, self.interval_s * number / max(1, len(self.probes))),
                name=f"observe-{probe.kind}-{probe.component}",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()
        own = threading.Thread(target=self._watch_itself, name="observe-observer", daemon=True)
        self._threads.append(own)
        own.start()

    @property
    def now(self) -> float:
        """Seconds since the observer's zero."""
        return time.monotonic() - self._zero

    @property
    def silent(self) -> tuple[str, ...]:
        """What does not answer just now, as ``kind of component``."""
        return tuple(
            f"{kind} of {component}" for (kind, component), quiet in sorted(self._silent.items()) if quiet
        )

    def watch(
        self,
        seconds: float,
        progress: Progress | None = None,
        until: Callable[[], bool] | None = None,
    ) -> None:
        """Lets it watch for so many seconds, or until `until` says that it is enough."""
        end = self.now + seconds
        while (now := self.now) < end and not (until and until()):
            if progress:
                progress(now, end, ", ".join(self.silent))
            self._stop.wait(min(0.25, end - now))
        if progress:
            progress(self.now, end, ", ".join(self.silent))

    def stop(self, patience_s: float = 5.0) -> None:
        """Stops asking and closes the file. Questions still open after `patience_s` are left unanswered."""
        if self._log is None or self._stop.is_set():
            return
        ended = self.now
        self._stop.set()
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._log.close(ended)

    def samples(self) -> Samples:
        """Gives what has been written so far."""
        return read_samples(self.path)

    def __enter__(self) -> Observer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _poll(self, probe: Probe, offset: float) -> None:
        due = offset  # spread over the interval, so that they do not all ask at once
        while not self._stop.wait(max(0.0, due - self.now)):
            sample = self._ask(probe)
            self._silent[probe.kind, probe.component] = sample.outcome == "silent"
            if self._log is None:
                return
            try:
                self._log.append(sample)
            except ValueError:  # closed: the watch ended while this question was open
                return
            due = max(due + self.interval_s, self.now)

    def _watch_itself(self) -> None:
        """Writes down when this machine was too busy to be on time: late answers may be its own doing then."""
        due, told = self.now + BUSY_S, 0.0
        cores = os.cpu_count() or 1
        while not self._stop.wait(max(0.0, due - self.now)):
            late, load = self.now - due, os.getloadavg()[0]
            crowded = load > cores and self.now - told >= CROWDED_EVERY_S
            if (late > BUSY_S or crowded) and self._log is not None:
                told = self.now
                answer = {"late_s": round(late, 3), "load": round(load, 1), "cores": cores}
                try:
                    self._log.append(Sample("observer", "observer", due, self.now, "answered", answer))
                except ValueError:  # closed: the watch ended meanwhile
                    return
            due = self.now + BUSY_S

    def _ask(self, probe: Probe) -> Sample:
        sent = self.now
        outcome: Outcome = "answered"
        answer, error = {}, ""
        try:
            answer = dict(probe.ask())
        except Silent as reason:
            outcome, error = "silent", str(reason)
        except NoPath as reason:
            outcome, error = "no-path", str(reason)
        except Refused as reason:
            outcome, error, answer = "refused", str(reason), reason.answer
        except Exception as reason:  # a probe's own fault must not end the watch: it is written down
            outcome, error = "refused", f"{type(reason).__name__}: {reason}"
        return Sample(probe.kind, probe.component, sent, self.now, outcome, answer, error)
