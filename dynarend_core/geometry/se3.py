"""Rigid transforms as ``(4, 4)`` matrices. Names cancel: ``T_base_tip = T_base_hand @ T_hand_tip``."""

from __future__ import annotations

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry.rotations import (
    matrix_from_quat_xyzw,
    matrix_from_rotation_vector,
    quat_xyzw_from_matrix,
    rotation_vector,
)

Array = np.ndarray


def make(R: Array | None = None, t: Array | None = None) -> Array:
    """``(4, 4)`` transform from a ``(3, 3)`` rotation (default identity) and a ``(3,)`` translation [m]."""
    T = np.eye(4)
    if R is not None:
        T[:3, :3] = R
    if t is not None:
        T[:3, 3] = t
    return T


def inverse(T: Array) -> Array:
    """Inverse of ``(..., 4, 4)`` rigid transforms."""
    T = np.asarray(T, dtype=np.float64)
    out = np.zeros_like(T)
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    out[..., :3, :3] = R_t
    out[..., :3, 3] = -np.einsum("...ij,...j->...i", R_t, T[..., :3, 3])
    out[..., 3, 3] = 1.0
    return out


def apply(T: Array, points: Array) -> Array:
    """Map ``(n, 3)`` points by one ``(4, 4)`` transform."""
    return points @ T[:3, :3].T + T[:3, 3]


def from_pose(position: Array, quat_xyzw: Array) -> Array:
    """``(4, 4)`` from a ``(3,)`` position [m] and a ``(4,)`` quaternion (x, y, z, w)."""
    return make(matrix_from_quat_xyzw(quat_xyzw), position)


def to_pose(T: Array) -> tuple[Array, Array]:
    """Position ``(3,)`` [m] and quaternion ``(4,)`` (x, y, z, w) of a ``(4, 4)`` transform."""
    return T[:3, 3].copy(), quat_xyzw_from_matrix(T[:3, :3])


def interpolate(T_a: Array, T_b: Array, s: float) -> Array:
    """Straight line in position and shortest rotation from ``T_a`` (s = 0) to ``T_b`` (s = 1)."""
    rotvec = rotation_vector(T_a[:3, :3].T @ T_b[:3, :3])
    R = T_a[:3, :3] @ matrix_from_rotation_vector(s * rotvec)
    return make(R, (1.0 - s) * T_a[:3, 3] + s * T_b[:3, 3])


def check(T: Array, name: str = "transform") -> Array:
    """Return ``T`` if it is a finite rigid ``(4, 4)`` transform.

    Raises:
        InvalidInputError: wrong shape, non-finite values, a rotation that is not orthonormal to 1e-4, or a last row
            that is not (0, 0, 0, 1).
    """
    T = np.asarray(T, dtype=np.float64)
    if T.shape != (4, 4):
        raise InvalidInputError(f"{name} must be (4, 4), got {T.shape}")
    if not np.isfinite(T).all():
        raise InvalidInputError(f"{name} holds non-finite values:\n{T}")
    if not np.array_equal(T[3], [0.0, 0.0, 0.0, 1.0]):
        raise InvalidInputError(f"{name}: the last row must be (0, 0, 0, 1), got {T[3].tolist()}; is it transposed?")
    R = T[:3, :3]
    error = float(np.abs(R @ R.T - np.eye(3)).max())
    if error > 1e-4 or np.linalg.det(R) < 0:
        raise InvalidInputError(f"{name}: rotation is not orthonormal (error {error:.2e}, det {np.linalg.det(R):.3f})")
    return T
