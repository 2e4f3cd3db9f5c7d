"""The picture of a topology: nothing overlaps, nothing is outside, every state is told in words, and it is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import combinations

import pytest
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from meshlab.model import Machine, State, Topology
from meshlab.model.spec import reference
from meshlab.model.states import SERVICES
from meshlab.views import style
from meshlab.views.topology.plot import plot_topology

CLUSTER = reference()
ALL_STATES = {
    "us-east-1": State.DEGRADED,
    "us-east-1a": State.DOWN,
    "dc-1": State.UNREACHABLE,
    "master-1": State.DOWN,
    "master-2": State.UNREACHABLE,
    "master-3": State.BOOTING,
    "worker-1": State.UP,
    "worker-2": State.UNREACHABLE,
    "worker-3": State.DEGRADED,
    "solana": State.SYNCING,
    "ethereum": State.UNREACHABLE,
    "tron": State.UP,
    "etcd": State.NO_QUORUM,
    "vault": State.SEALED,
    "kubernetes-api": State.DOWN,
    "mesh": State.UNREACHABLE,
    "management": State.UP,
    "omni": State.UNREACHABLE,
    "discovery": State.DOWN,
    "us-east-1--dc-1": State.UNREACHABLE,
}


def larger() -> Topology:
    """Five masters, twelve workers, two sites."""
    master, worker = CLUSTER.machine("master-1"), CLUSTER.machine("worker-2")
    cluster = CLUSTER
    for i, zone in ((4, "us-east-1a"), (5, "us-east-1b")):
        cluster = cluster.with_component(
            replace(master, name=f"master-{i}", zone=zone, address=f"10.20.9.{i}")
        )
    for i in range(4, 13):
        cluster = cluster.with_component(replace(worker, name=f"worker-{i}", address=f"10.40.0.{20 + i}"))
    voters = tuple(f"master-{i}" for i in range(1, 6))
    for group in CLUSTER.raft_groups:
        cluster = cluster.with_component(replace(group, voters=voters))
    return cluster


def three_sites() -> Topology:
    """A second data centre with thirty workers, and etcd over two sites."""
    cluster = larger().with_component(replace(CLUSTER.sites[-1], name="dc-2"))
    worker, wan = CLUSTER.machine("worker-2"), CLUSTER.links[-1]
    for i in range(20, 50):
        cluster = cluster.with_component(
            replace(worker, name=f"worker-{i}", site="dc-2", address=f"10.41.0.{i}")
        )
    cluster = cluster.with_component(replace(wan, name="us-east-1--dc-2", b="dc-2"))
    etcd = replace(CLUSTER.raft_group("etcd"), voters=("master-1", "master-2", "worker-1"))
    return cluster.with_component(etcd)


def long_names() -> Topology:
    site = replace(CLUSTER.sites[-1], name="the-data-centre-behind-the-railway-station")
    worker = replace(
        CLUSTER.machine("worker-1"), name="bare-metal-worker-with-a-very-long-name-1", site=site.name
    )
    return CLUSTER.without("dc-1").with_component(site).with_component(worker)


CASES = {
    "reference": (CLUSTER, None),
    "states": (CLUSTER, ALL_STATES),
    "larger": (larger(), None),
    "larger-states": (larger(), ALL_STATES | {f"worker-{i}": State.UNREACHABLE for i in range(4, 13)}),
    "three-sites": (three_sites(), ALL_STATES),
    "one-site": (CLUSTER.without("us-east-1"), None),
    "one-machine": (
        CLUSTER.without("us-east-1", "worker-2", "worker-3", "omni", "discovery", "kubespan"),
        None,
    ),
    "no-management": (CLUSTER.without("omni", "discovery"), ALL_STATES),
    "long-names": (long_names(), ALL_STATES),
}


def texts(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text() and text.get_visible():
            plain = text.get_bbox_patch()
            box = Text.get_window_extent(text) if plain is None else text.get_window_extent()
            yield text.get_text(), box


def drawn_parts(figure: Figure) -> list[Artist]:
    parts = figure.axes[0].get_children()
    return [
        part
        for part in parts
        if isinstance(part, (FancyBboxPatch, Line2D)) or (isinstance(part, Text) and part.get_text())
    ]


@cache
def drawn(case: str) -> Figure:
    topology, states = CASES[case]
    figure = plot_topology(topology, timeline_state=states)
    figure.draw_without_rendering()
    return figure


@pytest.mark.parametrize("case", CASES)
def test_no_two_texts_overlap(case: str) -> None:
    found = list(texts(drawn(case)))

    clashes = [
        (a, b)
        for (a, one), (b, other) in combinations(found, 2)
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 0.5
        and min(one.y1, other.y1) - max(one.y0, other.y0) > 1.5
    ]
    assert clashes == []


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_outside_the_frame(case: str) -> None:
    figure = drawn(case)
    frame = figure.bbox

    for artist in drawn_parts(figure):
        box = artist.get_window_extent()
        assert box.x0 >= frame.x0 - 1 and box.x1 <= frame.x1 + 1, artist
        assert box.y0 >= frame.y0 - 1 and box.y1 <= frame.y1 + 1, artist


@pytest.mark.parametrize("dpi", [50, 72, 80, 100, 150, 300])
def test_every_service_is_told_inside_the_frame_at_any_resolution(dpi: int) -> None:
    figure = plot_topology(CLUSTER, timeline_state=dict.fromkeys(SERVICES, State.DEGRADED))
    figure.set_dpi(dpi)
    figure.draw_without_rendering()

    rows = {text: box for text, box in texts(figure) if text in SERVICES}
    assert set(rows) == set(SERVICES)
    for box in rows.values():
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
        assert box.y0 >= 0 and box.y1 <= figure.bbox.y1


def test_every_machine_is_named_with_what_runs_on_it() -> None:
    words = [text for text, _ in texts(drawn("reference"))]

    assert {m.name for m in CLUSTER.machines} <= set(words)
    assert words.count("etcd") == words.count("Vault") == words.count("API") == 3
    assert {"Solana", "Ethereum", "Tron", "us-east-1a", "Omni", "Discovery service"} <= set(words)


def test_link_and_quorums_are_told_in_numbers() -> None:
    words = {text for text, _ in texts(drawn("reference"))}

    assert {"4 ms one way", "0.05% lost", "3 × 3 = 9 tunnels"} <= words
    assert {"etcd: quorum 2 of 3", "vault: quorum 2 of 3"} <= words


def test_with_states_the_quorum_says_what_is_left_of_it() -> None:
    words = {text for text, _ in texts(drawn("states"))}

    assert "etcd: 0 of 3, needs 2" in words


def test_each_state_is_told_by_its_word_and_a_hatch() -> None:
    figure = drawn("states")
    words = " ".join(text for text, _ in texts(figure))

    for state in set(ALL_STATES.values()) - {State.UP}:
        assert str(state) in words
    hatches = {part.get_hatch() for part in drawn_parts(figure) if isinstance(part, FancyBboxPatch)}
    assert {
        style.STATES[s].hatch for s in (State.DOWN, State.UNREACHABLE, State.BOOTING, State.DEGRADED)
    } <= hatches


def test_more_machines_than_fit_are_counted() -> None:
    assert "and 15 more" in {text for text, _ in texts(drawn("three-sites"))}


def test_states_differ_in_grey() -> None:
    def grey(colour: str) -> float:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    looks = style.STATES.values()
    assert set(style.STATES) == set(State)
    assert len({look.hatch for look in looks}) == len(looks)
    assert grey(style.STATES[State.UP].colour) - grey(style.STATES[State.DOWN].colour) > 120
    for look in looks:
        assert abs(grey(look.colour) - grey(look.text)) > 90


def test_it_draws_on_axes_that_are_given() -> None:
    figure = Figure(figsize=(12, 5))
    left, right = figure.subplots(1, 2)

    plot_topology(CLUSTER, ax=left)
    assert plot_topology(CLUSTER, timeline_state=ALL_STATES, ax=right) is figure

    assert left.texts and right.texts
    sizes = {t.get_fontsize() for t in left.texts}
    assert max(sizes) < 12


def test_the_topology_is_left_as_it_was() -> None:
    before = [m for m in CLUSTER.machines if isinstance(m, Machine)]
    plot_topology(CLUSTER, timeline_state=ALL_STATES)

    assert list(CLUSTER.machines) == before


def test_a_second_picture_is_quick() -> None:
    """About 0.25 s of processor time; the limit is generous: a slip fails, a busy machine does not."""
    FigureCanvasAgg(plot_topology(CLUSTER, timeline_state=ALL_STATES)).draw()

    spent = []
    for _ in range(5):
        start = time.process_time()
        FigureCanvasAgg(plot_topology(CLUSTER, timeline_state=ALL_STATES)).draw()
        spent.append(time.process_time() - start)

    assert min(spent) < 0.75
