"""What a cluster serves goes by the names of its own spec, not by those of the reference cluster."""

from __future__ import annotations

from dataclasses import replace

from meshlab.availability import availability
from meshlab.model import SERVICES, Topology
from meshlab.model.spec import reference
from meshlab.simulate import Scenario, simulate


def renamed() -> Topology:
    cluster = reference()
    solana = replace(cluster.workload("solana"), name="sol-main")
    return cluster.without("solana").with_component(solana)


def test_the_reference_cluster_serves_what_is_documented() -> None:
    assert reference().service_names == SERVICES


def test_a_chain_of_another_name_is_answered_for() -> None:
    found, plain = availability(renamed()), availability(reference())
    assert "sol-main" in found and "solana" not in found
    assert found["sol-main"].unavailability == plain["solana"].unavailability


def test_a_chain_of_another_name_has_its_downtime_in_a_simulation() -> None:
    told = simulate(renamed(), Scenario(name="quiet", horizon=60.0), replicates=1).services
    assert "sol-main" in told
