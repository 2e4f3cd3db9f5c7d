"""A scrape: one server's metrics in Prometheus' text format, at one time; and the difference of two.

Counters and histograms count from the server's start. Two scrapes of one run of the server give what happened
between them; a counter that went backwards, or another start time, means that it was restarted in between.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshlab.model.errors import InputError
from meshlab.model.reading import read_text
from meshlab.parameters.calibration.histogram import Histogram

Labels = frozenset[tuple[str, str]]
_TAKEN = re.compile(r"^#\s*scraped at:?\s*([0-9.eE+]+)\s*$", re.MULTILINE)
_STARTED = "process_start_time_seconds"


@dataclass(frozen=True)
class Scrape:
    """The samples of one scrape.

    ``values`` holds each sample by name and labels, ``lines`` the first line of each metric, ``taken`` the Unix
    time (a ``# scraped at: 1764000000`` line, else the file's own time), ``machine`` whose server it is.
    """

    file: str
    taken: float
    values: Mapping[tuple[str, Labels], float] = field(repr=False)
    lines: Mapping[tuple[str, Labels], int] = field(repr=False)
    machine: str = ""
    since: float = math.nan

    @property
    def date(self) -> str:
        return datetime.datetime.fromtimestamp(self.taken, datetime.UTC).date().isoformat()

    @property
    def exposure(self) -> float:
        """Seconds that the counts cover: since the server started, or since the scrape before; nan if not known."""
        begun = self.since if math.isfinite(self.since) else self.value(_STARTED)
        return self.taken - begun

    @property
    def server(self) -> str:
        """The etcd member's own id (hex), or an empty text where the scrape does not say."""
        for (name, labels), _ in self.values.items():
            if name == "etcd_server_id":
                return dict(labels).get("server_id", "")
        return ""

    def value(self, name: str) -> float:
        """Gives a sample without labels; nan where there is none."""
        return self.values.get((name, frozenset()), math.nan)

    def line(self, name: str, labels: Labels = frozenset()) -> int:
        """Gives the first line that speaks of a metric with these labels; 0 where there is none."""
        found = [at for (n, held), at in self.lines.items() if n.startswith(name) and labels <= held]
        return min(found, default=0)

    def histograms(self, name: str) -> dict[Labels, Histogram]:
        """Gives a metric's histograms by their labels (without ``le``).

        Raises
        ------
        InputError
            A histogram is not one: cumulative counts fall from one bucket to the next, or +Inf is missing.
        """
        buckets: dict[Labels, list[tuple[float, float]]] = {}
        for (sample, labels), value in self.values.items():
            if sample == f"{name}_bucket":
                upper = float(dict(labels)["le"])
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                buckets.setdefault(rest, []).append((upper, value))
        return {
            labels: self._histogram(name, labels, sorted(found))
            for labels, found in sorted(buckets.items(), key=lambda item: sorted(item[0]))
        }

    def _histogram(self, name: str, labels: Labels, found: list[tuple[float, float]]) -> Histogram:
        line = self.line(name, labels)
        if found[-1][0] != math.inf:
            raise InputError.single(
                self.file, f"the histogram {name} has no +Inf bucket", "scrape it whole", line
            )
        below, counts = 0.0, []
        for upper, value in found:
            if value < below - 1e-9 or value != round(value):
                raise InputError.single(
                    self.file,
                    f"the histogram {name} is damaged: {value:g} measurements up to {upper:g} s, "
                    f"but {below:g} up to the bucket before",
                    "scrape it again",
                    line,
                )
            counts.append(round(value - below))
            below = value
        total = self.values.get((f"{name}_sum", labels), math.nan)
        return Histogram((0.0, *(upper for upper, _ in found)), tuple(counts), total)

    def minus(self, earlier: Scrape) -> Scrape:
        """Gives what was counted between an earlier scrape of the same server and this one.

        Raises
        ------
        InputError
            They are of two servers, in the wrong order, or the server was restarted between them.
        """
        if self.server != earlier.server:
            raise InputError.single(
                self.file,
                f"another server than in {earlier.file}: {self.server or 'no id'} and {earlier.server or 'no id'}",
                "the difference of two scrapes needs two of one server",
                self.line("etcd_server_id"),
            )
        if self.value(_STARTED) != earlier.value(_STARTED) and math.isfinite(self.value(_STARTED)):
            raise InputError.single(
                self.file,
                f"the server was restarted after {earlier.file} was taken: its start time is another",
                "use each scrape alone, or two of one run of the server",
                self.line(_STARTED),
            )
        if self.taken < earlier.taken:
            raise InputError.single(
                self.file,
                f"taken {earlier.taken - self.taken:.3g} s before {earlier.file}, which should be the earlier one",
                "give the earlier scrape first; or the clocks differ: say when with `# scraped at: <Unix time>`",
            )
        values = dict(self.values)
        for key, before in earlier.values.items():
            name = key[0]
            if not name.endswith(("_total", "_bucket", "_sum", "_count")):
                continue
            now = values.get(key)
            if now is None or now < before - 1e-9:
                gone = "is gone" if now is None else f"went backwards, from {before:g} to {now:g}"
                raise InputError.single(
                    self.file,
                    f"the counter {name} {gone} since {earlier.file}: the server was restarted in between",
                    "use each scrape alone, or two of one run of the server",
                    self.lines.get(key, 0),
                )
            values[key] = now - before
        return Scrape(
            f"{self.file} minus {earlier.file}", self.taken, values, self.lines, self.machine, earlier.taken
        )


def read_scrape(path: Path, machine: str = "") -> Scrape:
    """Reads a scrape from a file; see `parse_scrape`."""
    text = read_text(path)
    written = path.stat().st_mtime
    return parse_scrape(text, str(path), written, machine)


def parse_scrape(text: str, file: str, taken: float, machine: str = "") -> Scrape:
    """Gives the scrape written in Prometheus' text format.

    Parameters
    ----------
    taken
        Unix time of the scrape, where the text does not say it in a ``# scraped at: <Unix time>`` line.

    Raises
    ------
    InputError
        A line is not in the format, or the clocks contradict each other; names the line.
    """
    said = _TAKEN.search(text)
    if said:
        taken = float(said.group(1))
    values, lines = _samples(text, file)
    scrape = Scrape(file, taken, values, lines, machine)
    started = scrape.value(_STARTED)
    if started > taken + 1.0:
        raise InputError.single(
            file,
            f"the server says that it started {started - taken:.3g} s after the scrape was taken",
            "the clocks differ: say when it was taken with a line `# scraped at: <Unix time>`",
            scrape.line(_STARTED),
        )
    return scrape


def _samples(text: str, file: str) -> tuple[dict[tuple[str, Labels], float], dict[tuple[str, Labels], int]]:
    from prometheus_client.parser import text_string_to_metric_families

    values: dict[tuple[str, Labels], float] = {}
    lines: dict[tuple[str, Labels], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            found = [s for family in text_string_to_metric_families(line + "\n") for s in family.samples]
        except (ValueError, IndexError, KeyError) as error:
            raise InputError.single(
                file, f"not a line of Prometheus' text format: {error}", "scrape it again", number
            ) from None
        for sample in found:
            key = (sample.name, frozenset(sample.labels.items()))
            if key in values:
                raise InputError.single(file, f"{sample.name} stands twice with the same labels", "", number)
            values[key], lines[key] = float(sample.value), number
    if not values:
        raise InputError.single(file, "there is no metric in it", "is it a scrape of /metrics?", 1)
    return values, lines
