"""The one door for files: what is no file, too large, too deep or of no encoding is refused at once, in words."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meshlab.model import InputError
from meshlab.model.reading import (
    VARIABLE,
    Limits,
    json_lines,
    parse_json,
    parse_xml,
    parse_yaml,
    read_bytes,
    read_json,
    read_text,
)
from meshlab.model.spec import load


def refused(call: Callable[[], object], *words: str) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_pipe_that_has_a_name_is_refused_at_once_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "spec.yaml")
    refused(lambda: load(tmp_path / "spec.yaml"), "is a pipe that has a name")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom", "/dev/full"])
def test_a_device_is_refused_also_behind_a_link(device: str, tmp_path: Path) -> None:
    refused(lambda: load(device), "is a device")
    (tmp_path / "link.yaml").symlink_to(device)
    refused(lambda: load(tmp_path / "link.yaml"), "is a device")


def test_a_folder_and_a_socket_are_refused(tmp_path: Path) -> None:
    refused(lambda: read_text(tmp_path), "is a folder")
    with socket.socket(socket.AF_UNIX) as door:
        os.chdir(tmp_path)  # the name of a socket may not be long
        door.bind("s")
        refused(lambda: read_text("s"), "is a socket")


def test_what_is_not_there_names_what_is_near(tmp_path: Path) -> None:
    (tmp_path / "cluster.yaml").write_text("")
    refused(lambda: read_text(tmp_path / "clustre.yaml"), "no such file", "did you mean", "cluster.yaml")
    refused(lambda: read_text(tmp_path / "none" / "x"), "nor is there a folder")
    refused(lambda: read_text(tmp_path / "a\0b"), "cannot be read")
    refused(lambda: read_text(tmp_path / ("x" * 300)), "cannot be read: file name too long")


def test_what_the_shell_gives_for_a_process_is_read_to_its_end() -> None:
    theirs, ours = os.pipe()
    writer = threading.Thread(target=lambda: (os.write(ours, b"a: 1\n"), os.close(ours)))
    writer.start()
    assert read_text(f"/dev/fd/{theirs}") == "a: 1\n"
    writer.join()
    os.close(theirs)


def test_a_pipe_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "time=50ms")
    theirs, ours = os.pipe()
    refused(lambda: read_text(f"/dev/fd/{theirs}"), "did not end within 0.05 s", "--limits time=")
    os.close(theirs)
    os.close(ours)


def test_a_file_over_the_size_says_how_the_limit_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (9 * 2**20))
    refused(lambda: load(path), "is 9 MiB large", "at most 8 MiB", "meshlab --limits size=200MB")
    monkeypatch.setenv(VARIABLE, "size=20MB")
    refused(lambda: load(path), "a spec is a map of keys")


def test_a_file_that_says_it_is_empty_is_read_no_further_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of /proc have size 0."""
    monkeypatch.setenv(VARIABLE, "size=10B")
    refused(lambda: read_bytes("/proc/self/smaps"), "is longer than 10 B")


def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("eins: 1\nzwei: für\n".encode("latin-1"))
    problem = refused(lambda: load(path), "not UTF-8 text: the byte 0xfc").problems[0]
    assert (problem.line, problem.column) == (2, 8)


@pytest.mark.parametrize(
    "text",
    ["[" * 5_000, '{"a":' * 5_000, "[" * 101 + "]" * 101, '{"a": [' * 60 + "]}" * 60],
)
def test_json_that_nests_without_end_is_refused_with_its_line(text: str) -> None:
    problem = refused(lambda: parse_json(f'{{"x":\n{text}}}', "f.json")).problems[0]
    assert problem.line == 2
    assert "nests deeper than 100" in problem.message


def test_json_as_deep_as_the_limit_is_read() -> None:
    assert parse_json("[" * 100 + "]" * 100, "f") is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{\n"a": NaN}', "NaN is no finite number"),
        ('{\n"a": 1e999}', "1e999 is no finite number"),
        ('{\n"a": -Infinity}', "-Infinity is no finite number"),
        ('{\n"a": ' + "9" * 5_000 + "}", "is no finite number"),
        ('{"a": 1,\n"a": 2}', 'the key "a" stands twice'),
        ('{\n"a" 1}', "expecting ':' delimiter"),
    ],
)
def test_json_that_says_what_cannot_be_is_refused_with_its_line(text: str, words: str) -> None:
    assert refused(lambda: parse_json(text, "f.json"), words).problems[0].line == 2


