"""Poses and transforms."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Pose, Transform, TransformStamped

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import se3
from dynarend_ros.conversions.stamps import stamp_from_ns

Array = np.ndarray


def fill_pose(pose: Pose, T: Array) -> Pose:
    """Write a ``(4, 4)`` transform into a Pose message."""
    position, quat_xyzw = se3.to_pose(T)
    p, r = pose.position, pose.orientation
    p.x, p.y, p.z = (float(v) for v in position)
    r.x, r.y, r.z, r.w = (float(v) for v in quat_xyzw)
    return pose


def fill_transform(transform: Transform, T: Array) -> Transform:
    """Write a ``(4, 4)`` transform into a Transform message."""
    position, quat_xyzw = se3.to_pose(T)
    t, r = transform.translation, transform.rotation
    t.x, t.y, t.z = (float(v) for v in position)
    r.x, r.y, r.z, r.w = (float(v) for v in quat_xyzw)
    return transform


def matrix_from_transform(transform: Transform) -> Array:
    """``(4, 4)`` from a Transform message.

    Raises:
        InvalidInputError: non-finite values, or a quaternion whose norm differs from 1 by more than 1 %.
    """
    t, r = transform.translation, transform.rotation
    position = np.array([t.x, t.y, t.z])
    quat_xyzw = np.array([r.x, r.y, r.z, r.w])
    if not (np.isfinite(position).all() and np.isfinite(quat_xyzw).all()):
        raise InvalidInputError(f"transform holds non-finite values: {position.tolist()}, {quat_xyzw.tolist()}")
    norm = float(np.linalg.norm(quat_xyzw))
    if abs(norm - 1.0) > 0.01:
        raise InvalidInputError(f"quaternion {quat_xyzw.tolist()} has norm {norm:.4f}, not 1")
    return se3.from_pose(position, quat_xyzw)


def transform_to_message(T_parent_child: Array, parent: str, child: str, stamp_ns: int) -> TransformStamped:
    """``T_parent_child`` to a stamped transform message."""
    message = TransformStamped()
    message.header.stamp = stamp_from_ns(stamp_ns)
    message.header.frame_id = parent
    message.child_frame_id = child
    fill_transform(message.transform, T_parent_child)
    return message


def transform_from_message(message: TransformStamped) -> Array:
    """``(4, 4)`` ``T_parent_child`` of a stamped transform; raises InvalidInputError as matrix_from_transform."""
    return matrix_from_transform(message.transform)


def pose_to_message(T: Array) -> Pose:
    """``(4, 4)`` transform to a Pose message."""
    return fill_pose(Pose(), T)
