"""Designs from other notations and back: the user's own document, other drawings, GraphML, node-link."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshlab.model import InputError, MachineGroup
from meshlab.model.exchange import import_design, to_graphml, to_mermaid, to_node_link
from meshlab.model.exchange.mermaid import Edge, Flowchart, Node, Subgraph, read, write
from meshlab.model.exchange.to_mermaid import flowchart
from meshlab.model.spec import dump, parse, reference
from meshlab.model.topology import Topology

DATA = Path(__file__).parent.parent / "data"
SEED = DATA / "design.md"
"""The user's own design document, as it was given."""

OTHER = """graph LR
    subgraph rack["Colo rack"]
        direction TB
        cp-1[node one] & cp-2 & cp-3
        subgraph chains [Worker Pool]
            w["worker-1<br/>• geth"]:::metal; worker-2("worker-2<br/>• java-tron")
        end
    end
    cp-1 & cp-2 -->|api| w
    cp-3 -. sync .-> worker-2
    %% a comment --> of no meaning
    w <--> worker-2
"""


def drawn(text: str, tmp_path: Path, name: str = "design.mmd") -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def seed() -> Topology:
    return import_design(SEED).topology


def test_the_seed_gives_its_machines_zones_and_groups(seed: Topology) -> None:
    assert [(m.name, m.role, m.place) for m in seed.machines] == [
        ("master-1", "control-plane", "us-east-1a"),
        ("master-2", "control-plane", "us-east-1b"),
        ("master-3", "control-plane", "us-east-1c"),
        ("worker-1", "worker", "dc-1"),
        ("worker-2", "worker", "dc-1"),
        ("worker-3", "worker", "dc-1"),
    ]
    assert [(g.name, g.technology) for g in seed.of(MachineGroup)] == [
        ("control-plane", "autoscaling-group"),
        ("workers", "pool"),
    ]


def test_the_seed_gives_what_runs_where(seed: Topology) -> None:
    masters = ("master-1", "master-2", "master-3")

    assert seed.raft_group("etcd").voters == masters
    assert seed.raft_group("vault").voters == masters
    assert {w.role: w.machines for w in seed.workloads} == {
        "vault": masters,
        "solana": ("worker-1",),
        "ethereum": ("worker-2",),
        "tron": ("worker-3",),
    }
    assert seed.orchestrator is not None
    assert seed.orchestrator.endpoint == "https://omni.siderolabs.com"


def test_the_seed_gives_the_claims_and_arrows_that_the_review_reads(seed: Topology) -> None:
    assert seed.overlay is not None
    assert seed.overlay.claimed_prefix == 24
    assert ("control-plane", "workers", "etcd quorum (encrypted via KubeSpan)", True) in [
        (e.source, e.target, e.label, e.both) for e in seed.drawn
    ]


def test_solana_is_taken_from_the_drawing_and_the_silence_of_the_words_is_noted() -> None:
    gaps = import_design(SEED).gaps

    notes = [gap for gap in gaps if gap.field == "role"]
    assert [gap.component for gap in notes] == ["solana"]
    assert "the words around it do not name it" in notes[0].text


def test_everything_the_seed_could_not_know_is_a_gap() -> None:
    imported = import_design(SEED)

    fields = {(gap.component, gap.field) for gap in imported.gaps}
    for machine in imported.topology.machines:
        assert {(machine.name, "address"), (machine.name, "disks"), (machine.name, "fails")} <= fields
    assert ("vault-server", "seal") in fields
    assert ("us-east-1", "firewall") in fields
    assert ("us-east-1--dc-1", "latency") in fields
    assert ("omni", "disk-encryption") in fields


def test_the_imported_seed_is_a_valid_spec_with_its_gaps_explained_in_comments(seed: Topology) -> None:
    text = dump(seed)

    assert parse(text).components == seed.components
    assert parse(text).drawn == seed.drawn
    for machine in seed.machines:
        assert f"# gap: the design gives no addresses; {machine.address} is assumed\n" in text
    assert text.count("# gap: ") == sum(len(component.gaps) for component in seed)


def test_another_drawing_is_imported_too(tmp_path: Path) -> None:
    cluster = import_design(drawn(OTHER, tmp_path)).topology

    assert {m.name: m.role for m in cluster.machines} == {
        "cp-1": "control-plane",
        "cp-2": "control-plane",
        "cp-3": "control-plane",
        "worker-1": "worker",
        "worker-2": "worker",
    }
    assert [site.name for site in cluster.sites] == ["dc-1"]
    assert cluster.raft_group("etcd").voters == ("cp-1", "cp-2", "cp-3")
    assert {w.role: w.machines for w in cluster.workloads} == {
        "ethereum": ("worker-1",),
        "tron": ("worker-2",),
    }
    assert cluster.orchestrator is None
    assert parse(dump(cluster)).components == cluster.components