def test_a_line_of_json_that_is_damaged_is_named_and_a_torn_last_one_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2}\n{"a"')
    assert refused(lambda: list(json_lines(path)), "not JSON").problems[0].line == 4
    assert [line for line, _ in json_lines(path, torn=True)] == [1, 3]
    path.write_text('{"a": 1}\n{"b\n{"a": 2}\n')
    assert refused(lambda: list(json_lines(path, torn=True)), "not JSON").problems[0].line == 2
    path.write_text("[" * 9_000 + "\n")
    assert refused(lambda: list(json_lines(path)), "").problems[0].line == 1


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: " + "[" * 300, 1, "nests deeper than 100"),
        ("a:\n" + "".join("  " * i + "- \n" for i in range(1, 300)), 101, "nests deeper than 100"),
        (BOMB, 6, "holds more than 250000 values, its aliases written out"),
        ("a: &a {<<: *a}", 1, "an alias stands inside what it refers to"),
        ("a: &a\n  - *a", 2, "an alias stands inside what it refers to"),
        (
            "a: &a0 [x]\n" + "".join(f"b{i}: &a{i + 1} [*a{i}]\n" for i in range(200)),
            100,
            "nests deeper than 100",
        ),
        ("a: 1\nb: !!python/object:os.system x", 2, "the tag 'python/object:os.system' is not read"),
        ("a: 1\n[x, y]: 2", 2, "a key is a word"),
        ("a: 1\na: 2", 2, 'duplicate key "a"'),
        ("a: 1\nb: \x07", 2, "the character U+0007 may not stand in a text"),
        ("a: 1\n<<: 2", 2, "`<<` merges a map"),
        ("a: *b", 1, "undefined alias 'b'"),
        ("%YAML 1.1.1\n---\na: 1", 1, "not YAML"),
    ],
)
def test_yaml_that_cannot_be_taken_is_refused_with_its_line(text: str, line: int, words: str) -> None:
    assert refused(lambda: parse_yaml(text, "f.yaml"), words).problems[0].line == line


def test_yaml_gives_values_as_yaml_1_2_says_and_texts_as_they_were_written() -> None:
    text = "a: 1\nb: 0x1F\nc: 1.5e3\nd: true\ne: ~\nf: yes\ng: 2026-13-45\nh: '1'\n"
    text += "i: 12:30:45\nj: 1_000\nk: _\nl: !!str 1\n"
    assert parse_yaml(text, "f") == {
        "a": 1, "b": 31, "c": 1500.0, "d": True, "e": None, "f": "yes", "g": "2026-13-45", "h": "1",
        "i": "12:30:45", "j": 1000, "k": "_", "l": "1",
    }  # fmt: skip


def test_a_merged_map_keeps_its_own_keys_and_the_places_of_the_others() -> None:
    found = parse_yaml("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n", "f")
    assert found["b"] == {"y": 3, "x": 1}
    assert found["b"].places == {"y": (4, 3), "x": (1, 8)}


def test_xml_that_nests_without_end_or_defines_entities_is_refused() -> None:
    refused(lambda: parse_xml(b"<a>" * 300, "f.xml"), "nests deeper than 100 elements")
    refused(lambda: parse_xml(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", "f.xml"), "defines the entity 'b'")
    refused(
        lambda: parse_xml(b"<?xml version='1.0' encoding='utf-7'?><a/>", "f.xml"), "its encoding is not read"
    )
    refused(lambda: parse_xml(b"", "f.xml"), "not XML")


def test_limits_are_raised_by_a_text_and_nonsense_in_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits().with_text("size=1GB, depth=300,time=5min") == Limits(1e9, 300, 1_000_000, 300.0)
    for text in (
        "size",
        "colour=red",
        "depth=0",
        "depth=2000",
        "values=1.5",
        "size=-1GB",
        "time=5GB",
        "depth=٣",
    ):
        refused(lambda text=text: Limits().with_text(text), "--limits")
    monkeypatch.setenv(VARIABLE, "depth=300")
    assert parse_yaml("a: " + "[" * 250 + "]" * 250, "f") is not None
    assert parse_json("[" * 250 + "]" * 250, "f") is not None


def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "time=1us")
    refused(lambda: parse_yaml("a: [" + "x, " * 2_000 + "]", "f"), "takes longer than", "--limits time=")


def test_json_is_read_through_the_same_door(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.json")
    refused(lambda: read_json(tmp_path / "x.json"), "is a pipe")
    document: Any = {"a": [1, 2.5, None, "x"]}
    (tmp_path / "y.json").write_text(json.dumps(document))
    assert read_json(tmp_path / "y.json") == document
