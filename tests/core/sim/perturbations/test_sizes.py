"""Sizes change within their range, things rest on what they rested on, and the expert copes."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import demonstrate
from dynarend_core.sim.mujoco.perturbations.catalogue import applicable, tasks_with
from dynarend_core.sim.mujoco.primitives import scale_body
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import FailureReason

SIZES = ("object_size", "receptacle_size")


def test_scaling_keeps_foot_masses_and_proportions() -> None:
    spec = mujoco.MjSpec()
    body = spec.worldbody.add_body(name="body")
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0.1, 0, 1.5], size=[0.1, 0.2, 0.5], mass=2.0)
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE, fromto=[0, 0, 1, 0, 0, 3], size=[0.1, 0, 0])
    child = body.add_body(name="child", pos=[0, 0, 2])
    child.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, pos=[0, 0.1, 0], size=[0.1, 0, 0])
    scale_body(spec, body, 0.5, foot=1.0)
    model = spec.compile()
    np.testing.assert_allclose(model.geom_pos, [[0.05, 0, 1.25], [0, 0, 1.5], [0, 0.05, 0]])
    np.testing.assert_allclose(model.geom_size[0], [0.05, 0.1, 0.25])
    np.testing.assert_allclose(model.geom_size[1, :2], [0.05, 0.5])
    np.testing.assert_allclose(model.body("child").pos, [0, 0, 1.5])
    assert model.geom_size[2, 0] == 0.05
    spec_mass = 2.0 + 1000 * np.pi * (0.05**2 * 1.0 + 4 / 3 * 0.05**3)
    assert model.body("body").mass[0] == pytest.approx(spec_mass, rel=1e-6)


@pytest.mark.parametrize("factor", SIZES)
def test_the_part_is_scaled_by_one_factor_of_its_range_and_nothing_else_is(factor: str) -> None:
    ratios = []
    for seed in range(6):
        usual, other = (build_scene(SceneRequest("put_item_in_drawer", 0, seed, p))[1] for p in ("none", factor))
        ratio = np.round(other.geom_size[:, 0] / np.maximum(usual.geom_size[:, 0], 1e-9), 9)
        part = [
            ("item" in usual.body(b).name)
            if factor == "object_size"
            else usual.body(b).name.startswith(("cab", "draw"))
            for b in usual.geom_bodyid
        ]
        assert len(set(ratio[part])) == 1
        np.testing.assert_array_equal(usual.geom_size[np.logical_not(part)], other.geom_size[np.logical_not(part)])
        ratios.append(ratio[part][0])
    low, high = getattr(TASKS["put_item_in_drawer"].roles, factor.removesuffix("_size")).size
    assert low <= min(ratios) < max(ratios) <= high


@pytest.mark.parametrize("task", tasks_with("object_size"))
def test_everything_rests_where_it_was_put_and_nothing_is_decided_yet(world: MujocoWorld, task: str) -> None:
    for seed in range(2):
        world.reset(task, seed, seed, perturbation="all")
        assert not world.success()
        assert world.failure() is FailureReason.NONE
        for name in world.task.graspable:
            body = world.data.body(name)
            fallen = world.model.body(name).pos - body.xpos
            assert np.abs(fallen).max() < 0.006, f"{name} moved by {fallen}"


@pytest.mark.parametrize("task", ["slide_block_to_color_target", "insert_onto_square_peg"])
def test_the_expert_copes_with_sizes(environment: MujocoEnvironment, task: str) -> None:
    assert set(SIZES) <= set(applicable(task))
    for seed, factor in enumerate(SIZES, start=3):
        assert demonstrate(environment, task, seed, 0, 0, False, factor).message == ""
