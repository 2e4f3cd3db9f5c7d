"""The walls of the house: what scripts/rooms.py reads from the imports, and that it would see a broken wall."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rooms() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rooms_script", ROOT / "scripts" / "rooms.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_two_modules_import_each_other_not_even_for_types(rooms: ModuleType) -> None:
    assert rooms.circles(rooms.imports()) == []


def test_no_folder_holds_more_files_than_a_reader_takes_in(rooms: ModuleType) -> None:
    assert rooms.full_folders() == []


def test_no_folders_side_by_side_import_each_other(rooms: ModuleType) -> None:
    graph = rooms.imports()
    folders = {
        name.rpartition(".")[0] for name, path in rooms.modules().items() if path.name != "__init__.py"
    }
    wrong = {room: rooms.circles(rooms.inside(room, graph)) for room in sorted(folders)}
    assert {room: found for room, found in wrong.items() if found} == {}


def test_a_circle_is_seen_however_long(rooms: ModuleType) -> None:
    ring = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert rooms.circles(ring) == [["a", "b", "c"]]
    with pytest.raises(SystemExit, match="a, b, c"):
        rooms.floors(ring)


def test_imports_within_functions_and_for_types_count(rooms: ModuleType, tmp_path: Path, monkeypatch) -> None:
    package = tmp_path / "meshlab"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("if TYPE_CHECKING:\n    from meshlab.two import x\n")
    (package / "two.py").write_text("def f():\n    from meshlab import one\n")
    monkeypatch.setattr(rooms, "SOURCE", tmp_path)
    assert rooms.circles(rooms.imports()) == [["meshlab.one", "meshlab.two"]]
