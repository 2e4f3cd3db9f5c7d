"""What a run tells a person while it goes on: how far it is and how long it may take, no line that says nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection

from meshlab.provision.cluster.records import Kind
from meshlab.provision.plan.plan import Plan
from meshlab.provision.plan.preview import seconds
from meshlab.provision.run.attach import Progress
from meshlab.provision.run.histories import left
from meshlab.provision.systems.verify import HOLDS

_LOUD = {Kind.FAILED: "failed", Kind.REFUSED: "refused", Kind.NEEDS_YOU: "needs you"}


class Telling:
    """Turns what happens in a run into lines.

    Steps that were found done are one line together; claims that hold are not told one by one, and what a step waits
    for is told once.

    Parameters
    ----------
    settled
        The steps that were done before.
    say
        Told each line.
    """

    def __init__(self, plan: Plan, settled: Collection[str], say: Callable[[str], None]) -> None:
        self._plan = plan
        self._settled = set(settled)
        self._say = say
        self._found: list[str] = []
        self._said = ""
        self._waits: set[tuple[str, str]] = set()

    def tell(self, event: Progress) -> None:
        """Takes one thing that happened."""
        known = {step.id: step.title for step in self._plan}
        title = known.get(event.step, event.step)
        if event.kind in (Kind.RESULT, Kind.ADOPTED) and event.step in known:
            self._settled.add(event.step)
        if event.kind is Kind.ADOPTED:
            self._found.append(title)
            return
        if event.kind is Kind.RESULT:
            self.flush()
            self._say(f"{self.place}  {_with(title, event.text)}{self._rest()}")
        elif event.kind in _LOUD:
            self.flush()
            self._say(f"{self.place}  {_LOUD[event.kind]}: {_with(title, event.text)}")
        elif self._is_news(event):
            self.flush()
            self._say(f"{' ' * len(self.place)}  {_with(title, event.text)}")

    def _is_news(self, event: Progress) -> bool:
        if event.kind is not Kind.PROGRESS or event.text.startswith(HOLDS):
            return False
        new = (event.step, event.text) not in self._waits
        self._waits.add((event.step, event.text))
        return new

    def flush(self) -> None:
        """Tells what was found done since the last line."""
        found, self._found = self._found, []
        if len(found) == 1:
            self._say(f"{self.place}  {found[0]}: it is there already")
        elif found:
            self._say(f"{self.place}  {len(found)} steps were there already")

    @property
    def place(self) -> str:
        """How many steps are done, of how many."""
        total = len(self._plan)
        return f"{len(self._settled):>{len(str(total))}} of {total}"

    def _rest(self) -> str:
        """How long it may take still, where that is another word than the last time."""
        rest = left(self._plan, self._settled)
        said, self._said = self._said, f" (about {seconds(rest)} left)" if rest >= 1 else ""
        return self._said if self._said != said else ""


def _with(title: str, text: str) -> str:
    text = text.removeprefix(f"{title}: ")
    return f"{title}: {text}" if text else title
