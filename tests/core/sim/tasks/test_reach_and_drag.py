"""reach_and_drag: the square's colour decides, and the stick must do the work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_the_cube_on_another_square_fails(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("reach_and_drag", 4, 8)
    task = environment.world.task
    task.order = np.roll(task.order, 1)
    keyframes = task.waypoints(environment.world)
    task.order = np.roll(task.order, -1)
    assert attempt(keyframes) is FailureReason.WRONG_OBJECT


def test_without_the_stick_the_same_motion_leaves_the_cube_alone(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("reach_and_drag", 4, 9)
    world = environment.world
    keyframes = [Keyframe(k.T_base_gripper, True, k.ignore_collisions) for k in world.task.waypoints(world)]
    before = world.body_position("cube")
    assert attempt(keyframes) is FailureReason.NONE
    assert np.linalg.norm(world.body_position("cube") - before) < 0.02
    assert not world.success()
