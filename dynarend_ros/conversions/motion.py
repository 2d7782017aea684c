"""Keyframes, joint states, joint trajectories, goal status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from action_msgs.msg import GoalStatus
from geometry_msgs.msg import Transform
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import (
    JointTrajectory as JointTrajectoryMessage,
)
from trajectory_msgs.msg import (
    JointTrajectoryPoint,
    MultiDOFJointTrajectory,
    MultiDOFJointTrajectoryPoint,
)

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import se3
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe
from dynarend_ros.conversions.poses import fill_transform, matrix_from_transform
from dynarend_ros.conversions.stamps import duration_from_seconds, seconds_from_duration, stamp_from_ns, stamp_to_ns

Array = np.ndarray

# One message, so that pose, gripper and collision flag can never come from different predictions. The standard type
# holds only poses, so the two flags are "joints" whose translation.x is 0 or 1.
TIP_JOINT, GRIPPER_JOINT, COLLISION_JOINT = "end_effector", "gripper_open", "ignore_collisions"


@dataclass(frozen=True)
class Joints:
    """Named joint positions at one moment: ``positions[name]`` [rad or m]."""

    positions: dict[str, float]
    stamp_ns: int

    def select(self, names: Sequence[str]) -> Array:
        """Positions of ``names`` in that order.

        Raises:
            InvalidInputError: a joint is missing or its position is not finite.
        """
        missing = [name for name in names if name not in self.positions]
        if missing:
            raise InvalidInputError(f"joint_states lacks {missing}; it has {sorted(self.positions)}")
        q = np.array([self.positions[name] for name in names])
        if not np.isfinite(q).all():
            raise InvalidInputError(f"joint_states holds non-finite positions: {dict(zip(names, q, strict=True))}")
        return q


def _header(frame_id: str, stamp_ns: int) -> Header:
    return Header(frame_id=frame_id, stamp=stamp_from_ns(stamp_ns))


def joint_state_to_message(names: Sequence[str], q: Array, qd: Array, stamp_ns: int) -> JointState:
    """Joint positions and velocities."""
    message = JointState(header=_header("", stamp_ns), name=list(names))
    message.position = np.asarray(q, dtype=np.float64).tolist()
    message.velocity = np.asarray(qd, dtype=np.float64).tolist()
    return message


def joint_state_from_message(message: JointState) -> Joints:
    """Joint positions by name; messages without positions give no joints."""
    return Joints(dict(zip(message.name, message.position, strict=False)), stamp_to_ns(message.header.stamp))


def keyframe_to_message(keyframe: Keyframe, frame_id: str, stamp_ns: int) -> MultiDOFJointTrajectory:
    """Keyframe as one atomic message: the tip pose, and gripper and collision flag as named joints."""
    point = MultiDOFJointTrajectoryPoint()
    flags = [Transform(), Transform()]
    for flag, value in zip(flags, (keyframe.gripper_open, keyframe.ignore_collisions), strict=True):
        flag.translation.x = 1.0 if value else 0.0
        flag.rotation.w = 1.0
    point.transforms = [fill_transform(Transform(), keyframe.T_base_gripper), *flags]
    message = MultiDOFJointTrajectory(header=_header(frame_id, stamp_ns))
    message.joint_names = [TIP_JOINT, GRIPPER_JOINT, COLLISION_JOINT]
    message.points = [point]
    return message


def keyframe_from_message(message: MultiDOFJointTrajectory) -> Keyframe:
    """Keyframe from its message.

    Raises:
        InvalidInputError: joints are missing, there is not exactly one point, or a value is not finite.
    """
    wanted = (TIP_JOINT, GRIPPER_JOINT, COLLISION_JOINT)
    missing = [name for name in wanted if name not in message.joint_names]
    if missing or len(message.points) != 1 or len(message.points[0].transforms) != len(message.joint_names):
        raise InvalidInputError(
            f"keyframe needs one point with joints {list(wanted)}; got {len(message.points)} points, "
            f"joints {list(message.joint_names)}"
        )
    by_name = dict(zip(message.joint_names, message.points[0].transforms, strict=True))
    flags = [float(by_name[name].translation.x) for name in (GRIPPER_JOINT, COLLISION_JOINT)]
    if not np.isfinite(flags).all():
        raise InvalidInputError(f"keyframe flags are not finite: {flags}")
    T = se3.check(matrix_from_transform(by_name[TIP_JOINT]), "keyframe pose")
    return Keyframe(T_base_gripper=T, gripper_open=flags[0] > 0.5, ignore_collisions=flags[1] > 0.5)


def trajectory_to_message(
    trajectory: JointTrajectory, joint_names: Sequence[str], stamp_ns: int = 0
) -> JointTrajectoryMessage:
    """Trajectory for a joint_trajectory_controller.

    A stamp of 0 means "start now", as the controller defines it; any other is the moment its times count from.
    """
    message = JointTrajectoryMessage(header=_header("", stamp_ns), joint_names=list(joint_names))
    message.points = [
        JointTrajectoryPoint(
            positions=q.tolist(), velocities=qd.tolist(), time_from_start=duration_from_seconds(float(t))
        )
        for t, q, qd in zip(trajectory.times_s, trajectory.positions, trajectory.velocities, strict=True)
    ]
    return message


def trajectory_from_message(message: JointTrajectoryMessage, joint_names: Sequence[str]) -> JointTrajectory | None:
    """Trajectory with its columns in the order of ``joint_names``; None if it has no points.

    No controller takes that for a stop: it is ignored.

    Raises:
        InvalidInputError: other joints, ragged points, non-finite values, or times that do not increase.
    """
    if not message.points:
        return None
    if sorted(message.joint_names) != sorted(joint_names):
        raise InvalidInputError(f"trajectory is for {list(message.joint_names)}, the arm has {list(joint_names)}")
    n = len(joint_names)
    if any(len(p.positions) != n or len(p.velocities) not in (0, n) for p in message.points):
        raise InvalidInputError(f"every trajectory point needs {n} positions and {n} (or no) velocities")
    order = [message.joint_names.index(name) for name in joint_names]
    times = np.array([seconds_from_duration(p.time_from_start) for p in message.points])
    positions = np.array([p.positions for p in message.points], dtype=np.float64)[:, order]
    velocities = np.array([p.velocities or [0.0] * n for p in message.points], dtype=np.float64)[:, order]
    if not (np.isfinite(positions).all() and np.isfinite(velocities).all()):
        raise InvalidInputError("trajectory holds non-finite positions or velocities")
    if (np.diff(times) <= 0).any():
        raise InvalidInputError(f"trajectory times must increase: {times.tolist()}")
    return JointTrajectory(times_s=times, positions=positions, velocities=velocities)


def goal_status_to_message(status: int, keyframe_stamp_ns: int) -> GoalStatus:
    """Status of the keyframe with the given stamp; the stamp is also its identity."""
    message = GoalStatus(status=status)
    message.goal_info.stamp = stamp_from_ns(keyframe_stamp_ns)
    identity = keyframe_stamp_ns.to_bytes(16, "big")
    message.goal_info.goal_id.uuid = np.frombuffer(identity, dtype=np.uint8).copy()
    return message
