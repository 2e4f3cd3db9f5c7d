"""A stage on which the members of etcd-io/raft's interaction traces play: each directive gives its text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from trace_file import Directive
from trace_text import entries_text, message_text, ready_text

from meshlab.simulate.raft.member import Member
from meshlab.simulate.raft.messages import (
    APPEND_THREAD,
    APPLY_THREAD,
    INFINITE_BYTES,
    TEXT,
    Change,
    ChangeKind,
    ConfChange,
    Entry,
    HardState,
    Kind,
    Membership,
    Message,
    Snapshot,
    Transition,
)
from meshlab.simulate.raft.reads import ReadRule
from meshlab.simulate.raft.ready import Node, UnknownPeer
from meshlab.simulate.raft.settings import Settings
from meshlab.simulate.raft.state import ProposalDropped
from meshlab.simulate.raft.storage import Storage

LEVELS = ("DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE")
KINDS = {text: kind for kind, text in TEXT.items()}


class HistoryStorage(Storage):
    """Storage whose snapshot is always of what is applied by now."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Snapshot] = []

    def snapshot(self) -> Snapshot:
        return self.history[-1]


@dataclass
class Player:
    """One member on the stage, with the work that its two threads have waiting."""

    node: Node
    storage: HistoryStorage
    to_append: list[Message] = field(default_factory=list)
    to_apply: list[Message] = field(default_factory=list)

    @property
    def member(self) -> Member:
        return self.node.member


