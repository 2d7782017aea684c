"""What a joint_trajectory_controller accepts on its topic, for what stands in for one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.conversions import stamp_to_ns, trajectory_from_message


def accepted(message: JointTrajectoryMessage, joint_names: Sequence[str], now_ns: int) -> tuple[JointTrajectory, int]:
    """The trajectory of a message and when it starts [ns], or why a controller ignores it and goes on as before.

    Args:
        message: Stamp 0 means "start now"; any other, the moment from which its times count.
        joint_names: Joints of the controller, in any order in the message.
        now_ns: The controller's clock [ns].

    Raises:
        InvalidInputError: no points, other joints, malformed points, motion at the end, or an end in the past.
    """
    trajectory = trajectory_from_message(message, joint_names)
    if trajectory is None:
        raise InvalidInputError("empty trajectory received: it stops nothing; send one point to hold at")
    if np.abs(trajectory.velocities[-1]).max() > 1e-6:
        fastest = float(np.abs(trajectory.velocities[-1]).max())
        raise InvalidInputError(f"the last point moves at {fastest:.3f} rad/s; it must be at rest")
    start_ns = stamp_to_ns(message.header.stamp) or now_ns
    late_s = 1e-9 * (now_ns - start_ns) - trajectory.duration_s
    if late_s > 0.0:
        raise InvalidInputError(f"the trajectory ended {late_s:.3f} s ago; use stamp 0 to start now")
    return trajectory, start_ns
