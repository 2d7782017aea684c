"""Distractors lie apart from the task, stay where they are, and leave everything else as it was."""

from __future__ import annotations

import numpy as np
import pytest

from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.perturbations.distractors import REGION
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.sim.mujoco.world import MujocoWorld


@pytest.mark.parametrize("task", TASKS)
def test_one_to_four_lie_on_the_table_and_touch_nothing_else(world: MujocoWorld, task: str) -> None:
    for seed in range(2):
        usual = build_scene(SceneRequest(task, 0, seed))[1]
        world.reset(task, 0, seed, perturbation="distractors")
        model, data = world.model, world.data
        clutter = [b for b in range(model.nbody) if model.body(b).name.startswith("clutter")]
        assert 1 <= len(clutter) <= 4
        assert model.nbody == usual.nbody + len(clutter)
        for b in clutter:
            assert (data.xpos[b][:2] > REGION[0] - 0.01).all()
            assert (data.xpos[b][:2] < REGION[1] + 0.01).all()
            np.testing.assert_allclose(data.xpos[b], model.body_pos[b], atol=0.004)
        for contact in data.contact:
            bodies = {model.geom_bodyid[g] for g in contact.geom}
            if bodies & set(clutter):
                assert bodies - set(clutter) == {0}


def test_numbers_and_shapes_vary() -> None:
    scenes = [build_scene(SceneRequest("push_buttons", 0, seed, "distractors"))[1] for seed in range(10)]
    usual = build_scene(SceneRequest("push_buttons", 0, 0))[1]
    counts = np.bincount([scene.nbody - usual.nbody for scene in scenes], minlength=5)
    assert counts[2] == counts.max()
    assert (counts > 0).sum() >= 3
    assert counts[0] == 0


def test_the_task_lies_where_it_lies_without_them() -> None:
    usual, other = (build_scene(SceneRequest("stack_cups", 2, 3, p))[1] for p in ("none", "distractors"))
    for body in range(usual.nbody):
        name = usual.body(body).name
        np.testing.assert_array_equal(usual.body_pos[body], other.body(name).pos)
        np.testing.assert_array_equal(usual.body_mass[body], other.body(name).mass[0])
