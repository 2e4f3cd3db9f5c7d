"""Compiles src/meshlab/live/proto/*.proto into src/meshlab/live/_generated (messages and type stubs).

Run it after a change of a .proto file; ``--check`` says (exit code) whether the committed code is current.
Services need no generated code: :mod:`meshlab.live.rpc` makes stubs and handlers from the descriptors.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "src/meshlab/live/proto"
PACKAGE = "meshlab/live/_generated"
TARGET = ROOT / "src" / PACKAGE


def compile_into(target: Path) -> None:
    """Write the generated package under ``target`` (which becomes an import root)."""
    from grpc_tools import protoc

    arguments = [
        "protoc",
        f"-I{PACKAGE}={PROTO}",
        f"-I{files('grpc_tools') / '_proto'}",
        f"--python_out={target}",
        f"--pyi_out={target}",
        *(f"{PACKAGE}/{source.name}" for source in sorted(PROTO.glob("*.proto"))),
    ]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed; see the messages above")


def generated(root: Path) -> dict[str, str]:
    """Name and text of each generated file."""
    return {path.name: path.read_text() for path in sorted(root.glob("*_pb2.py*"))}


def main() -> int:
    """Regenerate, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 if out of date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        compile_into(Path(scratch))
        fresh = generated(Path(scratch) / PACKAGE)
    if check:
        stale = sorted(
            name
            for name in fresh.keys() | generated(TARGET).keys()
            if fresh.get(name) != generated(TARGET).get(name)
        )
        print("up to date" if not stale else f"out of date, run scripts/protoc.py: {', '.join(stale)}")
        return 1 if stale else 0
    TARGET.mkdir(parents=True, exist_ok=True)
    for path in TARGET.glob("*_pb2.py*"):
        path.unlink()
    for name, text in fresh.items():
        (TARGET / name).write_text(text)
    (TARGET / "__init__.py").write_text(
        '"""Generated from src/meshlab/live/proto by scripts/protoc.py; do not edit."""\n'
    )
    print(f"{len(fresh)} files in {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
