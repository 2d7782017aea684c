"""stack_cups: the named cup stays at the bottom."""

from __future__ import annotations

from collections.abc import Callable

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_picking_up_the_named_cup_fails(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("stack_cups", 3, 14)
    task = environment.world.task
    task.cups = task.cups[[1, 0, 2]]
    assert attempt(task.waypoints(environment.world)) is FailureReason.WRONG_OBJECT


def test_one_cup_in_the_named_one_is_not_enough(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("stack_cups", 4, 15)
    assert attempt(environment.world.task.waypoints(environment.world)[:6]) is FailureReason.NONE
    assert environment.world.held is None
    assert not environment.world.success()
