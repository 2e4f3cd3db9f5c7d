"""The directives of the quorum and membership traces: arithmetic without members."""

from __future__ import annotations

from trace_file import Directive
from trace_stage import changes

from meshlab.simulate.raft.membership import Changer, Configuration, MembershipError
from meshlab.simulate.raft.quorum import INFINITE, Joint


class Arithmetic:
    """Runs a file of ``quorum/``: ``committed`` and ``vote`` for given voters."""

    def run(self, given: Directive) -> str:
        incoming = given.numbers("cfg")
        outgoing = [] if given.keys.get("cfgj") == ["zero"] else given.numbers("cfgj")
        joint = Joint(frozenset(incoming), frozenset(outgoing))
        swapped = Joint(joint.outgoing, joint.incoming)
        order = list(dict.fromkeys(incoming + outgoing))
        values = given.keys.get("idx" if given.command == "committed" else "votes", [])
        if len(values) != len(order):
            shown = f"map[{' '.join(f'{voter}:{{}}' for voter in sorted(order))}]"
            return f"error: mismatched input (explicit or _) for voters {shown}: [{' '.join(map(_plain, values))}]"
        known = {voter: value for voter, value in zip(order, values, strict=True) if value != "_"}
        if given.command == "vote":
            votes = {voter: value == "y" for voter, value in known.items()}
            assert joint.verdict(votes) is swapped.verdict(votes)
            return joint.verdict(votes).value
        acknowledged = {voter: int(value) for voter, value in known.items()}
        index = joint.committed(acknowledged)
        assert index == swapped.committed(acknowledged)
        return f"{_drawn(order, acknowledged)}{'∞' if index == INFINITE else index}"


def _plain(value: str) -> str:
    return {"_": "0", "n": "1", "y": "2"}.get(value, value)


def _drawn(voters: list[int], acknowledged: dict[int, int]) -> str:
    """Gives the picture of the acknowledged indexes: one more x for each voter that is behind."""
    if not voters:
        return "<empty majority quorum>"
    width = len(voters)
    values = [acknowledged.get(voter, 0) for voter in voters]
    lines = [" " * width + "    idx"]
    for voter in sorted(voters):
        value = acknowledged.get(voter, 0)
        bar = sum(other < value for other in values)
        mark = "x" * bar + ">" + " " * (width - bar) if voter in acknowledged else "?" + " " * width
        lines.append(f"{mark} {value:5d}    (id={voter:x})")
    return "\n".join(lines) + "\n"


class Memberships:
    """Runs a file of ``confchange/``: changes of one configuration, in order."""

    def __init__(self) -> None:
        self.changer = Changer(Configuration(), {}, 0, 10)

    def run(self, given: Directive) -> str:
        before = self.changer
        asked = changes(given.given)
        try:
            match given.command:
                case "simple":
                    made = before.simple(*asked)
                case "enter-joint":
                    made = before.enter_joint(given.flag("autoleave"), *asked)
                case "leave-joint" if not asked:
                    made = before.leave_joint()
                case "leave-joint":
                    raise MembershipError("this command takes no input")
                case _:
                    return "unknown command"
        except MembershipError as error:
            self.changer = Changer(before.configuration, before.followers, before.last_index + 1, 10)
            return str(error)
        self.changer = Changer(*made, before.last_index + 1, 10)
        lines = [f"{member}: {progress}" for member, progress in sorted(made[1].items())]
        return "\n".join([str(made[0]), *lines])
