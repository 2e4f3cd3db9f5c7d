"""The bring-up panel: a plan's steps, each with its preview; approve, apply, hold, resume; and what happens.

It is a viewer. The run is a process of its own; the panel reads its journal and changes what it shows. When the
kernel dies the picture is lost, not the run: running the cell again attaches to it.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Any

from meshlab.model import MeshlabError, Topology
from meshlab.provision.cluster.approval import approve, phrase
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Kind, Outcome, Record
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.plan.preview import seconds, summary
from meshlab.provision.run.attach import RUNNER, Attached, attach, start_or_attach
from meshlab.views.panels.parts.gate import NotYet, approved_beforehand
from meshlab.views.panels.parts.step_preview import Consequences, preview_html

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ipywidgets as widgets

    from meshlab.live.target import Target
    from meshlab.provision.plan.plan import Plan

LOOK_S = 0.25
LOG_LINES = 300
STEP_MARKS = {
    "waiting": "○",
    "working": "▶",
    "done": "●",
    "adopted": "◆",
    "failed": "✖",
    "needs-you": "▲",
    "refused": "■",
}
"""A shape for every state of a step."""
_STANDS = {
    Kind.INTENT: "working",
    Kind.RESULT: "done",
    Kind.ADOPTED: "adopted",
    Kind.FAILED: "failed",
    Kind.NEEDS_YOU: "needs-you",
    Kind.REFUSED: "refused",
}
_OVER = ("done", "adopted")
_WORDS = {
    Outcome.PENDING: "about to start",
    Outcome.RUNNING: "at work",
    Outcome.HELD: "held: nothing more is started until Resume",
    Outcome.DONE: "done and verified",
    Outcome.FAILED: "failed; Resume goes on where it stopped",
    Outcome.NEEDS_YOU: "needs you",
    Outcome.REFUSED: "refused by the guard",
    Outcome.CHECK_FAILED: "done, but a claim of the design does not hold",
    Outcome.SUPERSEDED: "given up: another plan took its place",
}


class BringUpPanel:
    """What a person sees and does around one run of a plan.

    Where the plan's run exists, the panel attaches to it and starts nothing. Where there is nothing left to do, it
    shows the run that did it.

    Parameters
    ----------
    plan, topology, target
        What to do, to what, where.
    runner
        The command of the runner process; replaced in tests.
    """

    def __init__(
        self, plan: Plan, topology: Topology, target: Target, *, runner: Sequence[str] = RUNNER
    ) -> None:
        self.topology = topology
        self.target = target
        self._runner = tuple(runner)
        self._path = Workspace.of(target, plan.cluster).journal
        self.run, self.plan = self._known(plan)
        self._stand = {step.id: "waiting" for step in self.plan}
        self._lines: list[tuple[float, str]] = []
        self._seq = 0
        self._reading = threading.RLock()
        self._message = ""
        self._started: float | None = None
        self._last: float | None = None
        self._consequences = Consequences(self.plan, topology)
        self._shown: widgets.VBox | None = None
        self._follower: threading.Thread | None = None
        if self.run is not None:
            self._read()

    def _known(self, plan: Plan) -> tuple[Attached | None, Plan]:
        with Journal(self._path) as journal:
            known = journal.run(plan.run)
            done = [
                run
                for run in journal.runs()
                if run.outcome is Outcome.DONE and run.run.startswith(f"{plan.purpose}-{plan.life}-")
            ]
        if known is not None:
            return Attached(plan, self.topology, self.target, self._runner), plan
        if plan.empty and done:
            attached = attach(self.target, plan.cluster, done[-1].run, runner=self._runner)
            return attached, attached.plan
        return None, plan

    # -- what a person does

    def apply(self, typed: str) -> None:
        """Approves the plan by the words typed and starts its run.

        Raises
        ------
        NotApproved
            The words are not those of this plan; it says which are.
        """
        if self.run is None:
            approval = None
            if self.plan.changes:
                with Journal(self._path) as journal:
                    approval = approve(self.plan, typed, journal)
            self.run = start_or_attach(self.plan, self.topology, self.target, approval, runner=self._runner)
        self._follow()

    def hold(self) -> None:
        """Asks the run to start nothing more: a flag in its journal, which outlives this kernel."""
        if self.run is not None:
            self.run.hold()
            self._message = ""
            self._show()

    def resume(self) -> None:
        """Takes the hold away, or starts a runner again for a run that was interrupted."""
        if self.run is not None:
            self._message = ""
            self.run.go_on()
            self._follow()

    def result(self, timeout_s: float = 600.0) -> Attached:
        """Gives the run once it is done; cells that need what was built call this first.

        Where the plan was approved from outside (``MESHLAB_APPROVE``), it is applied and waited for here.

        Raises
        ------
        NotYet
            It is not done: the text says what to do.
        MeshlabError
            The run ended in another way.
        """
        beforehand = approved_beforehand(self.target)
        if self.run is None:
            if not beforehand:
                raise NotYet(
                    f"nothing was applied yet: type `{phrase(self.plan)}` in the panel, press Apply, wait until it "
                    "says done, then run the cells from here on"
                )
            self.apply(phrase(self.plan))
        run = self.run
        assert run is not None
        if beforehand:
            run.go_on()
            self._await(time.monotonic() + timeout_s)
        outcome = run.outcome
        self._read()
        if outcome is Outcome.DONE:
            return run
        if outcome.final:
            raise MeshlabError(f"the run is not done: {_WORDS[outcome]}. {run.text}")
        raise NotYet(f"the run is {self._words(run)}. When the panel says done, run the cells from here on")

    def _await(self, deadline: float) -> None:
        run = self.run
        assert run is not None
        while time.monotonic() < deadline:
            alive = run.alive
            if run.outcome is Outcome.DONE or not alive:
                return
            time.sleep(LOOK_S)

    # -- what is known

    @property
    def steps(self) -> dict[str, str]:
        """Where each step stands: waiting, working, done, adopted, failed, needs-you, refused."""
        return dict(self._stand)

    @property
    def outcome(self) -> Outcome | None:
        """How the run stands; None where none was started."""
        return None if self.run is None else self.run.outcome

    def hold_command(self) -> str:
        """Gives the shell command that holds the run when no kernel is free to do it."""
        run = self.run.plan.run if self.run else self.plan.run
        where = f"Target.load({str(self.target.directory / 'target.json')!r})"
        return (
            'python -c "from meshlab.provision.run.attach import attach; from meshlab.live.target import Target; '
            f'attach({where}, {self.plan.cluster!r}, {run!r}).hold()"'
        )

    def advice(self) -> str:
        """Gives what to do when this panel is dead."""
        return (
            "A run goes on without it. Run this cell again to attach: nothing is applied twice. "
            f"To hold the run from a terminal:\n{self.hold_command()}"
        )

    def _read(self) -> bool:
        """Takes in what the journal says since the last look; whether there was anything."""
        with self._reading:
            records = self.run.records(self._seq) if self.run else []
            for record in records:
                self._seq = record.seq
                self._started = record.time if self._started is None else self._started
                self._last = record.time
                self._take(record)
        return bool(records)

    def _take(self, record: Record) -> None:
        if record.step in self._stand and record.kind in _STANDS:
            self._stand[record.step] = _STANDS[record.kind]
        stand = _STANDS.get(record.kind, "")
        text = f"{STEP_MARKS.get(stand, '·')} {record.step or 'run'}: {record.text or stand or record.kind.value}"
        self._lines.append((record.time, text))

    def _words(self, run: Attached) -> str:
        outcome = run.outcome
        with Journal(self._path) as journal:
            held = journal.held
        if held and outcome is Outcome.RUNNING and run.alive:
            return "about to hold: nothing more is started, what is in flight finishes"
        if outcome in (Outcome.PENDING, Outcome.RUNNING, Outcome.HELD) and not run.alive:
            return "interrupted: its runner is gone; Resume goes on where it stopped"
        return _WORDS[outcome]

    # -- what is shown

    def status(self) -> str:
        """Gives one line: how it stands, how far it is, what works now."""
        if self.run is None:
            if self.plan.empty:
                return summary(self.plan)
            return f"{summary(self.plan)} Nothing was applied yet."
        outcome, stands = self.run.outcome, self._words(self.run)
        done = sum(state in _OVER for state in self._stand.values())
        said = f"{stands}; {done} of {len(self._stand)} steps"
        if self._started is not None:
            until = time.time() if outcome is Outcome.RUNNING and self.run.alive else (self._last or 0.0)
            said += f", {seconds(max(0.0, until - self._started))}"
        working = [name for name, state in self._stand.items() if state == "working"]
        if working and self.run.alive:
            said += f"; now: {', '.join(working)}"
        text = self.run.text if outcome in (Outcome.FAILED, Outcome.NEEDS_YOU, Outcome.REFUSED) else ""
        return said[0].upper() + said[1:] + (f" - {text}" if text else "")

    def steps_html(self) -> str:
        """Gives the step list as an HTML table: shape and word of each state, then what the step is."""
        rows = "".join(
            f'<tr><td class="{state}" style="padding:1px 8px;white-space:nowrap">{STEP_MARKS[state]} {state}</td>'
            f'<th scope="row" style="text-align:left;padding:1px 8px">{escape(self.plan[name].title)}</th></tr>'
            for name, state in self._stand.items()
        )
        return (
            '<table class="meshlab-steps"><thead><tr><th scope="col">state</th><th scope="col">step</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>"
        )

    def log_html(self) -> str:
        """Gives the last lines of what happened, newest first."""
        zero = self._started or 0.0
        lines = "".join(
            f"<p>{at - zero:6.1f} s  {escape(text)}</p>" for at, text in reversed(self._lines[-LOG_LINES:])
        )
        return f'<div class="meshlab-log" role="log">{lines or "<p>nothing happened yet</p>"}</div>'

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time. It follows the run from now on."""
        if self._shown is None:
            self._shown = self._build()
            self._show()
            if self.run is not None:
                self._follow()
        return self._shown

    def _build(self) -> widgets.VBox:
        import ipywidgets as widgets

        from meshlab.views.panels.parts.pulse import PANEL, Pulse

        box = widgets.Layout
        self._status = widgets.HTML()
        self._bar = widgets.IntProgress(
            max=max(1, len(self._stand)), description="progress", layout=box(width="100%")
        )
        self._table = widgets.HTML()
        self._log = widgets.HTML()
        self._preview = widgets.HTML()
        options = [(f"{number}. {step.title}", step.id) for number, step in enumerate(self.plan, 1)]
        choice = widgets.Dropdown(options=options, description="preview step", layout=box(width="98%"))
        choice.style.description_width = "90px"
        choice.observe(lambda change: self._choose(change["new"]), names="value")
        self._choose(choice.value)
        self._typed = widgets.Text(
            description="approval",
            placeholder=f"type: {phrase(self.plan)}",
            continuous_update=True,  # so that the words are here before the click is
            layout=box(width="320px"),
        )
        self._apply = _button("Apply", "check", "start the run of the plan that you approved")
        self._hold = _button("Hold", "pause", "start nothing more; what is in flight finishes")
        self._resume = _button("Resume", "play", "go on with a run that was held or interrupted")
        self._apply.on_click(lambda _: self._try(lambda: self.apply(self._typed.value)))
        self._hold.on_click(lambda _: self._try(self.hold))
        self._resume.on_click(lambda _: self._try(self.resume))
        steps = widgets.VBox([self._table], layout=box(height="420px", overflow="auto", width="46%"))
        side = widgets.VBox([choice, self._preview], layout=box(width="53%", height="420px", overflow="auto"))
        log = widgets.VBox([self._log], layout=box(max_height="150px", overflow="auto"))
        controls = widgets.HBox(
            [self._typed, self._apply, self._hold, self._resume], layout=box(flex_flow="row wrap")
        )
        self._pulse = Pulse(self.advice())
        panel = widgets.VBox(
            [self._pulse, self._status, self._bar, controls, widgets.HBox([steps, side]), log]
        )
        panel.add_class(PANEL).add_class("meshlab-bringup-panel")
        return panel

    def _choose(self, step: str) -> None:
        self._preview.value = preview_html(self.plan, self.plan[step], self._consequences, self.topology)

    def _try(self, act: Callable[[], None]) -> None:
        try:
            self._message = ""
            act()
        except MeshlabError as error:
            self._message = f"✖ {error}"
        self._show()

    def _show(self) -> None:
        if self._shown is None:
            return
        with self._reading:
            self._show_all()

    def _show_all(self) -> None:
        outcome = self.outcome
        alive = self.run is not None and self.run.alive
        bad = self._message.startswith("✖") or outcome in (Outcome.FAILED, Outcome.NEEDS_YOU, Outcome.REFUSED)
        role, look = ("alert", "meshlab-status bad") if bad else ("status", "meshlab-status")
        said = "<br>".join(escape(text) for text in (self.status(), self._message) if text)
        _set(self._status, f'<div role="{role}" class="{look}">{said}</div>')
        counts = Counter(self._stand.values())
        self._bar.value = sum(counts[state] for state in _OVER)
        self._bar.bar_style = "danger" if bad else "success" if outcome is Outcome.DONE else "info"
        _set(self._table, self.steps_html())
        _set(self._log, self.log_html())
        begun = self.run is not None
        self._typed.disabled = self._apply.disabled = begun
        self._hold.disabled = not alive or outcome is not Outcome.RUNNING
        self._resume.disabled = not begun or outcome is Outcome.DONE or (alive and outcome is Outcome.RUNNING)
        self._pulse.advice = self.advice()

    def _follow(self) -> None:
        """Lets a thread read the journal until the run is over; it only changes what widgets show."""
        self._read()
        self._show()
        if self._shown is None or (self._follower is not None and self._follower.is_alive()):
            return
        self._follower = threading.Thread(target=self._watch, name="meshlab-bringup-panel", daemon=True)
        self._follower.start()

    def _watch(self) -> None:
        pause = threading.Event()
        run = self.run
        assert run is not None
        while not pause.wait(LOOK_S):
            # The order matters: who looks for the end first misses no row written before it.
            over = not run.alive
            try:
                self._read()
                self._show()
            except MeshlabError as error:
                self._message = f"✖ {error}"
                self._show()
                return
            if over and not run.alive:
                return

    def __repr__(self) -> str:
        return f"BringUpPanel of {len(self.plan)} steps for {self.plan.cluster} on {self.target.name}"

    def _repr_mimebundle_(self, **_: Any) -> Any:
        return self.widget()._repr_mimebundle_() | {"text/plain": repr(self)}


def _set(widget: Any, value: str) -> None:
    if widget.value != value:
        widget.value = value


def _button(text: str, icon: str, tooltip: str) -> Any:
    import ipywidgets as widgets

    return widgets.Button(description=text, icon=icon, tooltip=tooltip)
