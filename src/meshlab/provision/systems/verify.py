"""The proof: each claim of the design measured on the running cluster, one line each."""

from __future__ import annotations

from meshlab.model import LiveError
from meshlab.provision.plan.draft import Draft
from meshlab.provision.plan.durations import Takes
from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Claim, Operation, Subject, System
from meshlab.provision.systems.outcome import Absent, Probe, Result, StepFailed
from meshlab.provision.systems.table import SYSTEMS

HOLDS = "holds"
"""How a claim that holds begins when it is told on the way."""
CLAIMS = Takes(10.0, 0.3, 3.0)


class VerifyClaims(Operation):
    """Runs every check; a check that cannot measure says so, and its claim does not hold."""

    name = "verify.claims"
    repeatable = True

    def probe(self, context: Context) -> Probe:
        return Absent("claims are measured anew each time")

    def perform(self, context: Context) -> Result:
        claims = verify(context, Subject(self.settings["machines"], self.settings["parts"]))
        for claim in claims:
            context.say(f"{HOLDS if claim.holds else 'DOES NOT HOLD'}: {claim.claim} ({claim.measured})")
        failed = [claim.claim for claim in claims if not claim.holds]
        said = f"{len(claims) - len(failed)} of {len(claims)} claims hold"
        if failed:
            said += "; not: " + "; ".join(failed)
        return {"holds": not failed, "said": said, "claims": [claim.to_dict() for claim in claims]}


def verify(context: Context, subject: Subject) -> list[Claim]:
    """Gives every claim of every system with its measurement."""
    found: list[Claim] = []
    for check in (check for system in SYSTEMS for check in system.claims):
        try:
            found += check(context, subject)
        except (StepFailed, LiveError) as error:
            what = (check.__doc__ or check.__name__).strip().rstrip(".")
            found.append(Claim(what, f"cannot be measured: {error}", False))
    return found


def verify_steps(draft: Draft) -> None:
    """Adds the proof, after everything else."""
    draft.add(
        "verify/claims",
        "verify.claims",
        "Prove each claim of the design",
        "What was asked for is measured on the running cluster, claim by claim; nothing is taken on trust.",
        CLAIMS,
        *draft.ends,
        intent="check",
        settings={
            "machines": [
                {"name": m.name, "role": m.role, "address": m.address, "place": m.place}
                for m in draft.topology.machines
            ],
            "parts": {system.name: system.claimed(draft) for system in SYSTEMS},
        },
    )


SYSTEM = System("verify", operations=(VerifyClaims,), bring_up=verify_steps)
