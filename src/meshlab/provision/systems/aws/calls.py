"""Calls to AWS as operations: tagged, found again by token, natural key or tag; errors turned into reactions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from meshlab.provision.systems.context import Context
from meshlab.provision.systems.interface import Operation
from meshlab.provision.systems.outcome import Absent, Found, Probe, Reaction, Result, StepFailed

if TYPE_CHECKING:
    from meshlab.live.aws.session import AwsSession


TAG = "meshlab:cluster"
PART = "meshlab:part"


@contextmanager
def aws_errors(what: str) -> Iterator[None]:
    """Turns an AWS error into what the executor does about it (facts: live-bringup 1.3)."""
    from meshlab.live.aws.errors import AwsError, ErrorKind

    reactions: dict[ErrorKind, Reaction] = {
        ErrorKind.THROTTLED: "retry",
        ErrorKind.UNREACHABLE: "retry",
        ErrorKind.LAGGING: "retry",
        ErrorKind.NOT_READY: "retry",
        ErrorKind.DEPENDENCY: "retry",
        ErrorKind.TOKEN_SPENT: "retry",
        ErrorKind.UNKNOWN_OUTCOME: "unknown",
        ErrorKind.EXISTS: "unknown",
    }
    try:
        yield
    except AwsError as error:
        reaction = reactions.get(error.kind, "stop")
        spent = error.kind in (ErrorKind.TOKEN_SPENT, ErrorKind.CAPACITY)
        silent = error.kind is ErrorKind.UNREACHABLE
        raise StepFailed(f"{what}: {error}", reaction, error.request_id, spent=spent, silent=silent) from None


class AwsOperation(Operation):
    """An operation on one AWS object of one kind, which carries our tags; `kind` is EC2's name of it."""

    lags = True
    kind: ClassVar[str] = ""

    def tags(self, context: Context) -> dict[str, str]:
        """Gives the tags that make the object ours and findable: cluster and part are unique together."""
        part = str(self.settings["part"])
        return {TAG: context.cluster, PART: part, "Name": f"{context.cluster}-{part}"}

    def find(self, context: Context) -> Any:
        """Gives the one object with our tags; None where there is none.

        Raises
        ------
        StepFailed
            There are two: only a person can say which one counts.
        """
        from meshlab.live.aws.sweep import find_by_tag

        tags = {TAG: context.cluster, PART: str(self.settings["part"])}
        found = find_by_tag(context.connections.aws, self.kind, tags)
        if len(found) > 1:
            names = ", ".join(thing.id for thing in found)
            raise StepFailed(
                f"there are {len(found)} of {self.step.title!r} with our tags: {names}; remove all but one",
                "needs-you",
            )
        return found[0] if found else None

    def probe(self, context: Context) -> Probe:
        with aws_errors(self.step.title):
            thing = self.find(context)
            if thing is None:
                return Absent()
            return Found(self.describe(thing), tuple(self.differences(thing, context)))

    def perform(self, context: Context) -> Result:
        with aws_errors(self.step.title):
            result = self.make(context, context.connections.aws)
        return result | {"request_id": context.connections.request_ids()}

    def undo(self, context: Context) -> Result:
        with aws_errors(self.step.title):
            thing = self.find(context)
            if thing is not None:
                gone(lambda: self.remove(thing, context.connections.aws, context))
        return {"request_id": context.connections.request_ids()}

    def describe(self, thing: Any) -> Result:
        return {"id": thing.id}

    def differences(self, thing: Any, context: Context) -> Iterator[str]:
        """Says where the object is not as the plan wants it."""
        yield from ()

    @abstractmethod
    def make(self, context: Context, aws: AwsSession) -> Result:
        """Makes it, or makes it as it should be."""

    def remove(self, thing: Any, aws: AwsSession, context: Context) -> None:
        """Removes it; overridden where there is something to remove."""


def gone(call: Any) -> None:
    """Calls a removal; what is not there any more needs none."""
    from meshlab.live.aws.errors import AwsError, ErrorKind

    try:
        call()
    except AwsError as error:
        if error.kind is not ErrorKind.NOT_FOUND:
            raise
