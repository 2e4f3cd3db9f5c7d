"""Changes of a group's membership: one voter at a time, or through a joint configuration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meshlab.simulate.raft.messages import Change, ChangeKind, ConfChange, Membership
from meshlab.simulate.raft.progress import Inflights, Progress
from meshlab.simulate.raft.quorum import Joint

NO_ONE: frozenset[int] = frozenset()


class MembershipError(Exception):
    """A change that would break the group's rules; the text says which."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who votes and who only learns; `learners_next` are voters of the old half that will be learners."""

    voters: Joint = Joint()
    learners: frozenset[int] = NO_ONE
    learners_next: frozenset[int] = NO_ONE
    auto_leave: bool = False

    def state(self) -> Membership:
        """Gives it in the form that snapshots carry."""
        sets = (self.voters.incoming, self.voters.outgoing, self.learners, self.learners_next)
        incoming, outgoing, learners, learners_next = (tuple(sorted(ids)) for ids in sets)
        return Membership(incoming, outgoing, learners, learners_next, self.auto_leave)

    def __str__(self) -> str:
        text = f"voters={_shown(self.voters.incoming)}"
        if self.voters.outgoing:
            text += f"&&{_shown(self.voters.outgoing)}"
        if self.learners:
            text += f" learners={_shown(self.learners)}"
        if self.learners_next:
            text += f" learners_next={_shown(self.learners_next)}"
        return text + (" autoleave" if self.auto_leave else "")


def _shown(ids: Iterable[int]) -> str:
    return f"({' '.join(f'{member:x}' for member in sorted(ids))})"


Followers = dict[int, Progress]


@dataclass(frozen=True, slots=True)
class Changer:
    """Applies changes to a configuration and its members' progress; gives new ones, leaves these as they are.

    `last_index` is the end of the log, from which new members are probed.
    """

    configuration: Configuration
    followers: Followers
    last_index: int
    max_inflight: int
    max_inflight_bytes: int = 0

    def apply(self, change: ConfChange) -> tuple[Configuration, Followers]:
        """Gives what a committed change leads to. Raises MembershipError where it breaks a rule."""
        if change.leaves_joint:
            return self.leave_joint()
        if change.enters_joint:
            return self.enter_joint(change.auto_leave, *change.changes)
        return self.simple(*change.changes)

    def simple(self, *changes: Change) -> tuple[Configuration, Followers]:
        """Changes at most one voter, and any number of learners."""
        draft = self._draft()
        if draft.outgoing:
            raise MembershipError("can't apply simple config change in joint config")
        draft.take(changes)
        if len(self.configuration.voters.incoming ^ draft.incoming) > 1:
            raise MembershipError("more than one voter changed without entering joint config")
        return draft.checked()

    def enter_joint(self, auto_leave: bool, *changes: Change) -> tuple[Configuration, Followers]:
        """Makes any changes; until the joint configuration is left, old and new majority both have to agree."""
        draft = self._draft()
        if draft.outgoing:
            raise MembershipError("config is already joint")
        if not draft.incoming:
            raise MembershipError("can't make a zero-voter config joint")
        draft.outgoing = set(draft.incoming)
        draft.take(changes)
        draft.auto_leave = auto_leave
        return draft.checked()

    def leave_joint(self) -> tuple[Configuration, Followers]:
        """Drops the old half; those it was waiting for become learners, those in neither half are forgotten."""
        draft = self._draft()
        if not draft.outgoing:
            raise MembershipError("can't leave a non-joint config")
        for member in draft.learners_next:
            draft.learners.add(member)
            draft.followers[member].learner = True
        draft.learners_next.clear()
        for member in draft.outgoing - draft.incoming - draft.learners:
            draft.followers.pop(member, None)
        draft.outgoing.clear()
        draft.auto_leave = False
        return draft.checked()

    def newcomer(self, *, learner: bool) -> Progress:
        """Gives what is known of a member that is new.

        It counts as active, or the quorum check could depose a leader that it had no time to answer.
        """
        inflights = Inflights(self.max_inflight, self.max_inflight_bytes)
        return Progress(0, max(self.last_index, 1), inflights, learner=learner, active=True)

    def _draft(self) -> _Draft:
        draft = _Draft(self)
        draft.check()
        return draft


