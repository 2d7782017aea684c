"""What the policy is shown: the newest cloud and the arm at rest, or a scene made up to warm it up with."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import ObservationError
from dynarend_core.planning.robot import Robot
from dynarend_core.types import GripperState, Observation, PointCloud
from dynarend_ros.acting_loop import Turn
from dynarend_ros.arm_state import ArmState


def observe(cloud: PointCloud, arm: ArmState, robot: Robot, open_share: float, turn: Turn) -> Observation:
    """What is seen now.

    Args:
        cloud: In the base frame.
        arm: Newest joint states.
        robot: Whose.
        open_share: Share of the full width from which on the gripper counts as open.
        turn: What is asked about it.

    Raises:
        ObservationError: joint states are stale, or nothing is known of the fingers.
    """
    _, q, width = arm.latest()
    if not np.isfinite(width):
        fingers = ", ".join(robot.gripper.joints)
        within = f"in the last {arm.width_max_age_s:.1f} s (gripper driver?)"
        raise ObservationError(f"no position of the fingers {fingers} {within}")
    gripper = GripperState(robot.forward(q), is_open=bool(width >= open_share * robot.gripper.width_m), width_m=width)
    return Observation((), gripper, turn.instruction, turn.step, q, cloud.stamp_ns, cloud)


def made_up(robot: Robot) -> Observation:
    """Grey points at random, the arm at home: no sense in it, but all that the first call must load and compile."""
    xyz = np.random.default_rng(0).uniform([0.2, -0.3, 0.0], [0.6, 0.3, 0.3], (2000, 3)).astype(np.float32)
    cloud = PointCloud(xyz, np.full((2000, 3), 128, np.uint8))
    gripper = GripperState(robot.forward(robot.home), is_open=True)
    return Observation((), gripper, "warm up", 0, robot.home, 0, cloud)
