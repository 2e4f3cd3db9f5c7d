"""Campaigns on a Dask cluster: the same bits as here, and a clear word where there is no cluster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import needs
from meshlab.availability.sampling import HalfWidth, MeshModel, Need, Program, sample, sample_mesh
from meshlab.availability.trees.formula import Works, at_least, failure
from meshlab.model import InputError
from meshlab.model.extras import MissingExtra
from meshlab.model.spec import data_file, reference
from meshlab.simulate import load_scenario, simulate
from own_time import PATIENCE_S

needs.package("distributed", "distributed")
# distributed warns of its own event loops and sockets at shutdown; none of it is ours.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """A scheduler with one worker of two threads, in this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        protocol="tcp",
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address


def rare() -> Program:
    names = [f"m{i}" for i in range(7)]
    return Program.of(failure(at_least(4, map(Works, names))), dict.fromkeys(names, 2e-3))


def test_a_cluster_gives_the_bits_of_one_thread(scheduler: str) -> None:
    for how in ({"samples": 5_000_001}, {"half_width": HalfWidth(0.02, relative=True)}):
        here = sample(rare(), seed=4, **how)  # type: ignore[arg-type]
        there = sample(rare(), seed=4, scheduler=scheduler, **how)  # type: ignore[arg-type]
        assert here == there


def test_a_mesh_on_a_cluster_gives_the_bits_of_one_thread(scheduler: str) -> None:
    where = {"a": "x", "b": "x", "c": "y"}
    mesh = MeshModel.full(where, machine_down=0.01, link_down=0.02, needs=(Need(3, ("a", "b", "c")),))
    assert sample_mesh(mesh, samples=3_000_000) == sample_mesh(mesh, samples=3_000_000, scheduler=scheduler)


def test_replicates_on_a_cluster_are_those_of_this_process(scheduler: str) -> None:
    cluster = reference()
    night = load_scenario(data_file("scenarios/lose-master.yaml"), cluster)
    here = simulate(cluster, night, replicates=6, seed=2)
    assert simulate(cluster, night, replicates=6, seed=2, scheduler=scheduler).to_dict() == here.to_dict()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    return lambda seconds: monkeypatch.setattr("meshlab.simulate.run.cluster._PATIENCE", seconds)


def test_nobody_at_the_address_is_bad_input_that_says_how_to_start_one(
    patience: Callable[[float], None],
) -> None:
    patience(0.5)
    with pytest.raises(
        InputError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 .*dask scheduler"
    ):
        sample(rare(), samples=1000, scheduler="tcp://127.0.0.1:1")


def test_a_scheduler_without_workers_is_bad_input(patience: Callable[[float], None]) -> None:
    from distributed import LocalCluster

    patience(5.0)

    with (
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
        ) as cluster,
        pytest.raises(InputError, match="has no workers"),
    ):
        sample(rare(), samples=1000, scheduler=cluster.scheduler_address)


def test_workers_without_meshlab_are_bad_input(patience: Callable[[float], None]) -> None:
    from distributed import LocalCluster

    patience(PATIENCE_S)

    code = "import sys; sys.modules['meshlab'] = None; from distributed.cli.dask_worker import main; main()"
    with LocalCluster(
        n_workers=0, processes=False, protocol="tcp", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        command = [sys.executable, "-c", code, cluster.scheduler_address, "--no-nanny", "--no-dashboard"]
        worker = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            with pytest.raises(InputError, match=r"cannot run meshlab .*install the same version"):
                sample(rare(), samples=1000, scheduler=cluster.scheduler_address)
        finally:
            worker.terminate()
            worker.wait()


def test_without_the_package_it_says_which_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"meshlab\[dask\]"):
        sample(rare(), samples=1000, scheduler="tcp://127.0.0.1:8786")
