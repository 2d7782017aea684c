"""close_jar: the colour decides."""

from __future__ import annotations

from collections.abc import Callable

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_the_lid_on_the_other_jar_fails(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("close_jar", 3, 14)
    task = environment.world.task
    task.jars = task.jars[::-1]
    keyframes = task.waypoints(environment.world)
    task.jars = task.jars[::-1]
    assert attempt(keyframes) is FailureReason.WRONG_OBJECT
