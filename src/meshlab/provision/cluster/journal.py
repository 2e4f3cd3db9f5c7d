"""The journal: the intent is durable before the call, the result after it. SQLite in WAL mode, synchronous=FULL."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.model import LiveError
from meshlab.provision.cluster.records import SETTLED, Kind, Outcome, Record, checksum, dumps

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, step TEXT NOT NULL, kind TEXT NOT NULL,
    attempt INTEGER NOT NULL, life INTEGER NOT NULL, token TEXT NOT NULL, natural_key TEXT NOT NULL,
    request_id TEXT NOT NULL, time REAL NOT NULL, fence INTEGER NOT NULL, text TEXT NOT NULL, data TEXT NOT NULL,
    digest TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS records_by_step ON records (step, kind);
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, plan_hash TEXT NOT NULL, purpose TEXT NOT NULL, serial INTEGER NOT NULL,
    outcome TEXT NOT NULL, started REAL NOT NULL, finished REAL, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS approvals (
    nonce TEXT PRIMARY KEY, plan_hash TEXT NOT NULL, purpose TEXT NOT NULL, person TEXT NOT NULL,
    given REAL NOT NULL, expires REAL NOT NULL, used_by TEXT);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class JournalError(LiveError):
    """The journal cannot be written or read; nothing may be done on the live systems without it."""


class JournalDamaged(JournalError):
    """A row of the journal does not match its checksum."""


class Fenced(LiveError):
    """Another runner has taken over: this one must not act any more."""


@dataclass(frozen=True)
class Run:
    """One run of a plan, as the journal knows it."""

    run: str
    plan_hash: str
    purpose: str
    serial: int
    outcome: Outcome
    started: float
    finished: float | None
    text: str


class Journal:
    """The durable memory of one cluster's runs. Rows are only added; each write checks the fence.

    Parameters
    ----------
    path
        The SQLite file; made if it is not there (unless read-only).
    fence
        The fencing token of this writer (see `lease`); 0 for viewers, which write only approvals and the hold flag.
    clock
        Gives Unix time; replaced in tests.
    """

    def __init__(
        self, path: Path, *, fence: int = 0, clock: Callable[[], float] = time.time, read_only: bool = False
    ) -> None:
        self.path = path
        self.fence = fence
        self._clock = clock
        self._lock = threading.RLock()
        try:
            if read_only and not path.exists():
                raise JournalError(f"there is no journal {path.name} yet: nothing was ever run here")
            if path.exists() and not path.is_file():
                raise JournalError(f"the journal {path.name} is no regular file")
            self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA busy_timeout=30000")
            if not read_only:
                path.chmod(0o600)
                self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise JournalError(f"the journal {path.name} cannot be opened: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- records

    def add(
        self,
        run: str,
        step: str,
        kind: Kind,
        text: str = "",
        *,
        attempt: int = 0,
        token: str = "",
        natural_key: str = "",
        request_id: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> Record:
        """Adds one row; when this returns, it is on disk.

        Raises
        ------
        Fenced
            A newer runner has taken over since.
        JournalError
            The row could not be made durable (disk full, read-only); nothing may be done then.
        """
        record = Record(
            0, run, step, kind, attempt, self.life(), token, natural_key, request_id, self._clock(),
            self.fence, text, dict(data or {}),
        )  # fmt: skip
        with self._transaction() as db:
            self._check_fence(db)
            cursor = db.execute(
                "INSERT INTO records (run, step, kind, attempt, life, token, natural_key, request_id, time, fence,"
                " text, data, digest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
                (
                    record.run,
                    record.step,
                    str(record.kind),
                    record.attempt,
                    record.life,
                    record.token,
                    record.natural_key,
                    record.request_id,
                    record.time,
                    record.fence,
                    record.text,
                    dumps(record.data),
                    record.digest(),
                ),
            )
            seq = cursor.lastrowid or 0
        return Record(**{**record.__dict__, "seq": seq})

    def records(self, run: str | None = None, *, after: int = 0) -> list[Record]:
        """Gives the rows after a sequence number, of one run or of all.

        Raises
        ------
        JournalDamaged
            A row does not match its checksum.
        """
        where, values = ("seq > ?", (after,)) if run is None else ("seq > ? AND run = ?", (after, run))
        rows = self._rows(
            "SELECT seq, run, step, kind, attempt, life, token, natural_key, request_id, time, fence, text,"
            f" data, digest FROM records WHERE {where} ORDER BY seq",
            values,
        )
        return [_record(row) for row in rows]

    def settled(self, run: str) -> dict[str, Mapping[str, Any]]:
        """Gives the durable results of a run, by step."""
        return {record.step: record.data for record in self.records(run) if record.kind in SETTLED}

    def ever(self, step: str) -> list[Record]:
        """Gives what any run of this cluster's present life says of a step (intents, results, adoptions)."""
        life = self.life()
        kinds = {Kind.INTENT, Kind.RESULT, Kind.ADOPTED, Kind.NEVER_HAPPENED}
        return [r for r in self.records() if r.step == step and r.life == life and r.kind in kinds]

    # -- runs

    def begin(self, run: str, plan_hash: str, purpose: str, serial: int) -> None:
        """Enters a new run as pending."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO runs (run, plan_hash, purpose, serial, outcome, started, text) VALUES (?,?,?,?,?,?,'')",
                (run, plan_hash, purpose, serial, str(Outcome.PENDING), self._clock()),
            )

    def set_outcome(self, run: str, outcome: Outcome, text: str = "") -> None:
        """Says how a run stands now."""
        with self._transaction() as db:
            self._check_fence(db)
            db.execute(
                "UPDATE runs SET outcome = ?, text = ?, finished = ? WHERE run = ?",
                (str(outcome), text, self._clock() if outcome.final else None, run),
            )

    def supersede(self, run: str, text: str) -> None:
        """Closes an unfinished run for good, on a person's word."""
        with self._transaction() as db:
            db.execute(
                "UPDATE runs SET outcome = ?, text = ?, finished = ? WHERE run = ?",
                (str(Outcome.SUPERSEDED), text, self._clock(), run),
            )

    def runs(self) -> list[Run]:
        """Gives all runs of the cluster, oldest first."""
        rows = self._rows(
            "SELECT run, plan_hash, purpose, serial, outcome, started, finished, text FROM runs"
            " ORDER BY serial, started",
            (),
        )
        try:
            return [Run(r[0], r[1], r[2], r[3], Outcome(r[4]), r[5], r[6], r[7]) for r in rows]
        except ValueError as error:
            raise JournalDamaged(f"the journal {self.path.name} tells of a run: {error}") from None

    def run(self, run: str) -> Run | None:
        """Gives one run; None where there is none of that name."""
        return next((found for found in self.runs() if found.run == run), None)

    # -- approvals

    def enter_approval(self, nonce: str, plan_hash: str, purpose: str, person: str, expires: float) -> None:
        with self._transaction() as db:
            db.execute(
                "INSERT INTO approvals (nonce, plan_hash, purpose, person, given, expires) VALUES (?,?,?,?,?,?)",
                (nonce, plan_hash, purpose, person, self._clock(), expires),
            )

    def use_approval(self, nonce: str, plan_hash: str, purpose: str, run: str) -> bool:
        """Takes an approval for a run, if it is for this plan, not used and not expired. It works once."""
        with self._transaction() as db:
            cursor = db.execute(
                "UPDATE approvals SET used_by = ? WHERE nonce = ? AND plan_hash = ? AND purpose = ?"
                " AND used_by IS NULL AND expires > ?",
                (run, nonce, plan_hash, purpose, self._clock()),
            )
            return cursor.rowcount == 1

    def overrides(self, plan_hash: str, run: str) -> bool:
        """Says whether the guard's refusals were overridden for this run of this plan."""
        rows = self._rows(
            "SELECT 1 FROM approvals WHERE plan_hash = ? AND purpose = 'override' AND used_by = ?",
            (plan_hash, run),
        )
        return bool(rows)

    # -- state: hold flag, fence, lease, the cluster's life

    def hold(self, on: bool, by: str = "") -> None:
        """Sets or clears the hold flag, which the runner reads between effects, and who did. Durable."""
        with self._transaction() as db:
            self._write(db, "hold", "1" if on else "0")
            self._write(db, "held-by", by if on else "")

    @property
    def held(self) -> bool:
        return self._get("hold", "0") == "1"

    @property
    def held_by(self) -> str:
        """Who set the hold flag; "" where it is not set, or that was not said."""
        return self._get("held-by", "")

    def life(self) -> int:
        """Gives how many times this cluster was destroyed to the end: the number of its present life."""
        return self._number("life")

    def end_life(self) -> None:
        """Says that the cluster is gone for good: what was irreversible in that life does not bind the next."""
        with self._transaction() as db:
            self._check_fence(db)
            self._write(db, "life", str(self.life() + 1))

    def raise_fence(self) -> int:
        """Gives a new fencing token, larger than any before, and makes every older writer stop."""
        with self._transaction() as db:
            fence = self._number("fence") + 1
            self._write(db, "fence", str(fence))
        return fence

    def beat(self, seconds: float) -> None:
        """Renews this writer's lease for so many seconds."""
        with self._transaction() as db:
            self._check_fence(db)
            self._write(db, "lease", json.dumps({"fence": self.fence, "until": self._clock() + seconds}))

    @property
    def lease_until(self) -> float:
        text = self._get("lease", '{"until": 0}')
        try:
            return float(json.loads(text)["until"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise JournalDamaged(f"the journal {self.path.name} says of its lease: {text[:60]!r}") from None

    def drop_lease(self) -> None:
        self._set("lease", json.dumps({"fence": self.fence, "until": 0}))

    def check(self) -> None:
        """Reads every row and its checksum, and SQLite's own integrity check.

        Raises
        ------
        JournalDamaged
            Something does not match.
        """
        verdict = self._rows("PRAGMA integrity_check", ())
        if verdict != [("ok",)]:
            raise JournalDamaged(f"the journal {self.path.name} is damaged: {verdict[0][0]}")
        self.records()

    # -- inside

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise JournalError(
                    f"the journal {self.path.name} cannot be written ({error}); nothing was done after its last row"
                ) from error

    def _check_fence(self, db: sqlite3.Connection) -> None:
        current = self._number("fence")
        if self.fence != current:
            raise Fenced(
                f"another runner (fence {current}) has taken over from this one (fence {self.fence})"
            )

    def _rows(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._db.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise JournalDamaged(f"the journal {self.path.name} cannot be read: {error}") from error

    def _number(self, name: str) -> int:
        text = self._get(name, "0")
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise JournalDamaged(f"the journal {self.path.name} says of its {name}: {text[:60]!r}")
        return int(text)

    def _get(self, name: str, default: str) -> str:
        rows = self._rows("SELECT value FROM state WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else default

    def _set(self, name: str, value: str) -> None:
        with self._transaction() as db:
            self._write(db, name, value)

    @staticmethod
    def _write(db: sqlite3.Connection, name: str, value: str) -> None:
        db.execute(
            "INSERT INTO state (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )


def _record(row: tuple[Any, ...]) -> Record:
    digest = checksum(*row[1:9], repr(row[9]), *row[10:13])
    if digest != row[13]:
        raise JournalDamaged(f"row {row[0]} of the journal does not match its checksum")
    try:
        return Record(
            row[0], row[1], row[2], Kind(row[3]), row[4], row[5], row[6], row[7], row[8], row[9], row[10], row[11],
            json.loads(row[12]),
        )  # fmt: skip
    except (ValueError, TypeError, RecursionError) as error:
        raise JournalDamaged(f"row {row[0]} of the journal is none: {error}") from None
