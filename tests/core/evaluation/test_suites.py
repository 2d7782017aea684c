import json
from pathlib import Path

import pytest

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.suites import FOUR, choose_tasks
from dynarend_core.networks.checkpoint import load_info
from dynarend_core.sim.mujoco.tasks import TASKS

SHIPPED = Path(__file__).parents[3] / "models/policies/small"


def test_four_are_the_tasks_of_the_shipped_policy():
    assert set(FOUR) == set(load_info(SHIPPED).tasks) == set(choose_tasks(None, "four", None))


def test_without_names_a_policy_runs_on_its_own_tasks():
    assert set(choose_tasks(None, None, SHIPPED)) == set(FOUR)
    assert choose_tasks("open_drawer,open_drawer", None, SHIPPED) == ("open_drawer",)
    assert choose_tasks("open_drawer", "colosseum", SHIPPED) == ("open_drawer",)


def test_rlbench18_is_every_task_there_is():
    assert choose_tasks(None, "rlbench18", None) == choose_tasks(None, "colosseum", None) == tuple(sorted(TASKS))
    assert len(TASKS) == 18


def test_what_cannot_be_known_is_asked_for(tmp_path):
    with pytest.raises(ConfigurationError, match="open_drawer"):
        choose_tasks("fold_laundry", None, SHIPPED)
    with pytest.raises(ConfigurationError, match="--suite"):
        choose_tasks(None, None, None)
    with pytest.raises(ConfigurationError, match="colosseum"):
        choose_tasks(None, "olympics", SHIPPED)
    with pytest.raises(CheckpointError, match="nowhere"):
        choose_tasks(None, None, tmp_path / "nowhere")
    config = json.loads((SHIPPED / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "tasks": []}))
    with pytest.raises(ConfigurationError, match="--tasks"):
        choose_tasks(None, None, tmp_path)
