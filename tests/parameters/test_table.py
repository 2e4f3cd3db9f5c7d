"""Parameters: what ships, where it comes from, and how it is replaced."""

from __future__ import annotations

import pickle

import pytest

from meshlab.model import Distribution, InputError
from meshlab.model.spec import reference
from meshlab.parameters import Parameters
from meshlab.parameters.table import UnknownParameter, parse_distribution, read_csv


@pytest.mark.parametrize(
    "table", [Parameters.defaults(), Parameters.embedded()], ids=["defaults", "embedded"]
)
def test_every_default_has_a_unit_a_tagged_source_and_bounds_around_its_value(table: Parameters) -> None:
    for row in table:
        assert row.unit, row.name
        assert row.source[:3] in ("[S]", "[D]", "[R]", "[E]", "[M]"), row.name
        assert row.low <= row.value.quantile(0.5) <= row.high, row.name


PUBLISHED = {
    "kubespan.peer-down-interval": 275.0,  # T.kubespan: 180 + 5 + 90 s
    "kubespan.reconcile-tick": 30.0,
    "kubespan.endpoint-timeout": 15.0,
    "wireguard.rekey-after": 120.0,  # E.wireguard, spec
    "wireguard.reject-after": 180.0,
    "discovery.ttl": 1800.0,
    "vault.stabilization": 10.0,
    "etcd.request-timeout": 7.0,
    "node.grace": 50.0,  # Kubernetes 1.32 and later
    "node.toleration": 300.0,
    "solana.health-limit": 128.0,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_constant_is_the_published_one(name: str) -> None:
    row = Parameters.defaults()[name]
    assert row.value == Distribution.constant(PUBLISHED[name], row.source)
    assert row.source.startswith("[S]")


def test_a_topology_adds_a_row_for_each_of_its_parts() -> None:
    table = Parameters.for_topology(reference())
    assert table["machine.worker-1.boot"].value.a == 240.0
    assert table["machine.worker-1.boot"].source.startswith("[T]")
    assert table.value("raft.vault.lease") == 2.5
    assert table.distribution("link.us-east-1--dc-1.latency").a == 0.004


def test_the_embedded_cluster_boots_in_seconds_whatever_the_topology_says() -> None:
    assert Parameters.embedded().joined(reference()).value("machine.master-1.boot") < 5


def test_a_calibrated_row_of_one_machine_wins_over_its_class_and_the_topology() -> None:
    table = Parameters.embedded().with_value("machine.master-1.boot", 7.0, "[M] run 12")
    joined = table.joined(reference())
    assert joined.value("machine.master-1.boot") == 7.0
    assert joined["machine.master-1.boot"].source == "[M] run 12"
    assert joined.value("machine.master-2.boot") < 5


def test_replacing_a_value_leaves_the_old_table_and_keeps_the_unit() -> None:
    old = Parameters.defaults()
    new = old.with_value("vault.unseal-by-people", Distribution.constant(60.0), "[M] last drill")
    assert new.value("vault.unseal-by-people") == 60.0 != old.value("vault.unseal-by-people")
    assert new["vault.unseal-by-people"].unit == "s"


def test_an_unknown_name_says_which_is_near() -> None:
    with pytest.raises(UnknownParameter, match=r"did you mean 'vault.mount'"):
        Parameters.defaults()["vault.mont"]
    with pytest.raises(UnknownParameter):
        Parameters.defaults().with_value("vault.mont", 1.0, "[E]")


def test_a_table_survives_pickling_and_compares_by_content() -> None:
    table = Parameters.defaults()
    assert pickle.loads(pickle.dumps(table)) == table
    assert hash(pickle.loads(pickle.dumps(table))) == hash(table)
    assert table.with_value("vault.mount", 1.0, "[E]") != table


def test_rows_without_a_source_or_with_nonsense_are_named_with_their_lines() -> None:
    text = (
        "name,value,unit,low,high,source,meaning\na.b,uniform 1,s,0,1,[S] x,\nc.d,constant 1,s,0,1,guess,\n"
    )
    with pytest.raises(InputError) as error:
        read_csv(text, "table.csv")
    assert [p.line for p in error.value.problems] == [2, 3]
    assert "uniform (2 numbers)" in str(error.value) and "no source tag" in str(error.value)


def test_distributions_are_written_as_kind_and_numbers() -> None:
    assert parse_distribution("lognormal 90 0.35") == Distribution.lognormal(90, 0.35)


def test_a_gamma_distribution_has_its_mean_shape_and_quantiles_and_comes_back_from_a_spec() -> None:
    import numpy as np

    from meshlab.model.spec.values import distribution
    from meshlab.parameters.table import write_distribution

    gamma = Distribution.gamma(4.0, 2.0)
    assert gamma.mean == 4.0
    assert gamma.quantile(0.5) == pytest.approx(3.3567, rel=1e-4)  # chi-square of 4 degrees of freedom
    drawn = np.asarray(gamma.sample(np.random.default_rng(0), 20_000))
    assert drawn.mean() == pytest.approx(4.0, rel=0.03) and drawn.var() == pytest.approx(8.0, rel=0.1)
    assert gamma.scaled(0.5) == Distribution.gamma(2.0, 2.0)
    assert parse_distribution(write_distribution(gamma)) == gamma
    assert distribution({"mean": "4s", "shape": 2.0}) == gamma
    with pytest.raises(ValueError, match="not a distribution"):
        Distribution.gamma(1.0, 0.0)
