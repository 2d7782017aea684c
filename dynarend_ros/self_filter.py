"""Where the robot itself is, to cut it out of the cloud."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState

from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.planning.robot_spheres import RobotSpheres
from dynarend_core.types import Array
from dynarend_ros import qos, topics


class SelfFilter:
    """Spheres round the Panda at its newest joint positions.

    Args:
        node: The node that listens.
        margin_m: Added to every radius [m].
        joints: Arm joints, base to wrist, as in joint_states.
    """

    MAX_AGE_S = 0.5

    def __init__(self, node: Node, margin_m: float, joints: Sequence[str] = JOINT_NAMES) -> None:
        self._spheres, self._margin_m, self._joints = RobotSpheres(), margin_m, tuple(joints)
        self._newest: tuple[float, Array] | None = None
        node.create_subscription(JointState, topics.JOINT_STATES, self._on_joints, qos.images("best_effort"))

    def _on_joints(self, message: JointState) -> None:
        positions = dict(zip(message.name, message.position, strict=False))
        if all(name in positions for name in self._joints):
            self._newest = (time.monotonic(), np.array([positions[name] for name in self._joints]))

    def spheres(self) -> Array | None:
        """``(k, 4)`` centres in the base frame and radii [m]; None while joint states are missing or old."""
        newest = self._newest
        if newest is None or time.monotonic() - newest[0] > self.MAX_AGE_S or not np.isfinite(newest[1]).all():
            return None
        radii = self._spheres.radii + self._margin_m
        return np.column_stack([self._spheres.centres(newest[1]), radii])
