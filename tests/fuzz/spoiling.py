"""How a sound document is spoiled: by its structure where it has one, else by its text or its bytes."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**30, -(10**30), 1e308, 5e-324, "", " ", "-1", "0", "1e999", "nan", ".inf",
    "NaN", "-5ms", "0s", "1e300s", "1e300GiB", "-1GiB", "101%", "-2%", "99/0", "banana", "../../x",
    "/etc/passwd", "javascript:x", "10.0.0.0/33", "::/0", "256.1.1.1", "<b>", "[red]x[/x]", "[/]",
    "[link=http://x]y", "${HOME}", "{{7*7}}", "%s%n", "a\u202eb", "\u0000", "\ud7ff", "é" * 40, "x" * 5_000,
    "*", "&a", "<<", "!!int", "~", "yes", "0x1F", "0o17", "1_000", "2026-13-45", "12:30:45", [], {}, [[]],
    [None], {"": None}, {"a": {"b": {"c": {}}}}, [1, "a", None, {}], ["x"] * 300,
)  # fmt: skip
TOKENS = (
    "<", ">", "&", "&#0;", "&amp;", "]]>", "<!--", "<![CDATA[", "<!DOCTYPE a [<!ENTITY b 'c'>]>", "<?x?>",
    "</a>", "<a>", "{", "}", "[", "]", '"', "'", "`", "\\", "|", ":", "- ", "? ", "---\n", "...\n",
    "%YAML 9.9\n", "!!binary ", "&x ", "*x", "<<: *x\n", "#", "\t", "\r", "\n", "\x00", "\x1b[31m", "\u2028",
    "\ufeff", ",", ";", "end\n", "subgraph z\n", "-->", "-.->", "```", "```mermaid\n", "NaN", "1e999",
    "9" * 400, "\\ud800", "\\u0000", "null", "true", "-0",
)  # fmt: skip
ENCODINGS = ("utf-16", "utf-32", "latin-1", "utf-7", "utf-8-sig", "cp037")


def spoiled(text: str, form: str, dice: random.Random) -> bytes:
    """Gives a document with one to three things wrong in it; the same dice give the same."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        text = _once(text, form, dice)
    return _bytes(text, dice)


def _once(text: str, form: str, dice: random.Random) -> str:
    if dice.random() < 0.2:
        return _mild(text, dice)
    ways: list[Callable[[str, random.Random], str]] = [_cut, _token, _double, _move, _nest, _number, _word]
    if form in ("yaml", "json", "jsonl") and dice.random() < 0.6:
        return _structure(text, form, dice)
    if form == "xml" and dice.random() < 0.6:
        return dice.choice((_attribute, _element, _rename, _nest_xml))(text, dice)
    return dice.choice(ways)(text, dice)


def _structure(text: str, form: str, dice: random.Random) -> str:
    """Changes one place of the tree: another value, another key, doubled, taken out, nested, moved."""
    try:
        first, _, rest = text.partition("\n") if form == "jsonl" else (text, "", "")
        tree = copy.deepcopy(_tree(first, form))
    except Exception:
        return _token(text, dice)
    found = list(places(tree))
    if not found:
        return _token(text, dice)
    holder, key = dice.choice(found)
    way = dice.randrange(8)
    other, other_key = dice.choice(found)
    if way <= 2:
        holder[key] = copy.deepcopy(dice.choice(STRANGE))
    elif way == 3:
        holder[key] = copy.deepcopy(other[other_key])
    elif way == 4:
        del holder[key]
    elif way == 5:
        value = holder[key]
        for _ in range(dice.choice((1, 3, 120, 2_000 if form != "yaml" else 200))):
            value = [value] if dice.random() < 0.5 else {"a": value}
        holder[key] = value
    elif isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(dice.choice((1, 2, 50))))
    else:
        holder[dice.choice(("x" * 3_000, "", "name", "at", "<<", str(key) + "s", "é", "null"))] = holder[key]
    try:
        told = json.dumps(tree, indent=dice.choice((None, 1)), ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):
        return _nest(text, dice)
    return told + (f"\n{rest}" if form == "jsonl" else "")


@lru_cache(maxsize=64)
def _tree(text: str, form: str) -> Any:
    if form != "yaml":
        return json.loads(text)
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).load(text)


def places(tree: Any) -> Any:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        for key in node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ():
            yield node, key
            if isinstance(node[key], (dict, list)):
                waiting.append(node[key])


def _cut(text: str, dice: random.Random) -> str:
    start = dice.randrange(len(text) + 1)
    return text[:start] + text[min(len(text), start + dice.choice((1, 5, 50, 10**9))) :]


