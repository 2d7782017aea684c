"""light_bulb_in: the colour decides."""

from __future__ import annotations

from collections.abc import Callable

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_the_bulb_of_the_other_holder_fails(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("light_bulb_in", 3, 14)
    task = environment.world.task
    task.holders = task.holders[::-1]
    keyframes = task.waypoints(environment.world)
    task.holders = task.holders[::-1]
    assert attempt(keyframes) is FailureReason.WRONG_OBJECT
