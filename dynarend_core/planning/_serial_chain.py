"""Compiled forward kinematics of any arm of revolute joints, given as data."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)
def frames(origins: np.ndarray, T_last_tip: np.ndarray, q: np.ndarray) -> np.ndarray:
    """``(n + 1, 4, 4)`` frames in the base frame: of each joint after its turn, then the tip.

    Args:
        origins: ``(n, 4, 4)`` frame of each joint in the frame of the one before, at position 0.
        T_last_tip: ``(4, 4)`` tip in the last joint's frame.
        q: ``(n,)`` joint positions [rad], about the local z axes.
    """
    n = len(origins)
    out = np.empty((n + 1, 4, 4))
    turn = np.eye(4)
    last = np.eye(4)
    for i in range(n):
        c, s = np.cos(q[i]), np.sin(q[i])
        turn[0, 0], turn[0, 1], turn[1, 0], turn[1, 1] = c, -s, s, c
        last = last @ origins[i] @ turn
        out[i] = last
    out[n] = last @ T_last_tip
    return out
