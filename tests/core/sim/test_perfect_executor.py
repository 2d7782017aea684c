"""Without a planner: the arm stands where it was told, with what it holds, and contact is still physics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import FailureReason, Keyframe


@pytest.fixture(scope="module")
def perfect() -> Iterator[MujocoEnvironment]:
    environment = MujocoEnvironment(image_size=64, perfect_executor=True)
    yield environment
    environment.close()


@pytest.mark.parametrize("name", ["push_buttons", "open_drawer", "slide_block_to_color_target", "meat_off_grill"])
def test_the_expert_solves_tasks_of_contact_and_of_carrying(perfect: MujocoEnvironment, name: str) -> None:
    perfect.reset(name, 1, 21)
    results = [perfect.step(target) for target in perfect.world.task.waypoints(perfect.world)]
    assert results[-1].success


def test_the_arm_stands_at_the_keyframe_through_everything_and_holds_on(perfect: MujocoEnvironment) -> None:
    perfect.reset("meat_off_grill", 0, 5)
    world = perfect.world
    above, grasp, *_ = world.task.waypoints(world)
    perfect.step(above)
    perfect.step(grasp)
    assert world.held == "chicken"

    def in_hand() -> np.ndarray:
        return se3.inverse(T_WORLD_BASE @ world.gripper().T_base_gripper) @ [*world.body_position("chicken"), 1.0]

    before = in_hand()
    # on the other side of the grill and as low as its grate: a planner has to go round, or refuses
    target = np.array(above.T_base_gripper)
    target[:3, 3] += [-0.05, -0.25, -0.02]
    result = perfect.step(Keyframe(target, False, ignore_collisions=False))
    assert result.failure_reason is FailureReason.NONE
    np.testing.assert_allclose(world.gripper().T_base_gripper, target, atol=5e-3)
    np.testing.assert_allclose(in_hand(), before, atol=2e-3)


def test_what_no_executor_can_reach_stays_the_policys_failure(perfect: MujocoEnvironment) -> None:
    observation = perfect.reset("push_buttons", 0, 0)
    far = np.array(observation.gripper.T_base_gripper)
    far[0, 3] = 3.0
    assert perfect.step(Keyframe(far, True)).failure_reason is FailureReason.OUT_OF_BOUNDS
