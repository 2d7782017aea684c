"""Without names, a policy is run on the tasks it was trained on, however many tasks there are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dynarend_core.errors import CheckpointError, ConfigurationError
from dynarend_core.evaluation.simulated import simulator_episodes

SHIPPED = Path(__file__).parents[3] / "models/policies/small"


def test_the_shipped_policy_runs_on_its_four_tasks_unless_others_are_named() -> None:
    episodes = simulator_episodes(None, SHIPPED, 2)
    assert {e.task for e in episodes} == {
        "meat_off_grill", "open_drawer", "push_buttons", "slide_block_to_color_target"
    }  # fmt: skip
    assert len(episodes) == 8
    assert {e.task for e in simulator_episodes("open_drawer", SHIPPED, 2)} == {"open_drawer"}


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="open_drawer"):
        simulator_episodes("fold_laundry", SHIPPED, 2)
    with pytest.raises(CheckpointError, match="nowhere"):
        simulator_episodes(None, tmp_path / "nowhere", 2)
    config = json.loads((SHIPPED / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "tasks": []}))
    with pytest.raises(ConfigurationError, match="--tasks"):
        simulator_episodes(None, tmp_path, 2)
