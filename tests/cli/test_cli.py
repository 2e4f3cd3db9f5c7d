"""The command line as others script against it: names, exit codes, one JSON document on stdout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Done

ROOT = Path(__file__).parents[2]
REFERENCE = "data/reference.yaml"
COMMANDS = (
    *("review", "show", "import", "simulate", "availability", "plan", "apply"),
    *("destroy", "status", "drift", "observe", "emulate", "incident", "demo", "lab"),
    *("latency", "capacity", "cost", "advise", "hold", "calibrate", "validate", "report", "explore"),
)
FAULTS = ("up", "status", "down", "kill", "restart", "lose-disk", "partition", "delay", "heal")


def test_the_program_is_installed_under_its_name() -> None:
    program = Path(sys.executable).parent / "meshlab"
    done = subprocess.run([program, "nosuch"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "No such command" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(meshlab: Callable[..., Done], command: str) -> None:
    done = meshlab(command, "--help")
    assert done.returncode == 0
    if command != "emulate":
        assert "Example: meshlab" in " ".join(done.stdout.split())
        assert "--json" in done.stdout


@pytest.mark.parametrize("command", [*FAULTS, "etcd", "kubeconfig"])
def test_every_emulate_command_has_help_with_an_example_and_json(
    meshlab: Callable[..., Done], command: str
) -> None:
    done = meshlab("emulate", command, "--help")
    assert done.returncode == 0
    assert "Example: meshlab emulate" in " ".join(done.stdout.split())
    assert "--json" in done.stdout


def test_simulate_gives_the_document_that_others_read(meshlab: Callable[..., Done]) -> None:
    scenario = "data/scenarios/lose-master.yaml"
    done = meshlab(
        "simulate", REFERENCE, "--scenario", scenario, "--replicates", "5", "--seed", "7", "--json"
    )
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert set(document) == {"horizon_s", "seed", "replicates", "intervals", "services"}
    assert (document["seed"], document["replicates"]) == (7, 5)
    assert set(document["intervals"][0]) == {"replicate", "component", "state", "start_s", "end_s", "cause"}
    for outlook in document["services"].values():
        assert set(outlook) == {"downtime_s", "availability"}
        assert set(outlook["downtime_s"]) == {"mean", "p05", "p50", "p95"}


def test_the_same_seed_gives_the_same_document_with_two_workers(meshlab: Callable[..., Done]) -> None:
    arguments = (
        "simulate",
        REFERENCE,
        "--scenario",
        "data/scenarios/lose-zone.yaml",
        "--replicates",
        "6",
        "--json",
    )
    assert meshlab(*arguments).stdout == meshlab(*arguments, "--workers", "2").stdout


def test_review_gives_findings_with_rule_severity_components_message_and_fix(
    meshlab: Callable[..., Done],
) -> None:
    findings = json.loads(meshlab("review", REFERENCE, "--json").stdout)["findings"]
    assert {"rule", "severity", "components", "message", "fix"} <= set(findings[0])


def test_availability_gives_every_service(meshlab: Callable[..., Done]) -> None:
    document = json.loads(meshlab("availability", REFERENCE, "--json").stdout)
    assert set(document["services"]) == {
        "etcd", "kubernetes-api", "vault", "solana", "ethereum", "tron", "mesh", "management",
    }  # fmt: skip


def test_a_bad_spec_exits_with_2_and_every_problem_at_its_line(
    meshlab: Callable[..., Done], tmp_path: Path
) -> None:
    spec = tmp_path / "bad.yaml"
    spec.write_text(
        "meshlab: v1\nname: x\nsitess: []\nmachines:\n  - {name: a, role: worker, site: nowhere, memory: 4s}\n"
    )
    done = meshlab("review", str(spec), "--json")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    problems = json.loads(done.stdout)["problems"]
    assert {p["line"] for p in problems} >= {3, 5}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("simulate", REFERENCE, "--scenario", "data/scenarios/nope.yaml"), "no such file"),
        (("availability", REFERENCE, "--service", "valt"), "did you mean 'vault'"),
        (("review", "data/referense.yaml"), "did you mean"),
        (("nosuch",), "No such command"),
        (("simulate", REFERENCE), "Missing option"),
        (("plan", REFERENCE), "meshlab emulate up"),
        (("emulate", "kill", "master-1"), "meshlab emulate up"),
        (("incident", "nowhere"), "nowhere"),
        (("show", REFERENCE, "--format", "docx"), "known: table"),
    ],
)
def test_a_users_mistake_exits_with_2_and_a_message(
    meshlab: Callable[..., Done], arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = meshlab(*arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_which_etcd_is_run_is_said_with_its_version_and_why(meshlab: Callable[..., Done]) -> None:
    document = json.loads(meshlab("emulate", "etcd", "--json").stdout)
    assert set(document) == {"name", "version", "path", "why", "concern"}
    said = meshlab("emulate", "etcd").stdout
    assert f"etcd {document['version']}, {document['why']}" in " ".join(said.split())


def test_down_with_nothing_up_is_fine(meshlab: Callable[..., Done]) -> None:
    done = meshlab("emulate", "down")
    assert (done.returncode, done.stdout.strip()) == (0, "nothing was up")


def test_import_writes_a_spec_that_review_reads(meshlab: Callable[..., Done], tmp_path: Path) -> None:
    design = tmp_path / "design.md"
    design.write_text((ROOT / "tests" / "data" / "design.md").read_text())
    written = tmp_path / "cluster.yaml"
    done = meshlab("import", str(design), "-o", str(written), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gaps"]
    assert meshlab("review", str(written)).returncode == 0


@pytest.mark.parametrize("form", ["table", "mermaid", "graphml", "node-link", "yaml"])
def test_show_prints_each_form(meshlab: Callable[..., Done], form: str) -> None:
    done = meshlab("show", REFERENCE, "--format", form)
    assert done.returncode == 0
    assert "master-1" in done.stdout


def test_show_draws_a_picture(meshlab: Callable[..., Done], tmp_path: Path) -> None:
    done = meshlab("show", REFERENCE, "--format", "png", "-o", str(tmp_path / "t.png"))
    assert done.returncode == 0
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_explore_gives_one_document_with_every_design(meshlab: Callable[..., Done]) -> None:
    done = meshlab(
        *("explore", REFERENCE, "--vary", "chain-replicas=1,2", "--vary", "zones=1,3"),
        *("--min-availability", "etcd=0.99995", "--horizon", "12mo", "--samples", "300", "--json"),
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    by_name = {one["name"]: one for one in document["designs"]}
    assert set(by_name) == {"today", "zones=1", "chain-replicas=2", "zones=1, chain-replicas=2"}
    for one in by_name.values():
        assert {"choices", "availability", "latency_p99_s", "exhausted_after_months"} <= set(one)
        assert one["cost_per_month"]["p05"] < one["cost_per_month"]["p50"] < one["cost_per_month"]["p95"]
    assert by_name["zones=1"]["rejected"]["constraint"] == "min-availability etcd"
    assert by_name["zones=1"]["front"] is False
    assert by_name["today"]["rejected"] is None
    assert document["recommendation"]["design"] in by_name
    assert "design 1 of 4" in done.stderr


def test_explore_says_what_a_wrong_word_should_have_been(meshlab: Callable[..., Done]) -> None:
    done = meshlab("explore", REFERENCE, "--vary", "zone=3", "--json")
    assert done.returncode == 2
    assert "did you mean 'zones'" in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 2


def test_an_interrupted_exploration_ends_without_an_answer(
    meshlab: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshlab.planning.explore import measures

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(measures.Measurer, "__call__", stopped)
    done = meshlab("explore", REFERENCE, "--vary", "zones=1,3")
    assert done.returncode == 130
    assert done.stdout == ""
    assert "interrupted" in done.stderr


def test_a_capacity_plan_is_written_and_its_answer_is_told(
    meshlab: Callable[..., Done], tmp_path: Path
) -> None:
    page, text = tmp_path / "plan.html", tmp_path / "plan.md"
    done = meshlab("report", REFERENCE, "-o", str(page), "--samples", "200", "--horizon", "3y")
    assert done.returncode == 0
    assert "Until when?" in done.stdout and f"written: {page}" in done.stdout
    assert "36 months" in page.read_text(encoding="utf-8")
    done = meshlab("report", REFERENCE, "-o", str(text), "--samples", "200", "--growth", "2", "--json")
    document = json.loads(done.stdout)
    assert [Path(name).name for name in document["files"]][:2] == ["plan.md", "plan-design.png"]
    assert document["numbers"] > 200 and document["sources"] > 50
    assert all(Path(name).stat().st_size for name in document["files"])


def test_a_design_is_held_beside_another(meshlab: Callable[..., Done], tmp_path: Path) -> None:
    other = tmp_path / "cheaper.yaml"
    other.write_text(
        Path(REFERENCE)
        .read_text(encoding="utf-8")
        .replace("instance-type: m6i.xlarge", "instance-type: m6i.large")
    )
    page = tmp_path / "plan.md"
    done = meshlab("report", REFERENCE, "-o", str(page), "--samples", "200", "--against", str(other))
    assert done.returncode == 0
    (row,) = [
        line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| USD a month")
    ]
    before, after = (float(cell.split("(")[0].strip(" [").replace(",", "")) for cell in row.split("|")[2:4])
    assert after < before


def test_a_plan_that_cannot_be_written_is_bad_input(meshlab: Callable[..., Done], tmp_path: Path) -> None:
    for output, what in (("plan.pdf", "written as .html or .md"), ("none/plan.md", "there is no folder")):
        done = meshlab("report", REFERENCE, "-o", str(tmp_path / output))
        assert done.returncode == 2 and what in done.stderr
    done = meshlab("report", REFERENCE, "-o", str(tmp_path / "plan.md"), "--horizon", "soon")
    assert done.returncode == 2 and "24mo, 3y, 90d" in done.stderr


def test_latency_of_a_stretched_control_plane_names_the_timers_to_choose(
    meshlab: Callable[..., Done],
) -> None:
    done = meshlab(
        *("latency", REFERENCE, "--stretch", "90ms", "--request", "etcd-put", "--samples", "500", "--json")
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["requests"][0]["p50"]["value"] > 0.09 > document["before"][0]["p50"]["value"]
    assert document["requests"][0]["tunnel"]["mtu"] == 1420
    [group] = document["timers"]
    assert sum(choice["chosen"] for choice in group["choices"]) == 1


def test_latency_refuses_a_round_trip_without_a_unit(meshlab: Callable[..., Done]) -> None:
    done = meshlab("latency", REFERENCE, "--stretch", "90")
    assert done.returncode == 2
    assert "--stretch 90ms" in done.stderr


def test_explore_tells_a_person_what_to_do_and_what_was_not_chosen(meshlab: Callable[..., Done]) -> None:
    done = meshlab(
        *("explore", REFERENCE, "--vary", "spare-workers=0,1", "--vary", "zones=1,3"),
        *("--max-latency", "etcd-put=10ms", "--budget", "3000", "--horizon", "12mo", "--samples", "300"),
    )
    assert done.returncode == 0
    assert "recommended: spare-workers=1" in done.stdout
    assert "service-minutes a year for each dollar a month" in done.stdout
    assert "not zones=1: " in done.stdout
    assert "the rule: " in done.stdout


def test_report_limits_its_search_and_names_what_rejected_each_design(
    meshlab: Callable[..., Done], tmp_path: Path
) -> None:
    page = tmp_path / "plan.md"
    done = meshlab(
        *("report", REFERENCE, "-o", str(page), "--samples", "200", "--load", "1550"),
        *("--vary", "vault=masters,workers", "--vary", "zones=3,regions", "--vary", "masters=3,5"),
        *("--budget", "2300", "--max-latency", "etcd-put=20ms", "--min-availability", "etcd=0.99"),
        *("--horizon", "12mo"),
    )
    assert done.returncode == 0
    assert "design 1 of 8" in done.stderr
    text = page.read_text(encoding="utf-8")
    plain = re.sub(r"\[([^\]]*)\]\(#[^)]*\)", r"\1", text)
    limits = plain.split("What every design was asked to keep to")[1].split("designs are rejected")[0]
    verdicts = {row.split("|")[1].strip(): row.split("|")[6].strip() for row in _rows(limits)}
    assert {name for name, verdict in verdicts.items() if verdict == "binds"} == {
        "load vault-write",
        "max-latency etcd-put",
        "budget",
    }
    assert verdicts["min-availability etcd"] == verdicts["load etcd-put"] == "keeps nothing out"
    out = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in _rows(plain.split(limits)[1])}
    assert out["today"] == "load vault-write"
    assert out["masters=5, vault=workers"] == "budget"
    assert out["zones=regions, vault=workers"] == "max-latency etcd-put"
    assert "vault=workers" not in out


def _rows(text: str) -> list[str]:
    """The rows of a Markdown table, its heading left out."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows[2:] if not row.startswith("|-")]


