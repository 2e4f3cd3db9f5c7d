"""Whatever is done to a file, the answer is an answer or a word of what is wrong: no traceback, no hang, no gigabyte.

The fuzzer at large is `make fuzz`; a case that it found is tried again with ``fuzz.py --kind KIND --case NUMBER``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sound_documents import documents
from spoiling import spoiled
from taking import FORMS
from watched import KINDS, MEMORY, Case, Watched

MUTATIONS = 500
EACH = -(-MUTATIONS // len(KINDS))


@pytest.fixture(scope="module")
def watched() -> Iterator[Watched]:
    with Watched() as process:
        yield process


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_spoiled_file_is_answered_or_refused_in_words(kind: str, watched: Watched) -> None:
    @settings(
        max_examples=EACH,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def run(seed: int) -> None:
        found = watched.outcome(Case(kind, seed))
        assert found.sound, f"--kind {kind} --case {seed}: {found.what}\n{found.text}"
        assert found.memory < MEMORY

    run()


def test_the_same_dice_spoil_a_document_in_the_same_way() -> None:
    for kind, form in FORMS.items():
        for number in range(20):
            document = documents()[kind][0]
            assert spoiled(document, form, random.Random(number)) == spoiled(
                document, form, random.Random(number)
            )


@pytest.mark.timeout(600)
def test_the_fuzzer_sees_a_traceback(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Case("a kind that nothing takes", 1)
    monkeypatch.setattr(Case, "lay_out", lambda case, folder: folder / "file.yaml")
    assert watched.outcome(unknown).what == "traceback"
