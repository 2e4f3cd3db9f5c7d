"""calibrate as a whole, and its command: files in, a calibrated spec out that says where each number came from."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from meshlab import cli
from meshlab.model import Distribution, InputError, Interval, State, Timeline
from meshlab.model.spec import data_file, dump, load, parse, reference
from meshlab.parameters import Parameters
from meshlab.parameters.calibration.calibrate import calibrate, calibrated
from meshlab.parameters.calibration.histogram import Histogram
from meshlab.parameters.calibration.histories import History
from meshlab.parameters.calibration.outcome import Calibration
from meshlab.parameters.measured import with_file
from meshlab.simulate import Fault, Scenario, simulate

EPOCH = 1_760_000_000.0
SPEC = str(data_file("reference.yaml"))


def watched(machine: str = "master-1", took: float = 45.0) -> Timeline:
    intervals = (
        Interval(machine, State.UP, 0.0, 100.0),
        Interval(machine, State.BOOTING, 100.0, 100.0 + took, "rebooted"),
        Interval(machine, State.UP, 100.0 + took, 300.0, "back"),
        Interval("vault", State.UP, 0.0, 100.0),
        Interval("vault", State.NO_LEADER, 100.0, 111.0, "the active pod is gone"),
        Interval("vault", State.UP, 111.0, 300.0, "another is active"),
    )
    return Timeline("executed", 300.0, intervals, epoch=EPOCH)


def fsync_scrape(machine_median: float = 0.002) -> str:
    rng = np.random.default_rng(4)
    values = np.asarray(Distribution.lognormal(machine_median, 0.5).sample(rng, 3000))
    histogram = Histogram.of(values, tuple(0.001 * 2**k for k in range(14)))
    rows, below = [f"# scraped at: {EPOCH}"], 0
    for upper, count in zip((*histogram.edges[1:-1], "+Inf"), histogram.counts, strict=True):
        below += count
        rows.append(f'etcd_disk_wal_fsync_duration_seconds_bucket{{le="{upper}"}} {below}')
    return "\n".join([*rows, f"etcd_disk_wal_fsync_duration_seconds_sum {histogram.total}"]) + "\n"


def run(*arguments: str) -> None:
    cli.app(list(arguments), standalone_mode=False)


def evidence(folder: Path) -> Path:
    folder.mkdir()
    (folder / "run.json").write_text(watched().to_json(), encoding="utf-8")
    (folder / "master-2.prom").write_text(fsync_scrape(), encoding="utf-8")
    return folder


def test_the_command_writes_a_spec_and_parameters_that_say_where_each_number_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, out = evidence(tmp_path / "measured"), tmp_path / "out.yaml"
    run("calibrate", SPEC, "--from", str(given), "-o", str(out), "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["read"] == [str(given)]
    fits = {fit["name"]: fit for fit in document["fits"]}
    assert {"machine.master-1.boot", "machine.master-2.fsync", "raft.vault.leaderless"} <= fits.keys()
    fsync = fits["machine.master-2.fsync"]
    assert fsync["replaced"]["value"] == "lognormal 0.00066 0.33"
    assert fsync["evidence"] == [
        {
            "file": str(given / "master-2.prom"),
            "line": 2,
            "what": "etcd_disk_wal_fsync_duration_seconds",
            "count": 3000,
            "date": "2025-10-09",
        }
    ]
    assert fsync["interval"]["low"] < 0.002 < fsync["interval"]["high"]
    spec = load(out)
    assert (
        spec.machine("master-2").fsync.source.startswith("[M] median")
        and "master-2.prom:2" in spec.machine("master-2").fsync.source
    )
    assert spec.machine("master-3") == reference().machine("master-3")
    table = with_file(Parameters.for_topology(spec), out.with_suffix(".calibration.json"))
    assert table["machine.master-1.boot"].source.startswith("[M] median")
    assert "run.json" in table["raft.vault.leaderless"].source


def test_a_calibrated_spec_gives_the_same_results_when_loaded_again(tmp_path: Path) -> None:
    found = calibrate(reference(), histories=[History(watched(), "run.json")])
    once = parse(dump(calibrated(reference(), found)))
    again = parse(dump(once))
    assert dump(once) == dump(again) and once == again
    path = tmp_path / "c.json"
    path.write_text(found.to_json(), encoding="utf-8")
    one = Parameters.for_topology(once).with_rows(found.rows())
    two = with_file(Parameters.for_topology(again), path)
    assert one == two
    night = Scenario("reboot", 900.0, (Fault.restart("master-1", at=60.0),))
    first = simulate(once, night, replicates=4, parameters=one)
    assert first.timelines == simulate(again, night, replicates=4, parameters=two).timelines
    before = simulate(reference(), night, replicates=4)
    assert first.timelines != before.timelines


def test_a_calibration_survives_its_file_bit_for_bit() -> None:
    found = calibrate(reference(), histories=[History(watched(), "run.json")])
    again = Calibration.parse(found.to_json())
    assert again.to_json() == found.to_json() and again.rows() == found.rows()


def test_the_spec_carries_failure_rates_and_repairs_with_their_source() -> None:
    year = 31_557_600.0
    intervals = (
        Interval("us-east-1--dc-1", State.UP, 0.0, 1e6),
        Interval("us-east-1--dc-1", State.DOWN, 1e6, 1e6 + 600.0, "nothing gets through"),
        Interval("us-east-1--dc-1", State.UP, 1e6 + 600.0, year, "healed"),
    )
    told = Timeline("observed", year, intervals, epoch=EPOCH)
    found = calibrate(reference(), histories=[History(told, "year.json")])
    link = parse(dump(calibrated(reference(), found)))["us-east-1--dc-1"]
    was = reference()["us-east-1--dc-1"]
    assert link.reliability is not None and was.reliability is not None
    assert link.reliability.rate != was.reliability.rate
    assert link.reliability.low < link.reliability.rate < link.reliability.high
    assert "year.json" in link.source and "year.json" in link.reliability.repair.source


def test_a_scrape_of_nobody_knows_whom_and_nothing_at_all_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "metrics.prom"
    path.write_text(fsync_scrape(), encoding="utf-8")
    with pytest.raises(InputError, match=r"which machine's metrics are these\?.*--from master-1="):
        run("calibrate", SPEC, "--from", str(path))
    run("calibrate", SPEC, "--from", f"master-3={path}", "-o", str(tmp_path / "c.json"))
    assert "machine.master-3.fsync" in Calibration.parse((tmp_path / "c.json").read_text())
    with pytest.raises(InputError, match="nothing to learn from"):
        run("calibrate", SPEC)
    with pytest.raises(InputError, match="no such file or folder"):
        run("calibrate", SPEC, "--from", str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"written as .json or .yaml"):
        run("calibrate", SPEC, "--from", str(path), "-o", "x.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="nothing in this folder is evidence"):
        run("calibrate", SPEC, "--from", str(tmp_path / "empty"))


def test_a_runs_journal_gives_its_steps_durations_and_leaves_out_what_was_tried_twice(tmp_path: Path) -> None:
    from meshlab.commands.trust.evidence import gather
    from meshlab.provision.cluster.journal import Journal
    from meshlab.provision.cluster.records import Kind
    from meshlab.provision.cluster.workspace import Workspace
    from meshlab.provision.plan.plan import Plan
    from meshlab.provision.plan.step import Effect, Step

    def step(name: str, *effects: Effect) -> Step:
        return Step(
            id=f"talos/{name}", system="talos", title=name, why="", operation="talos.reboot", effects=effects,
            duration=Distribution.lognormal(90.0, 0.35, "facts 5.3 [E]"),
        )  # fmt: skip

    steps = (step("one", Effect("master-1", State.BOOTING)), step("two"))
    plan = Plan(
        name="p", purpose="maintenance", cluster="hybrid", target="embedded", mode="direct", life=0, serial=0,
        steps=steps, actions={}, reasons={},
    )  # fmt: skip
    workspace = Workspace(tmp_path)
    folder = workspace.run(plan.run)
    folder.path.mkdir(parents=True)
    plan.save(folder.plan)
    now = [EPOCH]
    with Journal(workspace.journal, clock=lambda: now[0]) as journal:
        journal.fence = journal.raise_fence()
        for name, kind, time in (
            ("talos/one", Kind.INTENT, 0.0),
            ("talos/one", Kind.RESULT, 62.0),
            ("talos/two", Kind.INTENT, 70.0),
            ("talos/two", Kind.FAILED, 80.0),
            ("talos/two", Kind.INTENT, 90.0),
            ("talos/two", Kind.RESULT, 99.0),
        ):
            now[0] = EPOCH + time
            journal.add(plan.run, name, kind)
    found = gather([str(folder.path)], reference())
    assert [(s.kind, s.end - s.start, s.line) for s in found.steps] == [("talos.reboot", 62.0, 2)]
    fitted = calibrate(reference(), histories=found.histories, steps=found.steps)
    assert fitted["step.talos.reboot"].replaced is not None
    assert 60.0 < fitted["step.talos.reboot"].value.a < 90.0
    boot = fitted["machine.master-1.boot"]
    assert 62.0 < boot.value.a < 90.0 and boot.evidence[0].file.endswith("journal.sqlite")


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text, said in (("{", "x.json:1: not JSON"), ("{}", "its format must be 'meshlab-calibration-1'")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=said):
            with_file(Parameters.defaults(), path)
    found = calibrate(reference(), histories=[History(watched(), "run.json")]).to_dict()
    path.write_text(json.dumps(found | {"fits": [{}]}), encoding="utf-8")
    with pytest.raises(InputError, match="a part of the calibration is damaged"):
        with_file(Parameters.defaults(), path)
    csv = tmp_path / "own.csv"
    csv.write_text(
        "name,value,unit,low,high,source,meaning\nvault.mount,gamma 0.4 2.0,s,0.1,1,[M] drill,\n",
        encoding="utf-8",
    )
    assert with_file(Parameters.defaults(), csv)["vault.mount"].value == replace(
        Distribution.gamma(0.4, 2.0), source="[M] drill"
    )


def test_importing_the_command_loads_no_heavy_package() -> None:
    import subprocess

    code = (
        "import sys, meshlab.commands.trust.calibration, meshlab.parameters.calibration.calibrate; "
        "print(sorted({'numpy', 'scipy', 'pandas', 'prometheus_client'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_the_simulator_was_given_comes_back_from_its_own_histories() -> None:
    """The loop closes: boots of 40 s (the spec says 90), drawn by the simulator, learnt from what it told."""
    table = Parameters.defaults().with_value(
        "machine.master-1.boot", Distribution.lognormal(40.0, 0.2), "[E] test"
    )
    night = Scenario("reboot", 900.0, (Fault.restart("master-1", at=60.0),))
    told = simulate(reference(), night, replicates=25, parameters=table, seed=5).timelines
    histories = [
        History(replace(t, origin="executed", epoch=EPOCH + 1e4 * i), f"{i}.json") for i, t in enumerate(told)
    ]
    boot = calibrate(reference(), histories=histories)["machine.master-1.boot"]
    assert boot.count == 25
    assert boot.value.a == pytest.approx(40.0, rel=0.15)  # 3.7 standard errors of 25 boots
    assert boot.value.b == pytest.approx(0.2, rel=0.6)


def test_an_incidents_folder_is_evidence(tmp_path: Path) -> None:
    from meshlab.commands.trust.evidence import gather

    folder = tmp_path / "night"
    folder.mkdir()
    about = {"about": {"target": "embedded", "profile": "embedded"}}
    (folder / "incident.json").write_text(json.dumps(about), encoding="utf-8")
    (folder / "timeline.json").write_text(replace(watched(), origin="observed").to_json(), encoding="utf-8")
    (folder / "rows.json").write_text("[]", encoding="utf-8")  # an incident's other files are not looked at
    found = gather([str(folder)], reference())
    assert found.embedded == [str(folder)] and not found.live
    (history,) = found.histories
    assert history.file == str(folder / "timeline.json") and history.date == "2025-10-09"


def test_two_scrapes_of_one_machine_are_taken_for_before_and_after(tmp_path: Path) -> None:
    from meshlab.commands.trust.evidence import gather

    early, late = tmp_path / "master-1.prom", tmp_path / "master-1-later.prom"
    early.write_text("# scraped at: 1000\nprocess_start_time_seconds 500\nx_total 5\n", encoding="utf-8")
    late.write_text("# scraped at: 1060\nprocess_start_time_seconds 500\nx_total 9\n", encoding="utf-8")
    (both,) = gather([str(early), str(late)], reference()).scrapes
    assert both.machine == "master-1" and both.exposure == 60.0 and both.value("x_total") == 4.0
    with pytest.raises(InputError, match=r"master-1.prom: taken 60 s before .*master-1-later.prom"):
        gather([str(late), str(early)], reference())


def test_evidence_of_an_embedded_cluster_has_its_own_prior_and_does_not_mix_with_a_real_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = []
    for name, epoch in (("embedded", EPOCH), ("live", EPOCH + 1e5)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "incident.json").write_text(json.dumps({"about": {"profile": name}}), encoding="utf-8")
        told = replace(watched(took=1.0), origin="executed", epoch=epoch)
        (folder / "timeline.json").write_text(told.to_json(), encoding="utf-8")
        folders.append(str(folder))
    run("calibrate", SPEC, "--from", folders[0], "--json")
    told = capsys.readouterr()
    document = json.loads(told.out)
    boot = next(fit for fit in document["fits"] if fit["name"] == "machine.master-1.boot")
    assert boot["replaced"]["value"] == "triangular 0.5 1.5 4.0" and document["measured_on"] == "embedded"
    assert "hold for that one only" in told.err
    with pytest.raises(InputError, match=r"measured on an embedded cluster, and .*live on a real one"):
        run("calibrate", SPEC, "--from", folders[0], "--from", folders[1])
