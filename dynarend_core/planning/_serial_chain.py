"""Compiled forward kinematics of any arm of revolute joints, given as data."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def _compose(A: np.ndarray, B: np.ndarray, out: np.ndarray) -> None:
    """``out = A @ B`` for rigid transforms; ``out`` is neither of them. A product of BLAS costs ten times more."""
    for r in range(3):
        for c in range(4):
            out[r, c] = A[r, 0] * B[0, c] + A[r, 1] * B[1, c] + A[r, 2] * B[2, c]
        out[r, 3] += A[r, 3]


@numba.njit(cache=True)
def frames(origins: np.ndarray, T_last_tip: np.ndarray, q: np.ndarray) -> np.ndarray:
    """``(n + 1, 4, 4)`` frames in the base frame: of each joint after its turn, then the tip.

    Args:
        origins: ``(n, 4, 4)`` frame of each joint in the frame of the one before, at position 0.
        T_last_tip: ``(4, 4)`` tip in the last joint's frame.
        q: ``(n,)`` joint positions [rad], about the local z axes.
    """
    n = len(origins)
    out = np.zeros((n + 1, 4, 4))
    out[:, 3, 3] = 1.0
    for i in range(n):
        T = out[i]
        if i == 0:
            T[:3] = origins[0, :3]
        else:
            _compose(out[i - 1], origins[i], T)
        cos, sin = np.cos(q[i]), np.sin(q[i])
        for r in range(3):
            x, y = T[r, 0], T[r, 1]
            T[r, 0], T[r, 1] = cos * x + sin * y, cos * y - sin * x
    _compose(out[n - 1], T_last_tip, out[n])
    return out
