"""Silence is not absence: what nobody answers for is never planned as a creation, and drift says so."""

from __future__ import annotations

import pytest
from fake_world import Named, World, operation, plan_of, step
from test_executor import context

from meshlab.live.secret import Secret
from meshlab.live.target import Target
from meshlab.provision.compare import compare
from meshlab.provision.plan.plan import Action
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Waiting
from meshlab.provision.systems.outcome import Absent, Probe, StepFailed, Unclear, Unreachable
from meshlab.provision.systems.talos.config_drift import config_drift


@operation("fake.silent")
class Silent(Named):
    """Nobody answers."""

    def probe(self, context: Context) -> Probe:
        raise StepFailed("no answer from 10.0.0.1", "retry", silent=True)


@operation("fake.not-yet")
class NotYet(Waiting):
    """Waits for what does not come."""

    def look(self, context: Context) -> Probe:
        return Absent("1 of 3 are there")


@operation("fake.contradiction")
class Contradiction(Named):
    """Two answers."""

    def probe(self, context: Context) -> Probe:
        return Unclear("there are two of them")


def test_who_does_not_answer_is_neither_there_nor_to_be_created(world: World, target: Target) -> None:
    plan = compare(plan_of(step(world.path, "machine", "silent")), context(target))
    assert plan.actions == {"machine": Action.UNREACHABLE}
    assert plan.reasons == {"machine": "not looked at (no answer from 10.0.0.1)"}
    assert [s.id for s in plan.unseen] == ["machine"]


def test_what_was_not_seen_still_needs_an_approval(world: World, target: Target) -> None:
    plan = compare(plan_of(step(world.path, "machine", "silent")), context(target))
    assert not plan.empty and plan.monthly_cost == 0


def test_below_silence_what_answers_is_still_looked_at(world: World, target: Target) -> None:
    world.create("there")
    steps = (
        step(world.path, "machine", "silent"),
        step(world.path, "there", "named", "machine"),
        step(world.path, "gone", "named", "machine"),
        step(world.path, "voters", "not-yet", "machine"),
    )
    plan = compare(plan_of(*steps), context(target))
    assert plan.actions["there"] is Action.UNCHANGED
    assert plan.actions["gone"] is Action.CREATE
    assert plan.actions["voters"] is Action.UNREACHABLE
    assert "1 of 3 are there (below machine" in plan.reasons["voters"]


def test_a_wait_that_nothing_silent_explains_is_a_difference(world: World, target: Target) -> None:
    plan = compare(plan_of(step(world.path, "voters", "not-yet")), context(target))
    assert plan.actions == {"voters": Action.CREATE}


def test_a_dark_machine_is_not_gone_already_for_a_destroy(world: World, target: Target) -> None:
    plan = plan_of(step(world.path, "machine", "silent", intent="remove"), purpose="destroy")
    assert compare(plan, context(target)).actions == {"machine": Action.UNREACHABLE}


def test_a_contradiction_still_needs_a_person(world: World, target: Target) -> None:
    with pytest.raises(StepFailed, match="two of them"):
        compare(plan_of(step(world.path, "machine", "contradiction")), context(target))


CONFIG = "version: v1alpha1\nmachine: {{type: worker, token: {token}, ca: {{crt: Y2E=, key: {key}}}}}\n"


def text(value: str) -> Secret[str]:
    return Secret(value, name="a machine configuration")


def test_a_configuration_equal_to_the_plans_has_no_drift() -> None:
    same = CONFIG.format(token="t", key="a2V5")
    assert config_drift(text(same), text(same + "---\n")) == ()


def test_secrets_are_compared_and_never_shown() -> None:
    found = config_drift(
        text(CONFIG.format(token="canary1", key="canary2")),
        text(CONFIG.format(token="canary3", key="canary4")),
    )
    assert found == ("machine.ca.key is another (not shown)", "machine.token is another (not shown)")


def test_a_document_more_or_less_is_named_and_what_the_plan_does_not_set_is_not_shown() -> None:
    wanted = CONFIG.format(token="t", key="k") + "---\nkind: HostnameConfig\nhostname: worker-1\n"
    live = CONFIG.format(token="t", key="k").replace("type: worker", "type: worker, env: {PASS: canary}")
    assert config_drift(text(wanted), text(live)) == (
        "the document HostnameConfig is not there",
        "machine.env is set, which the plan does not do",
    )


def test_silence_is_its_own_outcome_of_a_look() -> None:
    assert not isinstance(Unreachable("no answer"), Absent)
