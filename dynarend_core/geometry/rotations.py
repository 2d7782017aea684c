"""Rotation conversions. The only place in the core where quaternions are spelled out.

All functions broadcast over leading dimensions and return float64.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from dynarend_core.errors import InvalidInputError

Array = np.ndarray


def matrix_from_quat_xyzw(quat_xyzw: Array) -> Array:
    """``(..., 4)`` quaternion (x, y, z, w; ROS, RLBench), normalised here, to ``(..., 3, 3)`` rotation matrix.

    Raises:
        InvalidInputError: a quaternion is zero or not finite.
    """
    q = np.asarray(quat_xyzw, dtype=np.float64)
    if not (np.isfinite(q).all() and (np.linalg.norm(q, axis=-1) > 1e-9).all()):
        raise InvalidInputError(f"a quaternion must be finite and not zero, got {q.tolist()}")
    return Rotation.from_quat(q.reshape(-1, 4)).as_matrix().reshape(*q.shape[:-1], 3, 3)


def quat_xyzw_from_matrix(R: Array) -> Array:
    """``(..., 3, 3)`` rotation matrix to ``(..., 4)`` quaternion (x, y, z, w) with w >= 0."""
    R = np.asarray(R, dtype=np.float64)
    q = Rotation.from_matrix(R.reshape(-1, 3, 3)).as_quat()
    q = np.where(q[:, 3:] < 0, -q, q)
    return q.reshape(*R.shape[:-2], 4)


def quat_wxyz_from_matrix(R: Array) -> Array:
    """``(..., 3, 3)`` rotation matrix to ``(..., 4)`` quaternion (w, x, y, z; MuJoCo)."""
    return np.roll(quat_xyzw_from_matrix(R), 1, axis=-1)


def matrix_from_quat_wxyz(quat_wxyz: Array) -> Array:
    """``(..., 4)`` quaternion (w, x, y, z; MuJoCo) to ``(..., 3, 3)`` rotation matrix."""
    return matrix_from_quat_xyzw(np.roll(np.asarray(quat_wxyz, dtype=np.float64), -1, axis=-1))


def rotation_x(angle: float) -> Array:
    """``(3, 3)`` rotation about x by ``angle`` [rad]."""
    return Rotation.from_euler("x", angle).as_matrix()


def rotation_y(angle: float) -> Array:
    """``(3, 3)`` rotation about y by ``angle`` [rad]."""
    return Rotation.from_euler("y", angle).as_matrix()


def rotation_z(angle: float) -> Array:
    """``(3, 3)`` rotation about z by ``angle`` [rad]."""
    return Rotation.from_euler("z", angle).as_matrix()


def rotation_angle(R_a: Array, R_b: Array) -> Array:
    """Angle between two rotations [rad], shapes ``(..., 3, 3)``."""
    trace = np.einsum("...ij,...ij->...", np.asarray(R_a), np.asarray(R_b))
    return np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0))


def gripper_rotation_angle(R_a: Array, R_b: Array) -> Array:
    """Angle between two gripper rotations [rad]; a parallel gripper turned by 180 degrees about z is the same."""
    flipped = np.asarray(R_b) @ np.diag([-1.0, -1.0, 1.0])
    return np.minimum(rotation_angle(R_a, R_b), rotation_angle(R_a, flipped))


def nearer_half_turn(R: Array, R_near: Array) -> Array:
    """``R``, or ``R`` turned by 180 degrees about its own z, whichever is nearer to ``R_near``; ``(3, 3)`` each."""
    flipped = np.asarray(R) @ np.diag([-1.0, -1.0, 1.0])
    return flipped if rotation_angle(flipped, R_near) < rotation_angle(R, R_near) else np.asarray(R)


def rotation_vector(R: Array) -> Array:
    """``(3, 3)`` rotation to axis times angle ``(3,)`` [rad]."""
    return Rotation.from_matrix(R).as_rotvec()


def matrix_from_rotation_vector(rotvec: Array) -> Array:
    """Axis times angle ``(3,)`` [rad] to ``(3, 3)`` rotation."""
    return Rotation.from_rotvec(rotvec).as_matrix()
