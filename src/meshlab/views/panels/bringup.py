"""The bring-up panel: a plan's steps, each with its preview; approve, apply, hold, resume; and what happens.

It is a viewer. The run is a process of its own; the panel reads its journal and changes what it shows. When the
kernel dies the picture is lost, not the run: running the cell again attaches to it.
"""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from meshlab.model import MeshlabError, Topology
from meshlab.provision.cluster.approval import approve, phrase
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.cluster.records import Outcome, Record
from meshlab.provision.cluster.workspace import Workspace
from meshlab.provision.plan.preview import seconds, summary
from meshlab.provision.run.attach import RUNNER, Attached, attach, start_or_attach
from meshlab.views.panels.parts.gate import NotYet, approved_beforehand
from meshlab.views.panels.parts.panel import ADVICE, Panel, in_turn, put
from meshlab.views.panels.parts.run_words import OVER, STANDS, WORDS, stands_so
from meshlab.views.panels.parts.step_preview import Consequences, preview_html
from meshlab.views.panels.parts.steps import STEP_MARKS, StepList, counted, steps_html

if TYPE_CHECKING:
    import ipywidgets as widgets

    from meshlab.live.target import Target
    from meshlab.provision.plan.plan import Plan

LOOK_S = 0.25
LOG_LINES = 300
BAD = (Outcome.FAILED, Outcome.NEEDS_YOU, Outcome.REFUSED)


