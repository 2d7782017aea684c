"""Perturbations are seeded, composable, and named in errors; ``none`` is the usual scene."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.perturbations.catalogue import PERTURBATIONS, applicable, factors_of
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.sim.mujoco.world import MujocoWorld

TASK = "open_drawer"


def saved(perturbation: str, seed: int = 3) -> bytes:
    """The compiled scene, bit by bit."""
    model = build_scene(SceneRequest(TASK, 1, seed, perturbation))[1]
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def test_none_is_the_usual_scene() -> None:
    model = build_scene(SceneRequest(TASK, 1, 3))[1]
    buffer = np.zeros(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    assert saved("none") == buffer.tobytes()
    assert factors_of(TASK, "none") == ()


@pytest.mark.parametrize("perturbation", applicable(TASK))
def test_equal_seeds_give_equal_scenes_and_others_do_not(perturbation: str) -> None:
    first = saved(perturbation)
    assert first == saved(perturbation)
    assert first != saved("none")
    assert first != saved(perturbation, seed=4)


@pytest.mark.parametrize("task", TASKS)
def test_all_is_every_factor_that_applies(task: str) -> None:
    names = applicable(task)
    assert names[-1] == "all"
    assert set(names) <= set(PERTURBATIONS)
    assert factors_of(task, "all") == names[:-1]
    assert all(factors_of(task, name) == (name,) for name in names[:-1])


def test_what_does_not_exist_is_named_with_the_choices(world: MujocoWorld) -> None:
    with pytest.raises(ConfigurationError, match=r"'earthquake'.*none, .*camera_pose.*all"):
        world.reset(TASK, 0, 0, perturbation="earthquake")
    with pytest.raises(ConfigurationError, match="open_drawer"):
        applicable("fold_laundry")
