"""The simulated robot: determinism, commands, grasping, displaced looks, errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dynarend_core.errors import ConfigurationError, PlanningError, SimulationError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.planner import MotionPlanner
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.task import gripper_down, keyframe
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import Keyframe


def go(world: MujocoWorld, target: Keyframe) -> None:
    world.follow(MotionPlanner().plan(world.q, target))
    settle(world)
    world.command_gripper(target.gripper_open)
    settle(world)


def settle(world: MujocoWorld) -> None:
    world.advance(0.02)
    while world.moving:
        world.advance(0.02)


@pytest.mark.parametrize("task", ["push_buttons", "meat_off_grill"])
def test_equal_seeds_give_equal_scenes_and_images(world: MujocoWorld, task: str) -> None:
    images = []
    for seed in (5, 6, 5):
        world.reset(task, 1, seed, disturb_start=True)
        images.append(np.stack([view.rgb for view in world.views()]))
    np.testing.assert_array_equal(images[0], images[2])
    assert (images[0] != images[1]).any()


@pytest.mark.parametrize(
    ("task", "variation", "seed", "phrasing", "named"),
    [
        ("fold_laundry", 0, 0, 0, "open_drawer"),
        ("open_drawer", 3, 0, 0, "0 to 2"),
        ("open_drawer", -1, 0, 0, "0 to 2"),
        ("open_drawer", 0, 0, 6, "0 to 5"),
        ("open_drawer", 0, -1, 0, "seed"),
    ],
)
def test_what_does_not_exist_is_named_with_the_choices(
    world: MujocoWorld, task: str, variation: int, seed: int, phrasing: int, named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        world.reset(task, variation, seed, phrasing=phrasing)


def test_the_arm_starts_at_rlbenchs_pose_and_reaches_poses_to_the_millimetre(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 1)
    np.testing.assert_allclose(world.q, HOME_Q, atol=2e-3)
    assert world.gripper().is_open
    target = keyframe(gripper_down(0.4), [0.2, 0.1, 1.0], False, True)
    go(world, target)
    state = world.gripper()
    assert np.linalg.norm(state.T_base_gripper[:3, 3] - target.T_base_gripper[:3, 3]) < 2e-3
    assert rotations.rotation_angle(state.T_base_gripper[:3, :3], target.T_base_gripper[:3, :3]) < 0.01
    assert not state.is_open
    assert abs(state.width_m) < 0.002


def test_a_point_ahead_stops_a_motion(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 1)
    world.follow(MotionPlanner().plan(world.q, keyframe(gripper_down(0.0), [0.2, 0.3, 0.9], True, True)))
    world.advance(0.4)
    assert np.abs(world.qd).max() > 0.1
    start, seconds = world.q, 0.2
    end = start + 0.5 * seconds * world.qd
    world.follow(JointTrajectory(np.array([seconds]), end[None], np.zeros((1, 7))))
    world.advance(0.8)
    assert np.abs(world.qd).max() < 0.01
    assert not world.moving
    np.testing.assert_allclose(world.q, end, atol=5e-3)


def test_a_motion_with_a_start_in_the_past_is_joined_where_it_should_be_by_now(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 1)
    motion = MotionPlanner().plan(world.q, keyframe(gripper_down(0.0), [0.2, 0.3, 0.9], True, True))
    start_s = world.time_s
    world.follow(motion, start_s)
    while world.time_s < start_s + 0.9 * motion.duration_s:
        world.advance(0.1)
        world.follow(motion, start_s)  # again, with the same start: no seam
        np.testing.assert_allclose(world.q, motion.sample(world.time_s - start_s)[0], atol=0.02)


def grasp_pose(world: MujocoWorld, lateral_m: float, gripper_open: bool) -> tuple[Keyframe, Keyframe]:
    """Above and at the meat, moved along the direction in which the fingers close."""
    above, grasp = world.task.waypoints(world)[:2]
    shift = grasp.T_base_gripper[:3, 1] * lateral_m
    poses = [se3.make(k.T_base_gripper[:3, :3], k.T_base_gripper[:3, 3] + shift) for k in (above, grasp)]
    return Keyframe(poses[0], gripper_open, True), Keyframe(poses[1], False, True)


def test_a_body_is_held_only_when_both_fingers_touch_it(world: MujocoWorld) -> None:
    world.reset("meat_off_grill", 0, 2)
    for target in grasp_pose(world, 0.0, gripper_open=True):
        go(world, target)
    assert world.held == "chicken"
    go(world, world.task.waypoints(world)[2])
    assert world.body_position("chicken")[2] > 1.1
    world.command_gripper(True)
    settle(world)
    world.advance(0.4)
    assert world.held is None
    assert world.body_position("chicken")[2] < 1.1


def test_fingers_close_onto_a_handle_not_through_it(environment: MujocoEnvironment) -> None:
    environment.reset("open_drawer", 0, 3)
    for target in environment.world.task.waypoints(environment.world)[:2]:
        environment.step(target)
    assert environment.world.gripper().width_m == pytest.approx(0.014, abs=0.002)  # the bar; RLBench records 0.0142


def test_closing_beside_a_body_or_pressing_on_it_closed_does_not_hold_it(world: MujocoWorld) -> None:
    world.reset("meat_off_grill", 0, 2)
    for target in grasp_pose(world, 0.07, gripper_open=True):
        go(world, target)
    assert world.held is None
    world.reset("meat_off_grill", 0, 2)
    for target in grasp_pose(world, 0.0, gripper_open=False):
        go(world, target)
    assert world.held is None


def test_a_displaced_arm_changes_the_picture_but_not_the_world(world: MujocoWorld) -> None:
    world.reset("meat_off_grill", 1, 4)
    for target in world.task.waypoints(world)[:3]:
        go(world, target)
    before, meat = world.data.qpos.copy(), world.body_position("steak")
    plain = world.views(("front",))[0]
    offset = se3.make(rotations.rotation_z(0.1), np.array([0.01, -0.02, -0.01]))
    with world.displaced(offset) as (state, q):
        views = world.views()
    np.testing.assert_array_equal(world.data.qpos, before)
    np.testing.assert_allclose(world.body_position("steak"), meat, atol=1e-4)
    np.testing.assert_allclose(state.T_base_gripper, world.gripper().T_base_gripper @ offset, atol=2e-3)
    assert np.abs(q - world.q).max() > 1e-3
    assert (views[0].rgb != plain.rgb).any()
    with pytest.raises(PlanningError), world.displaced(se3.make(t=np.array([0.0, 0.0, 5.0]))):
        pass
    np.testing.assert_array_equal(world.data.qpos, before)


def test_diverged_physics_is_an_error_although_mujoco_resets_the_state(
    world: MujocoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MuJoCo logs its warning into the working directory
    world.reset("push_buttons", 0, 0)
    world.data.qvel[0] = np.nan
    with pytest.raises(SimulationError, match="push_buttons"):
        world.advance(0.02)
    world.reset("push_buttons", 0, 0)
    world.advance(0.02)