class _Draft:
    """A configuration under change."""

    def __init__(self, changer: Changer) -> None:
        old = changer.configuration
        self.changer = changer
        self.incoming, self.outgoing = set(old.voters.incoming), set(old.voters.outgoing)
        self.learners, self.learners_next = set(old.learners), set(old.learners_next)
        self.auto_leave = old.auto_leave
        self.followers = {member: progress.copy() for member, progress in changer.followers.items()}

    def take(self, changes: Iterable[Change]) -> None:
        for kind, member in changes:
            if member == 0 or kind is ChangeKind.UPDATE:
                continue
            if kind is ChangeKind.ADD:
                self._add_voter(member)
            elif kind is ChangeKind.LEARNER:
                self._add_learner(member)
            else:
                self._remove(member)
        if not self.incoming:
            raise MembershipError("removed all voters")

    def _add_voter(self, member: int) -> None:
        progress = self.followers.get(member)
        self.incoming.add(member)
        if progress is None:
            self._welcome(member, learner=False)
            return
        progress.learner = False
        self.learners.discard(member)
        self.learners_next.discard(member)

    def _add_learner(self, member: int) -> None:
        progress = self.followers.get(member)
        if progress is None:
            self.learners.add(member)
            self._welcome(member, learner=True)
            return
        if progress.learner:
            return
        self._remove(member)
        self.followers[member] = progress
        if member in self.outgoing:  # still a voter of the old half: a learner only when that is left
            self.learners_next.add(member)
        else:
            progress.learner = True
            self.learners.add(member)

    def _remove(self, member: int) -> None:
        if member not in self.followers:
            return
        for ids in (self.incoming, self.learners, self.learners_next):
            ids.discard(member)
        if member not in self.outgoing:
            del self.followers[member]

    def _welcome(self, member: int, *, learner: bool) -> None:
        self.followers[member] = self.changer.newcomer(learner=learner)

    def check(self) -> None:
        for member in self.incoming | self.outgoing | self.learners | self.learners_next:
            if member not in self.followers:
                raise MembershipError(f"no progress for {member}")
        for member in self.learners_next:
            if member not in self.outgoing:
                raise MembershipError(f"{member} is in LearnersNext, but not Voters[1]")
            if self.followers[member].learner:
                raise MembershipError(f"{member} is in LearnersNext, but is already marked as learner")
        for member in self.learners:
            if member in self.outgoing or member in self.incoming:
                raise MembershipError(f"{member} is in Learners and in Voters")
            if not self.followers[member].learner:
                raise MembershipError(f"{member} is in Learners, but is not marked as learner")
        if not self.outgoing and (self.learners_next or self.auto_leave):
            raise MembershipError("LearnersNext and AutoLeave are of joint configurations only")

    def checked(self) -> tuple[Configuration, Followers]:
        self.check()
        made = Configuration(
            Joint(frozenset(self.incoming), frozenset(self.outgoing)),
            frozenset(self.learners),
            frozenset(self.learners_next),
            self.auto_leave,
        )
        return made, self.followers


def restore(changer: Changer, state: Membership) -> tuple[Configuration, Followers]:
    """Gives the configuration that a snapshot describes; nothing is known of its members' logs."""
    made = Configuration(
        Joint(frozenset(state.voters), frozenset(state.outgoing)),
        frozenset(state.learners),
        frozenset(state.learners_next),
        state.auto_leave,
    )
    followers = {
        member: changer.newcomer(learner=member in made.learners)
        for member in sorted(made.voters.everyone | made.learners)
    }
    return made, followers
