"""Approval: a person's word for one plan - bound to its hash, good for one run, and not for ever."""

from __future__ import annotations

import getpass
import secrets
import time
from dataclasses import dataclass
from typing import Literal

from meshlab.model import MeshlabError
from meshlab.provision.cluster.journal import Journal
from meshlab.provision.plan.plan import Plan

LIFETIME_S = 900.0


class NotApproved(MeshlabError):
    """There is no valid approval for this plan; the text says what to type."""


@dataclass(frozen=True)
class Approval:
    """A right to run one plan once. `nonce` names it in the journal, where its use is recorded."""

    nonce: str
    plan_hash: str
    purpose: Literal["apply", "override"]
    expires: float


def phrase(plan: Plan, purpose: Literal["apply", "override"] = "apply") -> str:
    """Gives what a person must type to approve a plan (or to override the guard's refusals of it)."""
    word = {"bring-up": "apply", "destroy": "destroy", "maintenance": "apply"}[plan.purpose]
    return f"{word if purpose == 'apply' else 'override'} {plan.short}"


def approve(
    plan: Plan,
    typed: str,
    journal: Journal,
    *,
    purpose: Literal["apply", "override"] = "apply",
    lifetime_s: float = LIFETIME_S,
) -> Approval:
    """Enters a person's typed word for a plan into the journal.

    Raises
    ------
    NotApproved
        The words are not those of this plan.
    """
    wanted = phrase(plan, purpose)
    if " ".join(typed.split()) != wanted:
        raise NotApproved(f"to {purpose} this plan, type exactly: {wanted}")
    approval = Approval(secrets.token_hex(8), plan.hash, purpose, time.time() + lifetime_s)
    journal.enter_approval(approval.nonce, plan.hash, purpose, getpass.getuser(), approval.expires)
    return approval


def consume(approval: Approval | None, plan: Plan, journal: Journal, run: str) -> None:
    """Uses an approval up for a run.

    Raises
    ------
    NotApproved
        There is none, it is for another plan, was used before, or is too old.
    """
    if approval is None:
        raise NotApproved(
            f"this plan changes {len(plan.changes)} things: type `{phrase(plan)}` to approve it"
        )
    if approval.plan_hash != plan.hash:
        raise NotApproved(
            f"the approval is for another plan ({approval.plan_hash[:8]}), not for {plan.short}"
        )
    if not journal.use_approval(approval.nonce, plan.hash, approval.purpose, run):
        raise NotApproved(
            f"the approval was used before or is too old: type `{phrase(plan, approval.purpose)}` again"
        )