def test_two_clouds_and_many_workers_are_imported(tmp_path: Path) -> None:
    boxes = "\n".join(f"worker-{i}" for i in range(1, 301))
    text = f"""flowchart TD
subgraph east["AWS us-east-1"]
  subgraph a["us-east-1a"]
    master-1
  end
  master-2["master-2 (AZ-b)"]
end
subgraph west["AWS eu-west-1"]
  master-3
end
subgraph home["Data centre"]
{boxes}
end
"""
    cluster = import_design(drawn(text, tmp_path)).topology

    assert [m.place for m in cluster.control_plane] == ["us-east-1a", "us-east-1b", "eu-west-1a"]
    assert len(cluster.workers) == 300
    assert len({m.address for m in cluster.machines}) == 303
    assert parse(dump(cluster)).components == cluster.components


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("flowchart TD\nmaster-1\npizza[Pizza oven]\n", 3, "what 'pizza' "),
        ("flowchart TD\nmaster-1\nsubgraph void[Nothing here]\nend\n", 3, "no machine in it"),
        ("flowchart TD\nmaster-1[open\n", 2, "not closed"),
        ("flowchart TD\nsubgraph a\nmaster-1\n", 2, "no `end`"),
        ("flowchart TD\nmaster-1\nend\n", 3, "without a subgraph"),
        ("flowchart TD\nmaster-1 ->> worker-1\n", 2, "an arrow is meant"),
        ("sequenceDiagram\nA->>B: hi\n", 1, "a flowchart is meant"),
        ("flowchart TD\nmaster-1\na[master-1]\n", 3, "two boxes are the machine"),
        ("# Only words\n\nNo drawing.\n", 1, "a flowchart is meant"),
        ("# Words\n```mermaid\nflowchart TD\n", 2, "not closed"),
        ("# Words\n```mermaid\nflowchart TD\nmaster-1 --> \n```\n", 4, "a node is meant"),
        ("flowchart TD\n", 1, "no machine is drawn"),
        ("", 1, "no drawing"),
    ],
)
def test_what_cannot_be_placed_is_named_with_its_line(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        import_design(drawn(text, tmp_path))

    assert [problem.line for problem in caught.value.problems] == [line]


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet=' ab1[](){}"|<>-=.&;%\n', max_size=60))
def test_no_drawing_gives_a_traceback(text: str) -> None:
    try:
        read("flowchart TD\n" + text)
    except InputError as error:
        assert error.problems


def test_a_flowchart_that_is_written_reads_back_the_same() -> None:
    chart = Flowchart(
        "LR",
        (Node("a-1", 'say "hi"\nsecond line', "s"), Node("b", "b")),
        (Subgraph("s", "Outer"), Subgraph("t", "Inner (x)", "s")),
        (Edge("a-1", "b", "label", True), Edge("s", "b"), Edge("b", "a-1", "4 ms", dotted=True)),
    )

    again = read(write(chart))

    assert set(again.nodes) == set(chart.nodes)
    assert (again.subgraphs, again.edges, again.direction) == (chart.subgraphs, chart.edges, "LR")


def test_the_exported_mermaid_keeps_nodes_and_edges() -> None:
    cluster = reference()

    again, meant = read(to_mermaid(cluster)), flowchart(cluster)

    assert set(again.nodes) == set(meant.nodes)
    assert set(again.subgraphs) == set(meant.subgraphs)
    assert again.edges == meant.edges
    assert {n.id for n in again.nodes} >= {m.name for m in cluster.machines}


def test_the_exported_mermaid_imports_to_the_same_design(tmp_path: Path) -> None:
    cluster = reference()

    again = import_design(drawn(to_mermaid(cluster), tmp_path)).topology

    assert [(m.name, m.role, m.place) for m in again.machines] == [
        (m.name, m.role, m.place) for m in cluster.machines
    ]
    assert {w.role: w.machines for w in again.workloads} == {w.role: w.machines for w in cluster.workloads}
    assert {g.name: g.voters for g in again.raft_groups} == {g.name: g.voters for g in cluster.raft_groups}
    assert {(g.name, g.technology) for g in again.of(MachineGroup)} == {
        (g.name, g.technology) for g in cluster.of(MachineGroup)
    }
    assert again.drawn == cluster.drawn
    assert again.overlay is not None
    assert again.overlay.claimed_prefix == 24
    wan = again.link_between("us-east-1", "dc-1")
    assert wan is not None
    assert wan.latency.quantile(0.5) == pytest.approx(0.004)


def test_networkx_reads_the_graphml() -> None:
    cluster = reference()

    graph = nx.parse_graphml(to_graphml(cluster), force_multigraph=True)

    assert set(graph.nodes) == set(cluster.graph.nodes)
    assert graph.number_of_edges() == cluster.graph.number_of_edges() + len(cluster.drawn)
    assert graph.nodes["master-1"]["kind"] == "machine"
    assert graph.nodes["master-1"]["cores"] == 4


def test_networkx_reads_the_node_link_form() -> None:
    cluster = reference()

    graph = nx.node_link_graph(json.loads(to_node_link(cluster)), edges="edges")

    assert set(graph.nodes) == set(cluster.graph.nodes)
    assert graph.has_edge("master-1", "etcd", key="member-of")
    assert graph.nodes["us-east-1--dc-1"]["latency"]["a"] == pytest.approx(0.004)
    assert graph.has_edge("control-plane", "workers", key="drawn")
