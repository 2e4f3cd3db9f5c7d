"""Every broken spec in tests/data/broken gives exactly the problems in the file beside it, and no traceback.

``MESHLAB_REWRITE=1`` writes the expected files anew; read every changed line before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from meshlab.model import InputError
from meshlab.model.spec import parse

BROKEN = sorted((Path(__file__).parent.parent / "data" / "broken").glob("*.yaml"))


@pytest.mark.parametrize("file", BROKEN, ids=lambda file: file.stem)
def test_a_broken_spec_gives_all_its_problems_with_their_lines(file: Path) -> None:
    expected = file.with_suffix(".problems")

    with pytest.raises(InputError) as caught:
        parse(file.read_text(encoding="utf-8"), file.name)

    told = f"{caught.value}\n"
    if os.environ.get("MESHLAB_REWRITE"):
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")
    assert caught.value.exit_code == 2
    assert all(problem.line > 0 for problem in caught.value.problems)


def test_there_are_enough_broken_specs() -> None:
    assert len(BROKEN) >= 40