class BringUpPanel(Panel):
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

    name = "meshlab-bringup-panel"

    def __init__(
        self, plan: Plan, topology: Topology, target: Target, *, runner: Sequence[str] = RUNNER
    ) -> None:
        super().__init__()
        self.topology = topology
        self.target = target
        self._runner = tuple(runner)
        self._path = Workspace.of(target, plan.cluster).journal
        self.run, self.plan = self._known(plan)
        self._stand = {step.id: "waiting" for step in self.plan}
        self._lines: list[tuple[float, str]] = []
        self._seq = 0
        self._message = ""
        self._started: float | None = None
        self._last: float | None = None
        self._consequences = Consequences(self.plan, topology)
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

    @in_turn
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

    @in_turn
    def hold(self) -> None:
        """Asks the run to start nothing more: a flag in its journal, which outlives this kernel."""
        if self.run is not None:
            self.run.hold()
            self._message = ""
            self._refresh()

    @in_turn
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
            raise MeshlabError(f"the run is not done: {WORDS[outcome]}. {run.text}")
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
        """Gives the shell command that holds the run when no kernel is free to do it; none where no run is."""
        if self.run is None or self.run.outcome is Outcome.DONE:
            return ""
        target = "" if self.target.name == "embedded" else f" --target {self.target.name}"
        return f"meshlab hold {shlex.quote(self.topology.origin or 'SPEC')}{target}"

    def advice(self) -> str:
        """Gives what to do when this panel is dead."""
        if not (command := self.hold_command()):
            return ADVICE
        return (
            f"The run goes on without it; attaching again applies nothing twice. {ADVICE}\n"
            f"To hold the run, in a terminal: {command}"
        )

    def regions(self) -> dict[str, str]:
        return {
            "meshlab-preview-box": "preview of the step",
            "meshlab-log-box": "what happened, newest first",
        }

    def _read(self) -> bool:
        """Takes in what the journal says since the last look; whether there was anything."""
        with self._turn:
            records = self.run.records(self._seq) if self.run else []
            for record in records:
                self._seq = record.seq
                self._started = record.time if self._started is None else self._started
                self._last = record.time
                self._take(record)
        return bool(records)

    def _take(self, record: Record) -> None:
        if record.step in self._stand and record.kind in STANDS:
            self._stand[record.step] = STANDS[record.kind]
        stand = STANDS.get(record.kind, "")
        title = self.plan[record.step].title if record.step in self._stand else "the run"
        text = f"{STEP_MARKS.get(stand, '·')} {title}: {record.text or stand or record.kind.value}"
        self._lines.append((record.time, text))

    def _words(self, run: Attached) -> str:
        with Journal(self._path) as journal:
            held = journal.held
        return stands_so(run.outcome, alive=run.alive, held=held)

    # -- what is shown

    def status(self) -> str:
        """Gives one line: how it stands, how far it is, what works now."""
        if self.run is None:
            if self.plan.empty:
                return summary(self.plan)
            return f"{summary(self.plan)} Nothing was applied yet."
        outcome, stands = self.run.outcome, self._words(self.run)
        done = sum(state in OVER for state in self._stand.values())
        said = f"{stands}; {done} of {len(self._stand)} steps"
        if self._started is not None:
            until = time.time() if outcome is Outcome.RUNNING and self.run.alive else (self._last or 0.0)
            said += f", {seconds(max(0.0, until - self._started))}"
        working = [name for name, state in self._stand.items() if state == "working"]
        if working and self.run.alive:
            titles = [self.plan[name].title for name in working]
            said += f"; now: {titles[0]}" + (f" (and {len(titles) - 1} more)" if len(titles) > 1 else "")
        text = self.run.text if outcome in BAD else ""
        return said[0].upper() + said[1:] + (f" - {text}" if text else "")

    def steps_html(self) -> str:
        """Gives the step list as an HTML table: shape and word of each state, then what the step is."""
        return steps_html((state, self.plan[name].title) for name, state in self._stand.items())

    def html(self) -> str:
        """Gives how it went, and every step with how it stands: what a saved notebook shows."""
        begun = self._started is not None and self._last is not None
        took = f" in {seconds((self._last or 0.0) - (self._started or 0.0))}" if begun else ""
        said = f"{len(self.plan)} steps: {counted(self._stand)}{took}"
        return f"<p><b>{escape(said)}</b></p>{self.steps_html()}"

    def log_html(self) -> str:
        """Gives the last lines of what happened, newest first."""
        zero = self._started or 0.0
        lines = "".join(
            f"<p>{at - zero:6.1f} s  {escape(text)}</p>" for at, text in reversed(self._lines[-LOG_LINES:])
        )
        return f'<div class="meshlab-log" role="log">{lines or "<p>nothing happened yet</p>"}</div>'

    def widget(self) -> widgets.VBox:
        """Gives the panel to display; the same one each time. It follows the run from now on."""
        shown = super().widget()
        if self.run is not None:
            self._follow()
        return shown

    def _build(self) -> Sequence[widgets.Widget]:
        import ipywidgets as widgets

        box = widgets.Layout
        self._status, self._log, self._preview, self._ask = (widgets.HTML() for _ in range(4))
        self._bar = widgets.IntProgress(
            max=max(1, len(self._stand)), description="progress", layout=box(width="98%")
        )
        self._steps = StepList(
            titles=[[step.id, f"{n}. {step.title}"] for n, step in enumerate(self.plan, 1)]
        )
        self._steps.stands = dict(self._stand)
        self._steps.observe(lambda change: self._choose(change["new"]), names="chosen")
        if self._stand:
            self._steps.chosen = next(iter(self._stand))
        self._typed = widgets.Text(
            description="approval",
            continuous_update=True,  # so that the words are here before the click is
            layout=box(width="320px"),
        )
        self._apply = _button("Apply", "check", "start the run of the plan that you approved")
        self._hold = _button("Hold", "pause", "start nothing more; what is in flight finishes")
        self._resume = _button("Resume", "play", "go on with a run that was held or interrupted")
        self._apply.on_click(lambda _: self._try(lambda: self.apply(self._typed.value), "starting the run …"))
        self._hold.on_click(lambda _: self._try(self.hold, "holding …"))
        self._resume.on_click(lambda _: self._try(self.resume, "going on …"))
        preview = widgets.VBox([self._preview])
        preview.add_class("meshlab-preview-box")
        side = widgets.Box([self._steps, preview])
        side.add_class("meshlab-side")
        log = widgets.VBox([self._log])
        log.add_class("meshlab-log-box")
        controls = widgets.HBox(
            [self._typed, self._apply, self._hold, self._resume], layout=box(flex_flow="row wrap")
        )
        # What grows stands below what is pressed: nothing moves under the pointer.
        return [self._ask, controls, self._bar, self._status, side, log]

    def _choose(self, step: str) -> None:
        put(self._preview, preview_html(self.plan, self.plan[step], self._consequences, self.topology))

    def _try(self, act: Callable[[], None], meanwhile: str) -> None:
        with self._turn:
            self._message = f"▶ {meanwhile}"
            self._refresh()
            try:
                act()
                self._message = ""
            except MeshlabError as error:
                self._message = f"✖ {error}"
            self._refresh()

    def _asked(self) -> str:
        """What has to be typed, as long as it has to be."""
        words = f"<code>{escape(phrase(self.plan))}</code>"
        if self.run is not None:
            return f"Approved: {words}" if self.plan.changes else ""
        if not self.plan.changes:
            return "Nothing has to be approved: nothing would change."
        return f"To approve this plan, type: {words}"

    @in_turn
    def _refresh(self) -> None:
        if self._whole is None:
            return
        outcome = self.outcome
        alive = self.run is not None and self.run.alive
        bad = self._message.startswith("✖") or outcome in BAD
        role, look = ("alert", "meshlab-status bad") if bad else ("status", "meshlab-status")
        said = "<br>".join(escape(text) for text in (self.status(), self._message) if text)
        put(self._status, f'<div role="{role}" class="{look}">{said}</div>')
        put(self._ask, f'<div class="meshlab-words">{self._asked()}</div>')
        self._bar.value = sum(state in OVER for state in self._stand.values())
        self._bar.bar_style = "danger" if bad else "success" if outcome is Outcome.DONE else "info"
        self._steps.stands = dict(self._stand)
        put(self._log, self.log_html())
        begun = self.run is not None
        if begun:
            self._typed.value = ""
        self._typed.disabled = self._apply.disabled = begun
        self._hold.disabled = not alive or outcome is not Outcome.RUNNING
        self._resume.disabled = not begun or outcome is Outcome.DONE or (alive and outcome is Outcome.RUNNING)
        self._pulse.advice = self.advice()

    def _follow(self) -> None:
        """Lets a thread read the journal until the run is over; it only changes what widgets show."""
        self._read()
        self._refresh()
        with self._turn:
            if self._whole is None or (self._follower is not None and self._follower.is_alive()):
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
                self._refresh()
            except MeshlabError as error:
                self._message = f"✖ {error}"
                self._refresh()
                return
            if over and not run.alive:
                return

    def __repr__(self) -> str:
        return f"BringUpPanel of {len(self.plan)} steps for {self.plan.cluster} on {self.target.name}"


def _button(text: str, icon: str, tooltip: str) -> Any:
    import ipywidgets as widgets

    return widgets.Button(description=text, icon=icon, tooltip=tooltip)
