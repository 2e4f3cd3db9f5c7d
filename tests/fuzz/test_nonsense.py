"""No nonsense is accepted without a word: each kind of it, put in every place where it fits, is refused or found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sound_documents import OPEN_PSA, SCENARIO, SMALL_SPEC, TARGET
from spoiling import places

from meshlab.availability.trees.open_psa.read import read_open_psa
from meshlab.live.target import Target
from meshlab.model import InputError, Topology
from meshlab.model.review import review
from meshlab.model.spec import parse, reference
from meshlab.simulate import load_scenario

QUANTITY = re.compile(r"\d[\d.]*\s*(?:ms|s|m|h|GiB|Gbps|%|/y)")
FREE = {"reason", "source", "image"}
"""Keys whose texts mean nothing to the program."""


def tree(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def everywhere(text: str, fits: Any, other: Any) -> Iterator[tuple[str, str]]:
    """Gives the document with one value that `fits` replaced by `other(value)`, once for each such value."""
    for number, (holder, key) in enumerate(places(tree(text))):
        if key not in FREE and fits(key, holder[key]):
            whole = tree(text)
            spot, at = list(places(whole))[number]
            spot[at] = other(spot[at])
            yield f"{key}: {holder[key]!r}", json.dumps(whole)


def is_quantity(_: object, value: object) -> bool:
    return isinstance(value, str) and QUANTITY.fullmatch(value) is not None


SPECS = {
    "negative": (is_quantity, lambda value: f"-{value}"),
    "beyond reason": (is_quantity, lambda value: re.sub(r"^[\d.]+", "1e60", value)),
    "of another dimension": (is_quantity, lambda value: "3GiB" if "iB" not in value else "3ms"),
    "no number": (is_quantity, lambda value: "nan"),
    "a name twice": (
        lambda key, value: key == "name" and value not in ("etcd", "small", "xvda", "xvdb"),
        lambda _: "etcd",
    ),
    "a disk's name twice": (lambda _, value: value == "xvdb", lambda _: "xvda"),
    "a reference to nothing": (
        lambda _, value: (
            value in ("zone-a", "zone-b", "cloud", "dc", "master-1", "worker-1", "etcd", "discovery")
        ),
        lambda _: "no-such-thing",
    ),
    "another word": (
        lambda key, _: key in ("role", "place", "medium", "engine", "technology", "hosted", "protocol"),
        lambda _: "banana",
    ),
    "an address of nobody": (lambda key, _: key == "address", lambda _: "300.1.1.1"),
    "a negative number": (lambda _, value: type(value) is int, lambda value: -value),
    "an unknown key": (
        lambda _, value: isinstance(value, dict) and "name" in value,
        lambda value: value | {"naem": 1},
    ),
}


@pytest.mark.parametrize("kind", SPECS)
def test_nonsense_in_a_spec_is_refused_wherever_it_stands(kind: str) -> None:
    fits, other = SPECS[kind]
    tried = list(everywhere(SMALL_SPEC, fits, other))
    assert tried
    accepted = []
    for place, text in tried:
        try:
            parse(text)
        except InputError as error:
            assert all(problem.line for problem in error.problems)
        else:
            accepted.append(place)
    assert not accepted


def test_what_is_merely_doubtful_in_a_spec_is_found_by_the_review() -> None:
    doubtful = {
        "link-loses-much": SMALL_SPEC.replace("loss: 0.1%", "loss: 60%"),
        "hardly-ever-up": SMALL_SPEC.replace("{mean: 4h, shape: 2}", "1000y"),
    }
    for rule, text in doubtful.items():
        assert rule in {finding.rule for finding in review(parse(text))}
        assert rule not in {finding.rule for finding in review(parse(SMALL_SPEC))}


SCENARIOS = {
    "a fault of nothing": ("fail: master-2", "fail: master-22"),
    "a fault before the start": ("at: 1m,", "at: -1m,"),
    "a fault after the end": ("at: 1m,", "at: 20m,"),
    "no time": ("for: 90s", "for: 0s"),
    "a share over one": ("loss: 2%", "loss: 200%"),
    "a path from a machine to itself": ("[us-east-1, dc-1]", "[dc-1, dc-1]"),
    "a delay of ages": ("latency: +50ms", "latency: 1e300s"),
    "sides without anybody": ("[[us-east-1a], [dc-1, us-east-1b]]", "[[], []]"),
    "one side": ("[[us-east-1a], [dc-1, us-east-1b]]", "[[us-east-1a]]"),
    "both sides the same": ("[[us-east-1a], [dc-1, us-east-1b]]", "[[dc-1], [dc-1]]"),
    "two faults at one time": ("restart: worker-1}", "restart: worker-1}\n  - {at: 9m, restart: worker-1}"),
    "a leader that does not vote": ("{etcd: master-1}", "{etcd: worker-1}"),
    "no end": ("horizon: 20m", "horizon: 1e9y"),
    "ten thousand restarts": (
        "  - {at: 9m, restart: worker-1}",
        "\n".join(f"  - {{at: {i}ms, restart: worker-1}}" for i in range(300_000, 310_000)),
    ),
}


@pytest.mark.parametrize("kind", SCENARIOS)
def test_nonsense_in_a_scenario_is_refused(kind: str, tmp_path: Path, cluster: Topology) -> None:
    sound, spoiled = SCENARIOS[kind]
    assert sound in SCENARIO
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO.replace(sound, spoiled, 1), encoding="utf-8")
    with pytest.raises(InputError):
        load_scenario(file, cluster)


TREES = {
    "a parameter that is itself": ('<parameter name="half"/></define', '<parameter name="share"/></define'),
    "a probability over one": ('<float value="0.1"/></define', '<float value="1.1"/></define'),
    "no number": ('<float value="0.1"/></define', '<float value="nan"/></define'),
    "at least none": ('atleast min="2"', 'atleast min="0"'),
    "more than there are": ('atleast min="2"', 'atleast min="4"'),
    "most under least": ('min="1" max="2"', 'min="2" max="1"'),
    "an event of nothing": ('<event name="a"', '<event name="z"'),
    "a gate of itself": ('<gate name="pumps"/>', '<gate name="top"/>'),
    "an error factor under one": ('<float value="3"/>', '<float value="0.5"/>'),
    "an entity": ("<opsa-mef>", "<!DOCTYPE x [<!ENTITY a 'b'>]><opsa-mef>"),
    "an encoding of several bytes": ('encoding="UTF-8"', 'encoding="utf-7"'),
    "a name twice": ('<define-gate name="odd">', '<define-gate name="top">'),
}


@pytest.mark.parametrize("kind", TREES)
def test_nonsense_in_a_fault_tree_is_refused(kind: str, tmp_path: Path) -> None:
    sound, spoiled = TREES[kind]
    assert sound in OPEN_PSA
    file = tmp_path / "tree.xml"
    file.write_text(OPEN_PSA.replace(sound, spoiled, 1), encoding="utf-8")
    with pytest.raises(InputError):
        read_open_psa(file)


TARGETS: dict[str, dict[str, Any]] = {
    "a region that is a path": {"region": "../../x"},
    "an endpoint that runs": {"aws_endpoint": "javascript:alert(1)"},
    "a folder with a NUL": {"directory": "/tmp/\0x"},
    "a list for patience": {"patience": [1]},
    "patience that is none": {"patience": {"poll": -1}},
    "patience with what": {"patience": {"coffee": 1}},
    "a network that is none": {"dial_rules": [{"source": "10.0.0.0/40", "to": "127.0.0.0/8"}]},
    "a network without room": {"dial_rules": [{"source": "10.0.0.0/8", "to": "127.0.0.0/16"}]},
    "an unknown key": {"regoin": "us-east-1"},
    "no name": {"name": ""},
}


@pytest.mark.parametrize("kind", TARGETS)
def test_nonsense_in_a_target_file_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "target.json"
    file.write_text(json.dumps(json.loads(TARGET) | TARGETS[kind]), encoding="utf-8")
    with pytest.raises(InputError, match="not a target file"):
        Target.load(file)


def test_the_sound_documents_are_accepted(tmp_path: Path, cluster: Topology) -> None:
    parse(SMALL_SPEC)
    for name, text in (("s.yaml", SCENARIO), ("t.xml", OPEN_PSA), ("t.json", TARGET)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    load_scenario(tmp_path / "s.yaml", cluster)
    read_open_psa(tmp_path / "t.xml")
    Target.load(tmp_path / "t.json")


@pytest.fixture(scope="module")
def cluster() -> Topology:
    return reference()
