"""The picture of an exploration shows each design once, where its numbers are."""

from __future__ import annotations

import numpy as np
import pytest

from meshlab.model.spec import reference
from meshlab.planning.explore import Limits, explore
from meshlab.views.plots.front import front_figure


def test_every_design_is_drawn_at_its_bill_and_its_downtime() -> None:
    found = explore(
        reference(), ["spare-workers=0,1", "chain-replicas=1,2"], asked=Limits(horizon=12), samples=400
    )
    (ax,) = front_figure(found).axes
    drawn = {tuple(np.round(point, 3)) for one in ax.collections for point in one.get_offsets()}
    wanted = {
        (
            round(one.measures.cost_mid, 3),
            round(sum(one.measures.downtime[s].point for s in found.services) * 525_960, 3),
        )
        for one in found.designs
    }
    assert len(drawn) == len(found.designs) == 4
    assert np.array(sorted(drawn)) == pytest.approx(np.array(sorted(wanted)), abs=0.002)
    named = [text.get_text() for text in ax.texts]
    assert named[:2] == ["today", "spare-workers=1 (recommended)"] and len(named) <= 4
    assert "recommended" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert ax.get_title(loc="left") == "What to build: spare-workers=1"
