"""What tests are skipped for: one list in the code, the same for readers, counted at the end of a run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from needs import NEEDS, counted, lacking

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "contributing.md").read_text(encoding="utf-8")
SKIPPING = {"pytest.skip", "pytest.importorskip", "pytest.mark.skip", "pytest.mark.skipif"}
pytest_plugins = ["pytester"]


def calls(tree: ast.AST) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def reasons_of_their_own(tree: ast.AST) -> list[str]:
    """Calls that skip a test for a reason that is not of the list."""
    found = []
    for name, call in calls(tree):
        reason = next((word.value for word in call.keywords if word.arg == "reason"), None)
        ours = isinstance(reason, ast.Call) and ast.unparse(reason.func) in ("lacking", "needs.lacking")
        if name in SKIPPING and not (name == "pytest.mark.skipif" and ours):
            found.append(f"line {call.lineno}: {ast.unparse(call)}")
    return found


def names_asked_for(tree: ast.AST) -> set[str]:
    place = {"lacking": 0, "needs.lacking": 0, "needs.skip": 0, "needs.package": 1}
    given = [call.args[place[name]] for name, call in calls(tree) if name in place]
    return {str(word.value) for word in given if isinstance(word, ast.Constant)}


def test_every_reason_for_skipping_is_of_the_list_and_all_of_the_list_is_asked_for() -> None:
    asked: set[str] = set()
    for path in sorted(TESTS.rglob("*.py")):
        if path.name in ("needs.py", Path(__file__).name):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert reasons_of_their_own(tree) == [], path
        asked |= names_asked_for(tree)
    assert asked == NEEDS.keys()


def test_a_reason_that_is_not_of_the_list_is_found() -> None:
    tree = ast.parse("pytest.skip('no talosctl')\n@pytest.mark.skipif(True, reason='none')\ndef test(): ...")
    assert len(reasons_of_their_own(tree)) == 2
    assert reasons_of_their_own(ast.parse("pytest.mark.skipif(True, reason=lacking('Go'))")) == []


def test_the_page_for_contributors_has_the_list_with_how_to_get_each() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| [^|]+ \| ([^|]+?) \|$", PAGE, re.MULTILINE))
    del rows["What the tests need"], rows["---"]
    assert rows.keys() == NEEDS.keys()
    for name, how in NEEDS.items():
        assert how in rows[name].replace("`", ""), name


def test_the_skipped_are_counted_by_what_they_lack() -> None:
    reasons = [f"Skipped: {lacking('Go')}", *[f"Skipped: {lacking('SCRAM', 'none')}"] * 2, "Skipped: odd"]
    assert counted(reasons) == (
        "4 skipped: 2 for want of SCRAM (apt install scram), 1 for want of ? (with reasons of their own), "
        "1 for want of Go (conda install -c conda-forge go)"
    )
    assert counted([]) == "nothing was skipped"


def test_the_line_comes_before_pytests_own_last_one_in_one_process_and_in_several(pytester) -> None:
    pytester.makeconftest((TESTS / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(needs=(TESTS / "needs.py").read_text(encoding="utf-8"))
    pytester.makepyfile("import needs\ndef test_one(): needs.skip('SCRAM')\ndef test_two(): pass\n")
    for more in ((), ("-n", "2")):
        lines = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", *more).outlines
        assert lines[-1].startswith("1 passed, 1 skipped"), lines
        assert "1 skipped: 1 for want of SCRAM (apt install scram)" in lines[-3:], lines
