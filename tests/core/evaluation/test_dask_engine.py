"""Dask's workers find what this process finds, and report what goes wrong."""

import pytest

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.dask_engine import run_on_dask
from dynarend_core.evaluation.parallel import run_episodes
from dynarend_core.evaluation.rollout import EpisodeSpec
from dynarend_core.types import FailureReason

distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
dask = pytest.importorskip("dask", reason="the extra 'dask' is not installed")

SPECS = [EpisodeSpec("task", variation, 100_000 + variation, 0) for variation in range(5)]


@pytest.fixture(scope="module")
def scheduler(fakes):
    """One worker in a process of its own."""
    options = {"host": "127.0.0.1", "dashboard_address": None, "n_workers": 1, "threads_per_worker": 1}
    once = dask.config.set({"distributed.scheduler.allowed-failures": 0})  # starting a worker again takes seconds
    with once, distributed.LocalCluster(**options) as cluster:
        yield cluster.scheduler_address


def outcome(results):
    return {r.spec: (r.success, r.failure_reason, r.instruction, r.steps) for r in results}


def test_a_scheduler_runs_the_same_episodes(fakes, scheduler):
    assert outcome(run_on_dask(SPECS, fakes.stage, scheduler)) == outcome(run_episodes(SPECS, fakes.stage))


def test_a_stage_that_cannot_be_built_is_an_error(fakes, scheduler):
    with pytest.raises(CheckpointError, match="damaged"):
        list(run_on_dask(SPECS, fakes.broken_stage, scheduler))


def test_an_episode_that_kills_its_workers_becomes_a_failure(fakes, scheduler):
    results = outcome(run_on_dask(SPECS[:3], fakes.deadly_stage, scheduler))
    assert results[SPECS[2]][:2] == (False, FailureReason.SIMULATOR)
    assert results[SPECS[0]][0]


def test_no_scheduler_is_said_so(monkeypatch):
    monkeypatch.setattr("dynarend_core.evaluation.dask_engine.CONNECT_S", 0.5)
    with pytest.raises(ConfigurationError, match="no Dask scheduler"):
        list(run_on_dask(SPECS, None, "tcp://127.0.0.1:9"))