def test_explore_and_report_search_the_same_designs_with_the_same_limits(
    meshlab: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from meshlab.planning import explore as planning_explore

    asked: list[dict[str, object]] = []
    ours = ("progress", "worlds")  # today's own numbers are of the plan's worlds, which --samples sets
    real = planning_explore.explore

    def noted(topology: object, varied: object, **named: object) -> object:
        asked.append({"varied": varied, **{k: v for k, v in named.items() if k not in ours}})
        return real(topology, varied, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(planning_explore, "explore", noted)
    words = (
        *("--vary", "masters=3", "--budget", "2300", "--max-latency", "etcd-put=20ms", "--load", "50"),
        *("--min-availability", "etcd=0.99", "--service", "etcd", "--horizon", "3y", "--seed", "4"),
    )
    assert meshlab("explore", REFERENCE, *words).returncode == 0
    assert (
        meshlab("report", REFERENCE, "-o", str(tmp_path / "p.md"), "--samples", "100", *words).returncode == 0
    )
    first, second = asked
    assert first == second
    assert first["service"] == "etcd" and first["load"] == 50.0


def test_limits_without_a_search_are_refused_before_anything_is_computed(
    meshlab: Callable[..., Done], tmp_path: Path
) -> None:
    page = tmp_path / "plan.html"
    done = meshlab("report", REFERENCE, "-o", str(page), "--budget", "2000", "--service", "etcd", "--json")
    assert done.returncode == 2
    assert "--budget" in done.stderr and "--service" in done.stderr and "--vary all" in done.stderr
    assert not page.exists()
    for words, hint in (
        (("--max-latency", "etcd-putt=5ms"), "did you mean 'etcd-put'"),
        (("--min-availability", "etcd=2"), "between 0 and 1"),
        (("--service", "etdc"), "did you mean 'etcd'"),
    ):
        done = meshlab("report", REFERENCE, "-o", str(page), "--vary", "masters=3", *words)
        assert done.returncode == 2 and hint in done.stderr
        assert "design 1 of" not in done.stderr


def test_explore_under_load_rejects_what_cannot_carry_it(meshlab: Callable[..., Done]) -> None:
    words = (
        *("explore", REFERENCE, "--vary", "vault=masters,workers", "--samples", "300", "--load", "1550"),
        *("--horizon", "12mo"),
    )
    done = meshlab(*words, "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout, parse_constant=lambda word: pytest.fail(f"no JSON: {word}"))
    today, moved = document["designs"]
    assert (document["load_per_s"], today["rejected"]["constraint"]) == (1550.0, "load vault-write")
    assert today["missed"] == ["load vault-write"] and moved["rejected"] is None
    assert today["latency_p99_s"]["vault-write"]["value"] is None
    told = meshlab(*words).stdout
    assert "p99 at 1550 requests of each kind a second, one kind at a time" in told
    assert "recommended: vault=workers" in told
