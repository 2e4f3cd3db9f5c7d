"""The numbers that the tutorial quotes are those that come out."""

from __future__ import annotations

import re

from documents import ROOT, blocks

from meshlab import load_scenario, reference, review
from meshlab.availability import availability
from meshlab.simulate import simulate

TEXT = (ROOT / "docs" / "tutorial.md").read_text()


def test_what_is_down_after_a_lost_master() -> None:
    cluster = reference()
    scenario = load_scenario(ROOT / "data" / "scenarios" / "lose-master.yaml", cluster)
    services = simulate(cluster, scenario, replicates=100, seed=0).services
    said = re.findall(
        r"^([a-z-]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$",
        next(block.text for block in blocks("text") if "availability" in block.text),
        re.M,
    )
    down = {name: o for name, o in services.items() if o.mean}
    assert said == [
        (name, f"{o.mean:.1f}", f"{o.p05:.1f}", f"{o.p50:.1f}", f"{o.p95:.1f}", f"{o.availability:.6f}")
        for name, o in down.items()
    ]
    assert "The other five are not down at all" in TEXT
    assert len(services) - len(down) == 5


def test_how_many_findings_the_review_has() -> None:
    assert "Seventeen findings, the worst first: an Auto Scaling group" in TEXT
    findings = review(reference())
    assert len(findings) == 17
    assert "Auto Scaling group" in findings[0].message


def test_how_long_services_are_down_in_a_year() -> None:
    assert "6.6 minutes a year for etcd" in TEXT
    assert "about two hours for each\nchain" in TEXT
    found = availability(reference())
    minutes = {name: one.unavailability * 525_960 for name, one in found.items()}
    assert f"{minutes['etcd']:.1f}" == "6.6"
    assert all(100 < minutes[chain] < 140 for chain in ("solana", "ethereum", "tron"))
