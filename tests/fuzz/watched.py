"""A process that takes spoiled files one after the other, and one beside it that looks at its time and memory."""

from __future__ import annotations

import multiprocessing
import random
import resource
import shutil
import tempfile
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import psutil
from sound_documents import documents, incident
from spoiling import spoiled
from taking import FORMS, INCIDENT_FORMS, take

HANG_S = 10.0
"""Seconds of processor time after which a file hangs its reader."""
BLOCKED_S = 300.0
"""Seconds of waiting, on a machine however busy, after which it does so too."""
MEMORY = 2**30
KINDS = tuple(sorted(documents()))


@dataclass(frozen=True)
class Case:
    """One spoiled file: the format, and the seed that everything else of it follows from."""

    kind: str
    seed: int

    def lay_out(self, folder: Path) -> Path:
        """Writes the file into a folder, and gives what the command would be given."""
        dice = random.Random(f"{self.kind}:{self.seed}")
        document = dice.choice(documents()[self.kind])
        if self.kind != "incident":
            path = folder / {"drawing": "drawing.md", "open-psa": "tree.xml", "target": "target.json"}.get(
                self.kind, "file.yaml"
            )
            path.write_bytes(spoiled(document, FORMS[self.kind], dice))
            return path
        for name, text in incident().items():
            data = text.encode()
            if name == document:
                data = spoiled(text, INCIDENT_FORMS[Path(name).suffix], dice)
            (folder / name).write_bytes(data)
        return folder


@dataclass(frozen=True)
class Outcome:
    """What came of a case: ``answered``, ``refused``, ``traceback``, ``hang`` or ``memory``; CPU seconds, bytes."""

    what: str
    text: str
    seconds: float = 0.0
    memory: int = 0

    @property
    def sound(self) -> bool:
        return self.what in ("answered", "refused")


class Watched:
    """The process; it is made anew after a hang."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshlab-fuzz-"))
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def outcome(self, case: Case) -> Outcome:
        """Gives what came of a case."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        path = case.lay_out(self.folder)
        process = psutil.Process(self._process.pid or 0)
        began, used, before = time.monotonic(), self._used(process), process.memory_info().rss
        peak = before
        self._pipe.send((case.kind, path))
        try:
            while not self._pipe.poll(0.05):
                peak = max(peak, process.memory_info().rss)
                if self._used(process) - used > HANG_S or time.monotonic() - began > BLOCKED_S:
                    self._end()
                    self._start()
                    return Outcome("hang", "no answer", HANG_S, peak - before)
            what, text = self._pipe.recv()
        except (EOFError, psutil.Error):
            self._end()
            self._start()
            return Outcome("traceback", "the process ended")
        return Outcome(what, text, self._used(process) - used, max(0, peak - before))

    @staticmethod
    def _used(process: psutil.Process) -> float:
        times = process.cpu_times()
        return times.user + times.system

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self._pipe.recv()  # ready: everything is imported, and the memory that this takes is not counted

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    with tempfile.TemporaryDirectory(prefix="meshlab-fuzz-") as folder:
        for kind in KINDS:
            _warm(kind, Path(folder))
    size = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    pipe.send("ready")
    while True:
        try:
            kind, path = pipe.recv()
        except EOFError:
            return
        pipe.send(_taken(kind, path))


def _warm(kind: str, folder: Path) -> None:
    """Takes the sound document, so that imports and machine code are there; it must be accepted."""
    path = folder / kind
    if kind == "incident":
        path.mkdir()
        for name, text in incident().items():
            (path / name).write_text(text, encoding="utf-8")
    else:
        path.write_text(documents()[kind][0], encoding="utf-8")
    take(kind, path)


def _taken(kind: str, path: Path) -> tuple[str, str]:
    from meshlab.model.errors import MeshlabError

    try:
        take(kind, path)
    except MeshlabError as error:
        return (
            ("refused", str(error)[:2_000])
            if str(error).strip()
            else ("traceback", "an error without a word")
        )
    except MemoryError:
        return "memory", traceback.format_exc()[-3_000:]
    except BaseException:
        return "traceback", traceback.format_exc()[-3_000:]
    return "answered", ""
