"""place_cups: enough cups hang, let go, and go on hanging."""

from __future__ import annotations

from collections.abc import Callable

from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


def test_three_cups_still_hang_seconds_later(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("place_cups", 2, 8)
    world = environment.world
    assert attempt(world.task.waypoints(world)) is FailureReason.NONE
    assert world.success()
    world.advance(3.0)
    assert world.task.hung(world) == 3


def test_one_cup_is_not_enough_for_two_and_a_held_one_does_not_count(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("place_cups", 1, 4)
    world = environment.world
    keyframes = world.task.waypoints(world)
    assert attempt(keyframes[:6]) is FailureReason.NONE
    assert world.task.hung(world) == 1
    assert not world.success()
    last = keyframes[-1].T_base_gripper
    attempt([*keyframes[6:-1], Keyframe(last, False, True)])
    assert world.task.hung(world) == 2
    assert world.held == "cup1"
    assert not world.success()
    assert environment.step(Keyframe(last, True, True)).success


def test_a_cup_beside_its_spoke_does_not_hang(
    environment: MujocoEnvironment, attempt: Callable[[list[Keyframe]], FailureReason]
) -> None:
    environment.reset("place_cups", 0, 3)
    world = environment.world
    keyframes = world.task.waypoints(world)
    beside = keyframes[-1].T_base_gripper.copy()
    beside[:3, 3] += 0.03 * beside[:3, 0]  # along the handle: the spoke passes outside it or inside the cup
    attempt([*keyframes[:-1], Keyframe(beside, True, True)])
    assert not world.success()