def _token(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    return text[:at] + dice.choice(TOKENS) * dice.choice((1, 1, 1, 2, 400, 5_000)) + text[at:]


def _double(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    at = dice.randrange(len(lines))
    count = dice.randrange(1, 6)
    return "\n".join(
        lines[: at + count] + lines[at : at + count] * dice.choice((1, 1, 30)) + lines[at + count :]
    )


def _move(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(dice.randrange(len(lines)), lines.pop(dice.randrange(len(lines))))
    return "\n".join(lines)


def _nest(text: str, dice: random.Random) -> str:
    depth = dice.choice((5, 90, 300, 5_000))
    opening, closing = dice.choice(
        (("[", "]"), ("{a: ", "}"), ('{"a":', "}"), ("<not>", "</not>"), ("subgraph a\n", "end\n"))
    )
    at = dice.randrange(len(text) + 1)
    end = dice.randrange(at, len(text) + 1)
    return text[:at] + opening * depth + text[at:end] + closing * dice.choice((depth, 0)) + text[end:]


def _number(text: str, dice: random.Random) -> str:
    found = list(re.finditer(r"-?\d+(?:\.\d+)?", text))
    if not found:
        return _token(text, dice)
    one = dice.choice(found)
    value = dice.choice(
        (
            "-1",
            "0",
            "1e400",
            "-0.0",
            "99999999999999999999",
            "1.5",
            "00",
            "1e-400",
            "NaN",
            "0x7f",
            "9" * 5_000,
        )
    )
    return text[: one.start()] + value + text[one.end() :]


def _mild(text: str, dice: random.Random) -> str:
    """Another number of the same kind, or another word of the document: much of it can be meant."""
    found = list(re.finditer(r"(?<![\w.])\d+(?:\.\d+)?", text))
    if not found:
        return _word(text, dice)
    one = dice.choice(found)
    value = float(one[0])
    told = dice.choice(
        (f"{value * 10:.12g}", f"{value + 1:.12g}", f"{value / 2:.12g}", f"{value * 1e6:.12g}", one[0] * 2)
    )
    return text[: one.start()] + told + text[one.end() :]


def _word(text: str, dice: random.Random) -> str:
    found = list(re.finditer(r"[A-Za-z][\w-]+", text))
    if len(found) < 2:
        return _token(text, dice)
    one, other = dice.choice(found), dice.choice(found)
    return (
        text[: one.start()] + dice.choice((other[0], other[0], "x" * 5_000, "[/b]", "%n")) + text[one.end() :]
    )


def _attribute(text: str, dice: random.Random) -> str:
    found = list(re.finditer(r'"[^"]*"', text))
    if not found:
        return _token(text, dice)
    one, other = dice.choice(found), dice.choice(found)
    value = dice.choice(
        (
            "",
            "-1",
            "0",
            "1e999",
            "nan",
            "999999999999",
            "a" * 5_000,
            "&lt;b&gt;",
            "[/x]",
            other[0].strip('"'),
            other[0].strip('"'),
        )
    )
    return f'{text[: one.start()]}"{value}"{text[one.end() :]}'


def _element(text: str, dice: random.Random) -> str:
    """Takes an element without content out, or puts it somewhere else as well."""
    found = list(re.finditer(r"<[\w-]+[^<>]*/>|<(\w[\w-]*)[^<>]*>[^<>]*</\1>", text))
    if not found:
        return _token(text, dice)
    one, other = dice.choice(found), dice.choice(found)
    if dice.random() < 0.3:
        return text[: one.start()] + text[one.end() :]
    return text[: other.start()] + one[0] * dice.choice((1, 1, 2, 500)) + text[other.start() :]


def _rename(text: str, dice: random.Random) -> str:
    names = sorted(set(re.findall(r"<([\w-]+)", text)))
    if len(names) < 2:
        return _token(text, dice)
    one, other = dice.sample(names, 2)
    return re.sub(rf"(</?){one}\b", rf"\g<1>{other}", text, count=dice.choice((1, 2, 0)))


def _nest_xml(text: str, dice: random.Random) -> str:
    depth = dice.choice((2, 40, 3_000))
    tag = dice.choice(("not", "and", "or", "neg", "define-component", "a"))
    at = dice.choice([m.start() for m in re.finditer("<(?!/)", text)] or [0])
    end = text.find(">", at) + 1
    return text[:at] + f"<{tag}>" * depth + text[at:end] + f"</{tag}>" * depth + text[end:]


def _bytes(text: str, dice: random.Random) -> bytes:
    chance = dice.random()
    if chance < 0.03:
        return text.encode(dice.choice(ENCODINGS), errors="replace")
    data = bytearray(text.encode("utf-8", errors="surrogatepass"))
    if chance < 0.15 and data:
        for _ in range(dice.choice((1, 3, 30))):
            data[dice.randrange(len(data))] = dice.randrange(256)
    return bytes(data)
