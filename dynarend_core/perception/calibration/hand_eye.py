"""Closed-form hand-eye calibration: the five methods of OpenCV's ``calibrateHandEye``.

OpenCV's Python package 5.0.0 leaves that function out (its issue 29565), so the methods stand here; on exact data they
give what OpenCV 4.14 gives, on noisy data too but for tsai and andreff, which weight pairs of views otherwise.

One problem serves both set-ups: ``T_camera_board[i] = A @ M[i] @ B`` with known ``M`` (eye-in-hand:
``inv(T_base_gripper)``, eye-to-hand: ``T_base_gripper``) and unknown ``A`` (``inv(T_parent_camera)``) and ``B`` (the
board in the base frame, or in the gripper frame).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.types import Array

Motions = list[tuple[Array, Array]]


def solve_all(M: Array, T_camera_board: Array) -> dict[str, Array]:
    """Every method's ``T_parent_camera`` ``(4, 4)``.

    Args:
        M: ``(n, 4, 4)`` known transforms, parent to board carrier, n >= 3.
        T_camera_board: ``(n, 4, 4)`` board poses seen by the camera.
    """
    motions = relative_motions(M, T_camera_board)
    return {name: method(motions) for name, method in METHODS.items()}


def board_pose(M: Array, T_camera_board: Array, T_parent_camera: Array) -> Array:
    """``(4, 4)`` mean pose of the board in its carrier that goes with a camera pose."""
    poses = se3.inverse(M) @ T_parent_camera @ T_camera_board
    return se3.make(_nearest_rotation(poses[:, :3, :3].mean(axis=0)), poses[:, :3, 3].mean(axis=0))


def relative_motions(M: Array, T_camera_board: Array) -> Motions:
    """Pairs with ``P @ X = X @ Q``, X the wanted camera pose, leaving out pairs that hardly turn."""
    G = se3.inverse(M)
    pairs = []
    for i, j in itertools.combinations(range(len(M)), 2):
        P = M[j] @ G[i]
        Q = T_camera_board[j] @ se3.inverse(T_camera_board[i])
        if rotations.rotation_angle(P[:3, :3], np.eye(3)) > np.radians(2.0):
            pairs.append((P, Q))
    return pairs


def _skew(v: Array) -> Array:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _nearest_rotation(R: Array) -> Array:
    u, _, vt = np.linalg.svd(R)
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt


def _with_translation(R: Array, motions: Motions) -> Array:
    """Given the rotation, the translation is a linear least squares problem."""
    left = np.concatenate([P[:3, :3] - np.eye(3) for P, _ in motions])
    right = np.concatenate([R @ Q[:3, 3] - P[:3, 3] for P, Q in motions])
    return se3.make(R, np.linalg.lstsq(left, right, rcond=None)[0])


def _axes(motions: Motions) -> tuple[Array, Array]:
    p, q = (np.stack([pair[side][:3, :3] for pair in motions]) for side in (0, 1))
    return rotations.rotation_vector(p), rotations.rotation_vector(q)


def tsai(motions: Motions) -> Array:
    """Tsai and Lenz, 1989: rotation by modified Rodrigues vectors, then translation."""
    p, q = _axes(motions)
    p = np.array([2 * np.sin(np.linalg.norm(v) / 2) * v / np.linalg.norm(v) for v in p])
    q = np.array([2 * np.sin(np.linalg.norm(v) / 2) * v / max(np.linalg.norm(v), 1e-12) for v in q])
    left = np.concatenate([_skew(v) for v in p + q])
    x = np.linalg.lstsq(left, (q - p).ravel(), rcond=None)[0]
    x = 2 * x / np.sqrt(1 + x @ x)
    R = (1 - x @ x / 2) * np.eye(3) + 0.5 * (np.outer(x, x) + np.sqrt(max(4 - x @ x, 0.0)) * _skew(x))
    return _with_translation(_nearest_rotation(R), motions)


def park(motions: Motions) -> Array:
    """Park and Martin, 1994: rotation by least squares on the Lie algebra, then translation."""
    p, q = _axes(motions)
    return _with_translation(_nearest_rotation(p.T @ q), motions)


def horaud(motions: Motions) -> Array:
    """Horaud and Dornaika, 1995: rotation as the smallest eigenvector of a quaternion form, then translation."""
    form = np.zeros((4, 4))
    for p, q in zip(*_quats(motions), strict=True):
        K = _left(p) - _right(q)
        form += K.T @ K
    x = np.linalg.eigh(form)[1][:, 0]
    return _with_translation(rotations.matrix_from_quat_wxyz(x), motions)


def andreff(motions: Motions) -> Array:
    """Andreff, Horaud and Espiau, 1999: rotation and translation in one linear system."""
    left, right = [], []
    for P, Q in motions:
        R_p, R_q = P[:3, :3], Q[:3, :3]
        left.append(np.hstack([np.eye(9) - np.kron(R_p, R_q), np.zeros((9, 3))]))
        left.append(np.hstack([np.kron(np.eye(3), Q[:3, 3]), np.eye(3) - R_p]))
        right += [np.zeros(9), P[:3, 3]]
    x = np.linalg.lstsq(np.concatenate(left), np.concatenate(right), rcond=None)[0]
    R = x[:9].reshape(3, 3)
    return _with_translation(_nearest_rotation(R * np.sign(np.linalg.det(R))), motions)


def daniilidis(motions: Motions) -> Array:
    """Daniilidis, 1999: rotation and translation together, as a dual quaternion."""
    rows = []
    for (P, Q), p, q in zip(motions, *_quats(motions), strict=True):
        p_dual, q_dual = _dual(p, P), _dual(q, Q)
        real = np.hstack([(p - q)[1:, None], _skew((p + q)[1:]), np.zeros((3, 4))])
        dual = np.hstack(
            [(p_dual - q_dual)[1:, None], _skew((p_dual + q_dual)[1:]), (p - q)[1:, None], _skew((p + q)[1:])]
        )
        rows += [real, dual]
    v1, v2 = np.linalg.svd(np.concatenate(rows))[2][-2:]
    u1, w1, u2, w2 = v1[:4], v1[4:], v2[:4], v2[4:]
    # q = a v1 + b v2 with |q| = 1 and q orthogonal to its dual part: a quadratic in s = a / b.
    roots = np.roots([u1 @ w1, u1 @ w2 + u2 @ w1, u2 @ w2]).real
    best = max(roots, key=lambda s: s * s * (u1 @ u1) + 2 * s * (u1 @ u2) + u2 @ u2)
    b = 1 / np.sqrt(best * best * (u1 @ u1) + 2 * best * (u1 @ u2) + u2 @ u2)
    real, dual = b * (best * u1 + u2), b * (best * w1 + w2)
    t = 2 * (_right(real * [1, -1, -1, -1]) @ dual)[1:]
    return se3.make(rotations.matrix_from_quat_wxyz(real), t)


def _quats(motions: Motions) -> tuple[Array, Array]:
    """Unit quaternions (w x y z) of the rotations on both sides, ``(n, 4)`` each, w >= 0."""
    P, Q = (np.stack([pair[side][:3, :3] for pair in motions]) for side in (0, 1))
    return rotations.quat_wxyz_from_matrix(P), rotations.quat_wxyz_from_matrix(Q)


def _dual(real: Array, T: Array) -> Array:
    """Dual part of a transform's unit dual quaternion."""
    return 0.5 * _left(np.array([0.0, *T[:3, 3]])) @ real


def _left(q: Array) -> Array:
    """``_left(a) @ b`` is the quaternion product a b (w x y z)."""
    w, x, y, z = q
    return np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])


def _right(q: Array) -> Array:
    """``_right(b) @ a`` is the quaternion product a b."""
    w, x, y, z = q
    return np.array([[w, -x, -y, -z], [x, w, z, -y], [y, -z, w, x], [z, y, -x, w]])


METHODS: dict[str, Callable[[Motions], Array]] = {
    "tsai": tsai,
    "park": park,
    "horaud": horaud,
    "andreff": andreff,
    "daniilidis": daniilidis,
}
"""OpenCV's names for its five methods."""
