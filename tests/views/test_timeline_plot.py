"""The swim lanes: what a reader must be able to see, checked on the drawn artists."""

from __future__ import annotations

from io import BytesIO

import matplotlib
import pytest
from matplotlib.colors import to_rgba

from meshlab.model import Estimate, Event, Interval, Lane, State, Timeline
from meshlab.model.spec import reference
from meshlab.model.timeline import NOT_THERE_YET
from meshlab.views.panels.parts.lanes import Lanes
from meshlab.views.plots.outages import plot_outages
from meshlab.views.plots.time_axis import busy_span
from meshlab.views.plots.timeline import LETTERS, default_lanes, plot_timeline
from meshlab.views.style import STATES

matplotlib.use("Agg")


def history(origin="predicted", horizon=60.0) -> Timeline:
    etcd = Lane("etcd")
    etcd.at(10.0, State.NO_LEADER, "master-1 lost power")
    etcd.at(25.0, State.DEGRADED, "master-2 leads")
    machine = Lane("master-1")
    machine.at(10.0, State.DOWN, "lost power")
    quiet = Lane("solana").until(horizon)
    return Timeline(
        origin,
        horizon,
        (*etcd.until(horizon), *machine.until(horizon), *quiet),
        (
            Event(10.0, "master-1", "master-1 fails", "fault"),
            Event(25.0, "etcd", "master-2 leads", "election"),
        ),
    )


def words(figure) -> list[str]:
    return [t.get_text() for t in figure.axes[0].texts]


def test_each_state_has_its_own_letter():
    assert len(set(LETTERS.values())) == len(State) == len(LETTERS)


def test_every_history_has_a_row_in_every_lane():
    figure = plot_timeline(history(), history("observed"))
    names = words(figure)
    assert names.count("predicted") == names.count("observed") == 3


def test_a_stretch_says_its_letter_its_length_and_its_cause():
    texts = words(plot_timeline(history()))
    assert any(t.startswith("L 15 s · master-1 lost") for t in texts)
    assert any(t.startswith("D 50 s") for t in texts)


def test_a_fault_is_named_above_the_lanes():
    assert any("master-1 fails" in t for t in words(plot_timeline(history())))


def test_an_outage_of_a_second_in_a_day_is_still_drawn_wide_enough_to_see():
    blip = Timeline(
        "observed",
        86400.0,
        (
            Interval("etcd", State.UP, 0, 100),
            Interval("etcd", State.DOWN, 100, 101),
            Interval("etcd", State.UP, 101, 86400.0),
        ),
    )
    figure = plot_timeline(blip)
    figure.canvas.draw()
    widths = [p.get_window_extent().width for p in figure.axes[0].patches if p.get_hatch()]
    assert min(widths) > 1.0


def test_services_come_first_then_machines_by_place():
    lanes = default_lanes([history()], reference())
    assert lanes == ["etcd", "solana", "master-1"]


def test_no_words_leave_the_picture():
    figure = plot_timeline(history(), history("observed"), title="Does it fit?", topology=reference())
    figure.canvas.draw()
    frame = figure.bbox
    ax = figure.axes[0]
    for text in [*ax.texts, *ax.get_yticklabels(), ax.title, *ax.get_legend().get_texts()]:
        box = text.get_window_extent()
        if text.get_clip_on():
            continue
        assert frame.x0 - 1 <= box.x0 and box.x1 <= frame.x1 + 1, text
        assert frame.y0 - 1 <= box.y0 and box.y1 <= frame.y1 + 1, text


@pytest.mark.parametrize(
    ("horizon", "unit"), [(60, "seconds"), (900, "min:s"), (20000, "h:min"), (864000, "days")]
)
def test_the_time_axis_names_a_unit_that_people_read(horizon, unit):
    figure = plot_timeline(history(horizon=float(horizon)))
    assert f"[{unit}]" in figure.axes[0].get_xlabel()
    figure.canvas.draw()
    assert len(figure.axes[0].get_xticklabels()) <= 16


def test_nothing_to_draw_is_said():
    with pytest.raises(ValueError, match="at least one"):
        plot_timeline()


def test_outages_show_the_interval_and_what_was_observed_for_services_of_either():
    figure = plot_outages({"etcd": Estimate(0.9, 1.4, 2.1)}, {"etcd": 1.5, "tron": 0.0})
    ax = figure.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["etcd", "tron"]
    bar = ax.patches[0]
    assert bar.get_x() == pytest.approx(0.9)
    assert bar.get_width() == pytest.approx(1.2)
    assert words(figure) == ["1.5 s", "0 s"]


def long_ago(*changes: tuple[float, State], horizon: float = 1800.0) -> Timeline:
    etcd = Lane("etcd")
    for time, state in changes:
        etcd.at(time, state)
    return Timeline("predicted", horizon, (*etcd.until(horizon), *Lane("solana").until(horizon)))


def test_a_zoomed_picture_shows_the_seconds_that_matter_and_says_what_it_leaves_out():
    """1.3 s in half an hour could not be seen."""
    timeline = long_ago(
        (300.0, State.NO_LEADER), (301.3, State.UP), (400.0, State.DEGRADED), (412.0, State.UP)
    )
    (axes,) = plot_timeline(timeline, zoom=True).axes
    start, end = axes.get_xlim()
    assert 280 < start < 300 and 412 < end < 440
    assert "of 30 min, nothing changes outside" in axes.get_xlabel()


def test_a_history_in_which_things_happen_all_the_time_is_shown_whole():
    timeline = long_ago((100.0, State.NO_LEADER), (1700.0, State.UP))
    (axes,) = plot_timeline(timeline, zoom=True).axes
    assert axes.get_xlim() == (0.0, 1800.0) and "zoomed" not in axes.get_xlabel()


def test_one_moment_is_shown_with_something_around_it():
    start, end = busy_span([long_ago((900.0, State.DOWN))], ["etcd"])
    assert start < 850 and end > 950


def test_what_was_not_made_yet_does_not_look_like_a_failure():
    master = Lane("master-1", State.DOWN, NOT_THERE_YET)
    master.at(20.0, State.BOOTING)
    master.at(40.0, State.UP)
    figure = plot_timeline(Timeline("executed", 60.0, tuple(master.until(60.0))))
    (axes,) = figure.axes
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert NOT_THERE_YET in told and not any(text.startswith("down") for text in told)
    assert NOT_THERE_YET in words(figure)
    maroon = to_rgba(STATES[State.DOWN].colour)
    assert maroon not in [patch.get_facecolor() for patch in axes.patches]


def test_the_names_of_faults_do_not_run_into_each_other():
    texts = {300.0 * k: f"master-{k} is restarted at {5 * k} min" for k in (1, 2, 3)}
    faults = tuple(Event(time, text.split()[0], text, "fault") for time, text in texts.items())
    timeline = Timeline("predicted", 3600.0, tuple(Lane("etcd").until(3600.0)), faults)
    figure = plot_timeline(timeline)
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts if "▼" in t.get_text()]
    assert boxes and not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_the_line_of_a_moment_stands_where_the_picture_has_that_second():
    figure = plot_timeline(history(), history("observed"), title="Where is now?")
    lanes = Lanes(figure, "lanes")
    figure.savefig(BytesIO(), format="svg")
    (axes,) = figure.axes
    for time in (0.0, 10.0, 59.0):
        across, _ = figure.transFigure.inverted().transform(axes.transData.transform((time, 0.0)))
        assert lanes.place(time) == pytest.approx(across, abs=0.002)
    assert lanes.place(61.0) is None
