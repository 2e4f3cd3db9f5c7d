"""The spec format: round trip, published schema, lines, and that no input whatever gives a traceback."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import needs
from meshlab.model import InputError, Topology
from meshlab.model.reading import parse_yaml
from meshlab.model.spec import data_file, dump, load, parse, reference
from meshlab.model.spec.load import plain
from meshlab.model.spec.schema import json_schema

PROJECT = Path(__file__).parent.parent.parent
REFERENCE = data_file("reference.yaml").read_text(encoding="utf-8")


def same(a: Topology, b: Topology) -> bool:
    return (a.name, a.components, a.drawn, a.versions, a.networks) == (
        b.name,
        b.components,
        b.drawn,
        b.versions,
        b.networks,
    )


def test_what_is_dumped_loads_to_the_same_topology() -> None:
    cluster = reference()

    again = parse(dump(cluster))

    assert again.components == cluster.components
    assert same(again, cluster)


def test_dumping_twice_gives_the_same_text() -> None:
    assert dump(parse(dump(reference()))) == dump(reference())


def test_a_topology_with_parts_taken_away_still_round_trips() -> None:
    cluster = reference().without("worker-3", "tron")

    assert same(parse(dump(cluster)), cluster)


def test_the_published_schema_is_the_one_of_the_code() -> None:
    published = json.loads((PROJECT / "docs" / "spec.schema.json").read_text(encoding="utf-8"))

    assert published == json_schema(), "run `python -m meshlab.model.spec.schema > docs/spec.schema.json`"


def schema_errors(text: str) -> list[str]:
    jsonschema = needs.package("jsonschema", "jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(plain(parse_yaml(text, "x")))]


def test_the_reference_spec_validates_against_the_published_schema() -> None:
    assert schema_errors(REFERENCE) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("engine: etcd", "engine: consul"), ("  port", "  prot"), ("role: worker", "rule: worker")],
)
def test_the_published_schema_refuses_what_the_loader_refuses(right: str, wrong: str) -> None:
    text = REFERENCE.replace("  mtu: 1420\n", "  mtu: 1420\n  port: 51820\n").replace(right, wrong)

    assert schema_errors(text)
    with pytest.raises(InputError):
        parse(text)


def test_a_missing_file_names_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text(REFERENCE, encoding="utf-8")

    with pytest.raises(InputError, match=r"did you mean .*cluster\.yaml"):
        load(tmp_path / "clustre.yaml")


def test_a_binary_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x01")

    with pytest.raises(InputError, match=r"x\.yaml:1: not UTF-8 text: the byte 0xff"):
        load(tmp_path / "x.yaml")


LINES = REFERENCE.splitlines()
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({})
)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, len(LINES) - 1), st.sampled_from(["", "- ", "  ", "x: y", "name: 5", "*a", "}", ": :"]))
def test_no_changed_line_gives_a_traceback(line: int, text: str) -> None:
    changed = [*LINES[:line], text, *LINES[line + 1 :]]
    try:
        parse("\n".join(changed))
    except InputError as error:
        assert error.problems


@cache
def _reference() -> Any:
    return plain(parse_yaml(REFERENCE, "x"))


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_changed_value_gives_a_traceback(data: st.DataObject) -> None:
    from meshlab.model.spec.places import Places
    from meshlab.model.spec.repair import Repair

    root: Any = deepcopy(_reference())
    for _ in range(data.draw(st.integers(1, 4))):
        node = root
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            child = node[key]
            if not isinstance(child, (dict, list)) or data.draw(st.booleans()):
                node[key] = data.draw(JUNK)
                break
            node = child

    repaired = Repair(root, Places("x", {}))

    assert repaired.spec is not None or repaired.problems