class Stage:
    """Runs one trace; members never time out by themselves unless a directive lets them."""

    def __init__(self) -> None:
        self.players: list[Player] = []
        self.messages: list[Message] = []
        self._lines: list[str] = []
        self._level = 0

    def run(self, directive: Directive) -> str:
        """Gives the text that a directive leads to."""
        self._lines = []
        handler = getattr(self, "do_" + directive.command.replace("-", "_"), None)
        if handler is None:
            return "unknown command"
        try:
            handler(directive)
        except (ProposalDropped, UnknownPeer) as error:
            if self._level == LEVELS.index("NONE"):
                return str(error)
            self._write(str(error))
        return "".join(self._lines).rstrip("\n") or "ok"

    # --- text

    def _write(self, text: str) -> None:
        if self._level < LEVELS.index("NONE"):
            self._lines.append(text)

    def _line(self, text: str) -> None:
        self._write(f"{text}\n")

    def _tell(self, level: str, text: str) -> None:
        if self._level <= LEVELS.index(level):
            self._line(f"{level} {text}")

    @contextmanager
    def _indented(self) -> Iterator[None]:
        outer, self._lines = self._lines, []
        yield
        inner, self._lines = "".join(self._lines), outer
        self._lines += [f"  {line}\n" for line in inner.splitlines()]

    # --- set-up

    def do_log_level(self, given: Directive) -> None:
        self._level = LEVELS.index(given.plain[0].upper())

    def do_add_nodes(self, given: Directive) -> None:
        index = int(given.keys.get("index", ["0"])[0])
        content = given.keys.get("content", [""])[0].encode()
        members = Membership(tuple(given.numbers("voters")), (), tuple(given.numbers("learners")))
        snapshot = Snapshot(index, 1 if index else 0, members, content)
        settings = Settings(
            election=3,
            heartbeat=1,
            prevote=given.flag("prevote"),
            check_quorum=given.flag("checkquorum"),
            reads=ReadRule(given.keys.get("read-only", ["safe"])[0]),
            max_inflight=int(given.keys.get("inflight", [2**31 - 1])[0]),
            max_committed=int(given.keys.get("max-committed-size-per-ready", [0])[0]),
            max_message=INFINITE_BYTES,
            asynchronous=given.flag("async-storage-writes"),
            checks_changes=not given.flag("disable-conf-change-validation"),
            step_down_on_removal=given.flag("step-down-on-removal"),
        )
        for _ in range(given.number()):
            storage = HistoryStorage()
            storage.history.append(snapshot)
            if index:
                storage.apply_snapshot(snapshot)
            member = Member(len(self.players) + 1, settings, storage, lambda: 10**9, self._tell, index)
            self.players.append(Player(Node(member), storage))

    def _player(self, given: Directive, place: int = 0) -> Player:
        return self.players[given.number(place) - 1]

    def do_set_randomized_election_timeout(self, given: Directive) -> None:
        self._player(given).member.timeout = given.numbers("timeout")[0]

    # --- what is asked of a member

    def do_campaign(self, given: Directive) -> None:
        self._player(given).member.step(Message(Kind.HUP))

    def do_tick_election(self, given: Directive) -> None:
        member = self._player(given).member
        for _ in range(member.settings.election):
            member.tick()

    def do_tick_heartbeat(self, given: Directive) -> None:
        member = self._player(given).member
        for _ in range(member.settings.heartbeat):
            member.tick()

    def do_propose(self, given: Directive) -> None:
        member = self._player(given).member
        entry = Entry(0, 0, given.plain[1].encode())
        member.step(Message(Kind.PROP, sender=member.id, entries=(entry,)))

    def do_propose_conf_change(self, given: Directive) -> None:
        simple = given.flag("v1")
        how = given.keys.get("transition", ["auto"])[0]
        change = ConfChange(changes(given.given), Transition[how.upper()], simple)
        self._player(given).member.step(Message(Kind.PROP, entries=(Entry(0, 0, change=change),)))

    def do_transfer_leadership(self, given: Directive) -> None:
        leader = self.players[given.numbers("from")[0] - 1].member
        leader.step(Message(Kind.TRANSFER_LEADER, sender=given.numbers("to")[0]))

    def do_forget_leader(self, given: Directive) -> None:
        self._player(given).member.step(Message(Kind.FORGET_LEADER))

    def do_report_unreachable(self, given: Directive) -> None:
        self._player(given).member.step(Message(Kind.UNREACHABLE, sender=given.number(1)))

    def do_send_snapshot(self, given: Directive) -> None:
        player = self._player(given)
        message = Message(
            Kind.SNAP,
            to=given.number(1),
            sender=player.member.id,
            term=player.member.term,
            snapshot=player.storage.snapshot(),
        )
        self.messages.append(message)
        self._write(message_text(message))

    def do_compact(self, given: Directive) -> None:
        self._player(given).storage.compact(given.number(1))
        self.do_raft_log(given)

    # --- looking

    def do_raft_log(self, given: Directive) -> None:
        storage = self._player(given).storage
        first, last = storage.first_index, storage.last_index
        if last < first:
            self._write(f"log is empty: first index={first}, last index={last}")
        else:
            self._write(entries_text(storage.entries(first, last + 1, INFINITE_BYTES)))

    def do_raft_state(self, _: Directive) -> None:
        for member in (player.member for player in self.players):
            votes = member.id in member.configuration.voters.everyone
            self._line(
                f"{member.id}: {member.role.value} {'(Voter)' if votes else '(Non-Voter)'} "
                f"Term:{member.term} Lead:{member.lead}"
            )

    def do_status(self, given: Directive) -> None:
        member = self._player(given).member
        if member.role.value == "StateLeader":
            for ident, progress in sorted(member.followers.items()):
                self._line(f"{ident}: {progress}")

    # --- messages and work

    def do_deliver_msgs(self, given: Directive) -> None:
        kind = KINDS[given.keys["type"][0]] if "type" in given.keys else None
        delivered = sum(self._deliver(int(ident), kind, drop=False) for ident in given.plain)
        delivered += sum(self._deliver(ident, kind, drop=True) for ident in given.numbers("drop"))
        if not delivered:
            self._line("no messages")

    def _deliver(self, to: int, kind: Kind | None = None, *, drop: bool = False) -> int:
        chosen = [
            m for m in self.messages
            if m.to == to and not (drop and m.stays) and (kind is None or m.kind is kind)
        ]  # fmt: skip
        self.messages = [m for m in self.messages if not any(m is other for other in chosen)]
        for message in chosen:
            self._line(f"{'dropped: ' if drop else ''}{message_text(message)}")
            if not drop:
                try:
                    self.players[to - 1].node.step(replace(message))
                except (ProposalDropped, UnknownPeer) as error:
                    self._line(str(error))
        return len(chosen)

    def _each(self, given: Directive, what: str, work: Callable[[Player], None]) -> None:
        for ident in (int(text) for text in given.plain):
            player = self.players[ident - 1]
            if len(given.plain) == 1:
                work(player)
                continue
            self._line(f"> {ident} {what}")
            with self._indented():
                work(player)

    def do_process_ready(self, given: Directive) -> None:
        self._each(given, "handling Ready", self._handle_ready)

    def do_process_append_thread(self, given: Directive) -> None:
        self._each(given, "processing append thread", self._append)

    def do_process_apply_thread(self, given: Directive) -> None:
        self._each(given, "processing apply thread", self._apply)

    def _handle_ready(self, player: Player) -> None:
        batch = player.node.ready()
        self._write(ready_text(batch))
        threads = {APPEND_THREAD: player.to_append, APPLY_THREAD: player.to_apply}
        asynchronous = player.member.settings.asynchronous
        if not asynchronous:
            self._store(player, batch.hard, batch.snapshot, batch.entries)
            self._apply_entries(player, batch.committed)
        for message in batch.messages:
            threads.get(message.to, self.messages).append(message)
        if not asynchronous:
            player.node.advance()

    def _append(self, player: Player) -> None:
        if not player.to_append:
            self._write("no append work to perform")
            return
        work = player.to_append.pop(0)
        self._processing(work)
        hard = HardState(work.term, work.vote, work.commit)
        self._store(player, hard if hard != HardState() else None, work.snapshot, work.entries)
        self._responses(work)

    def _apply(self, player: Player) -> None:
        if not player.to_apply:
            self._write("no apply work to perform")
            return
        work = player.to_apply.pop(0)
        self._processing(work)
        self._apply_entries(player, work.entries)
        self._responses(work)

    def _processing(self, work: Message) -> None:
        self._line("Processing:")
        self._line(message_text(replace(work, responses=())))

    def _responses(self, work: Message) -> None:
        self._line("Responses:")
        for response in work.responses:
            self._line(message_text(response))
        self.messages += work.responses

    def _store(
        self, player: Player, hard: HardState | None, snapshot: Snapshot | None, entries: tuple[Entry, ...]
    ) -> None:
        if hard is not None:
            player.storage.hard = hard
        if snapshot is not None:
            player.storage.apply_snapshot(snapshot)
        else:
            player.storage.append(entries)

    def _apply_entries(self, player: Player, entries: Iterable[Entry]) -> None:
        for entry in entries:
            last = player.storage.history[-1]
            members = last.members if entry.change is None else player.member.apply_change(entry.change)
            player.storage.history.append(Snapshot(entry.index, entry.term, members, last.data + entry.data))

    # --- until nothing is left to do

    def do_stabilize(self, given: Directive) -> None:
        level = self._level
        if "log-level" in given.keys:
            self._level = LEVELS.index(given.keys["log-level"][0].upper())
        chosen = [self.players[int(text) - 1] for text in given.plain] or self.players
        while self._settle(chosen):
            pass
        self._level = level

    def _settle(self, players: list[Player]) -> bool:
        busy = False
        for player in players:
            if player.node.has_ready:
                busy = self._scene(player, "handling Ready", lambda: self._handle_ready(player))  # noqa: B023
        for player in players:
            ident = player.member.id
            if any(message.to == ident for message in self.messages):
                busy = self._scene(player, "receiving messages", lambda: self._deliver(ident))  # noqa: B023
        for player in players:
            if player.to_append:
                busy = self._scene(player, "processing append thread", lambda: self._drain_append(player))  # noqa: B023
        for player in players:
            if player.to_apply:
                busy = self._scene(player, "processing apply thread", lambda: self._drain_apply(player))  # noqa: B023
        return busy

    def _scene(self, player: Player, what: str, work: Callable[[], object]) -> bool:
        self._line(f"> {player.member.id} {what}")
        with self._indented():
            work()
        return True

    def _drain_append(self, player: Player) -> None:
        while player.to_append:
            self._append(player)

    def _drain_apply(self, player: Player) -> None:
        while player.to_apply:
            self._apply(player)


def changes(text: str) -> tuple[Change, ...]:
    """Gives the changes that tokens like ``v2 l3 r1 u4`` stand for."""
    return tuple(Change(ChangeKind(token[0]), int(token[1:])) for token in text.split())
