"""Compiled forward kinematics, Jacobian and damped least squares of the seven-joint chain."""

from __future__ import annotations

import numba
import numpy as np

from dynarend_core.planning.panda import MODIFIED_DH, T_HAND_TIP, T_LINK7_HAND

_DH = MODIFIED_DH
_T_LINK7_TIP = np.ascontiguousarray(T_LINK7_HAND @ T_HAND_TIP)
_T_LINK7_HAND = np.ascontiguousarray(T_LINK7_HAND)


@numba.njit(cache=True)
def link_frames(q: np.ndarray) -> np.ndarray:
    """``(10, 4, 4)`` frames in the base frame: link0, link1 .. link7, hand, tip."""
    out = np.empty((10, 4, 4))
    out[0] = np.eye(4)
    step = np.eye(4)
    for i in range(7):
        a, alpha, d = _DH[i]
        ca, sa, ct, st = np.cos(alpha), np.sin(alpha), np.cos(q[i]), np.sin(q[i])
        step[0, 0], step[0, 1], step[0, 2], step[0, 3] = ct, -st, 0.0, a
        step[1, 0], step[1, 1], step[1, 2], step[1, 3] = st * ca, ct * ca, -sa, -d * sa
        step[2, 0], step[2, 1], step[2, 2], step[2, 3] = st * sa, ct * sa, ca, d * ca
        out[i + 1] = out[i] @ step
    out[8] = out[7] @ _T_LINK7_HAND
    out[9] = out[7] @ _T_LINK7_TIP
    return out


@numba.njit(cache=True)
def tip_error(T: np.ndarray, target: np.ndarray) -> np.ndarray:
    """``(6,)`` base-frame translation and rotation vector that bring ``T`` onto ``target``."""
    error = np.empty(6)
    error[:3] = target[:3, 3] - T[:3, 3]
    R = np.ascontiguousarray(target[:3, :3]) @ np.ascontiguousarray(T[:3, :3].T)
    axis = np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine = np.sqrt((axis**2).sum()) / 2.0
    cosine = (R[0, 0] + R[1, 1] + R[2, 2] - 1.0) / 2.0
    angle = np.arctan2(sine, cosine)
    if sine > 1e-6:
        error[3:] = axis * (angle / (2.0 * sine))
    elif cosine > 0.0:
        error[3:] = axis / 2.0
    else:  # half a turn: the axis is the largest column of R + I
        k = np.argmax(np.array([R[0, 0], R[1, 1], R[2, 2]]))
        column = R[:, k].copy()
        column[k] += 1.0
        error[3:] = column * (angle / np.sqrt((column**2).sum()))
    return error


@numba.njit(cache=True)
def jacobian(frames: np.ndarray) -> np.ndarray:
    """``(6, 7)`` geometric Jacobian of the tip in the base frame."""
    J = np.empty((6, 7))
    for i in range(7):
        axis = frames[i + 1, :3, 2]
        arm = frames[9, :3, 3] - frames[i + 1, :3, 3]
        J[:3, i] = np.cross(axis, arm)
        J[3:, i] = axis
    return J


@numba.njit(cache=True)
def _damped_step(J: np.ndarray, error: np.ndarray, q: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """One step of damped least squares; joints that would leave their range are locked and the rest re-solved."""
    damping = 1e-7 + 1e-2 * min((error**2).sum(), 0.1)
    free = J.copy()
    dq = np.zeros(7)
    for _ in range(3):
        dq = free.T @ np.linalg.solve(free @ free.T + damping * np.eye(6), error)
        locked = False
        for i in range(7):
            beyond = q[i] + dq[i] > limits[i, 1] + 1e-9 or q[i] + dq[i] < limits[i, 0] - 1e-9
            if beyond and (free[:, i] ** 2).sum() > 0.0:
                free[:, i] = 0.0
                locked = True
        if not locked:
            break
    return dq


@numba.njit(cache=True)
def solve(
    target: np.ndarray, q_seed: np.ndarray, limits: np.ndarray, iterations: int, tolerance: float
) -> tuple[np.ndarray, float, float]:
    """Damped least squares from one seed, within joint ranges ``(7, 2)``.

    Returns:
        Joint positions (inside their ranges), remaining position error [m] and rotation error [rad].
    """
    q = q_seed.copy()
    for i in range(7):
        q[i] = min(max(q[i], limits[i, 0]), limits[i, 1])
    error = np.empty(6)
    for k in range(iterations + 1):
        frames = link_frames(q)
        error = tip_error(frames[9], target)
        if k == iterations or np.abs(error).max() < tolerance:
            break
        dq = _damped_step(jacobian(frames), error, q, limits)
        largest = np.abs(dq).max()
        scale = min(1.0, 0.4 / largest) if largest > 0.0 else 1.0
        for i in range(7):
            q[i] = min(max(q[i] + scale * dq[i], limits[i, 0]), limits[i, 1])
    return q, np.sqrt((error[:3] ** 2).sum()), np.sqrt((error[3:] ** 2).sum())


@numba.njit(cache=True)
def null_space_pull(q: np.ndarray, q_rest: np.ndarray) -> np.ndarray:
    """Part of ``q_rest - q`` that leaves the tip where it is ``(7,)`` [rad]."""
    J = jacobian(link_frames(q))
    wish = q_rest - q
    return wish - J.T @ np.linalg.solve(J @ J.T + 1e-4 * np.eye(6), J @ wish)


@numba.njit(cache=True)
def follow(
    poses: np.ndarray, q_start: np.ndarray, q_rest: np.ndarray, limits: np.ndarray, max_step: float, tolerance: float
) -> tuple[np.ndarray, bool]:
    """Joint path through close tip poses ``(n, 4, 4)``; False where a pose is missed or a joint jumps."""
    path = np.empty((len(poses) + 1, 7))
    path[0] = q_start
    for i in range(len(poses)):
        seed = path[i] + 0.01 * null_space_pull(path[i], q_rest)
        q, position, rotation = solve(poses[i], seed, limits, 20, tolerance)
        if position > 5e-4 or rotation > 5e-3 or np.abs(q - path[i]).max() > max_step:
            return path, False
        path[i + 1] = q
    return path, True
