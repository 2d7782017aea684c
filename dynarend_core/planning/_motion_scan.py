"""Compiled walk along a joint trajectory, as the controller will interpolate it: cubics between the waypoints."""

from __future__ import annotations

import numba
import numpy as np

from dynarend_core.planning._serial_chain import frames as chain_frames

CLEAR, JOINT_MARGIN, JOINT_JUMP, WORKSPACE, KEEP_OUT = 0, 1, 2, 3, 4

_SAMPLE_RAD = 0.02
_SAMPLE_SUM_RAD = 0.035
_MIN_SAMPLES = 8


@numba.njit(cache=True)
def _cubic(p0: float, p1: float, m0: float, m1: float) -> tuple[float, float, float, float]:
    """Lowest and highest value, travel, and largest slope of a Hermite cubic over the unit interval."""
    a, b = 2.0 * (p0 - p1) + m0 + m1, 3.0 * (p1 - p0) - 2.0 * m0 - m1
    slope = max(abs(m0), abs(m1))
    turns = np.array([0.0, -1.0, -1.0, 1.0])
    if a != 0.0:
        vertex = -b / (3.0 * a)
        if 0.0 < vertex < 1.0:
            slope = max(slope, abs((3.0 * a * vertex + 2.0 * b) * vertex + m0))
        inner = b * b - 3.0 * a * m0
        if inner > 0.0:
            # The numerically stable pair of roots of 3 a u^2 + 2 b u + m0.
            w = -(b + np.sqrt(inner)) if b >= 0.0 else -(b - np.sqrt(inner))
            first, second = w / (3.0 * a), (m0 / w if w != 0.0 else -1.0)
            turns[1], turns[2] = min(first, second), max(first, second)
    elif b != 0.0:
        turns[1] = -m0 / (2.0 * b)
    low, high, travel, last = p0, p0, 0.0, p0
    for k in range(1, 4):
        u = turns[k]
        if not 0.0 < u <= 1.0:
            continue
        value = p1 if k == 3 else ((a * u + b) * u + m0) * u + p0
        low, high = min(low, value), max(high, value)
        travel += abs(value - last)
        last = value
    return low, high, travel, slope


@numba.njit(cache=True)
def _depth(box: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """How deep the straight line from ``start`` to ``end`` is in the box ``(2, 3)`` half way through it [m].

    A line and not points: samples a few millimetres apart would cut the box's edges. Not positive outside.
    """
    enters, leaves = 0.0, 1.0
    for i in range(3):
        way = end[i] - start[i]
        if abs(way) < 1e-12:
            continue
        first, second = (box[0, i] - start[i]) / way, (box[1, i] - start[i]) / way
        enters, leaves = max(enters, min(first, second)), min(leaves, max(first, second))
    if not enters <= leaves:
        return -1.0
    depth, u = np.inf, 0.5 * (enters + leaves)
    for i in range(3):
        x = start[i] + u * (end[i] - start[i])
        depth = min(depth, x - box[0, i], box[1, i] - x)
    return depth


@numba.njit(cache=True)
def _pose_fault(
    T: np.ndarray, box: np.ndarray, keep_out: np.ndarray, tool_points: np.ndarray, before: np.ndarray, slack: float
) -> tuple[int, int, float, float]:
    """Rule, axis or box, value and limit that the tool breaks at pose ``T`` or on the way there.

    ``before`` are the tool points of the pose before ``(p, 3)``; they are replaced by those of ``T``.
    """
    for i in range(3):
        if not T[i, 3] >= box[0, i] - slack:
            return WORKSPACE, i, T[i, 3], box[0, i]
        if not T[i, 3] <= box[1, i] + slack:
            return WORKSPACE, i, T[i, 3], box[1, i]
    point = np.empty(3)
    for p in range(len(tool_points)):
        for i in range(3):
            point[i] = T[i, 3]
            for j in range(3):
                point[i] += T[i, j] * tool_points[p, j]
        start = before[p] if np.isfinite(before[p, 0]) else point
        for k in range(len(keep_out)):
            depth = max(_depth(keep_out[k], start, point), _depth(keep_out[k], point, point))
            if not depth <= 0.0:
                return KEEP_OUT, k, depth, 0.0
        before[p] = point
    return CLEAR, 0, 0.0, 0.0


@numba.njit(cache=True)
def _tip_speed(frames: np.ndarray, qd: np.ndarray) -> float:
    """Speed of the tip [m/s]."""
    v = np.zeros(3)
    n = len(frames) - 1
    for i in range(n):
        x, y, z = frames[i, 0, 2], frames[i, 1, 2], frames[i, 2, 2]
        rx, ry, rz = frames[n, :3, 3] - frames[i, :3, 3]
        v[0] += qd[i] * (y * rz - z * ry)
        v[1] += qd[i] * (z * rx - x * rz)
        v[2] += qd[i] * (x * ry - y * rx)
    return np.sqrt((v**2).sum())


@numba.njit(cache=True)
def scan(
    times: np.ndarray,
    q: np.ndarray,
    qd: np.ndarray,
    joint_range: np.ndarray,
    max_jump: float,
    box: np.ndarray,
    keep_out: np.ndarray,
    tool_points: np.ndarray,
    slack: float,
    speed_limits: np.ndarray,
    origins: np.ndarray,
    T_last_tip: np.ndarray,
) -> tuple[int, int, int, float, float, float, float]:
    """Walk along the motion until a rule is broken.

    Joint extremes, travel and speeds are exact; the tool is looked at so often that no joint moves more than
    0.02 rad in between, where it is fastest, and all together no more than 0.035 rad; at least eight times between two
    waypoints.

    Returns:
        Rule, waypoint, joint or axis or box, value, limit; largest share of a joint's speed limit; largest tip
        speed [m/s].
    """
    joint_share, tip_speed = 0.0, 0.0
    n = len(speed_limits)
    at, rate = np.empty(n), np.empty(n)
    coefficients = np.empty((3, n))
    before = np.full((len(tool_points), 3), np.nan)
    for k in range(len(times)):
        if k == 0:
            at[:] = q[0]
            samples, h = 1, 1.0
            for j in range(n):
                if not joint_range[j, 0] <= at[j] <= joint_range[j, 1]:
                    edge = joint_range[j, 0] if at[j] < joint_range[j, 0] else joint_range[j, 1]
                    return JOINT_MARGIN, 0, j, at[j], edge, 0.0, 0.0
            coefficients[:] = 0.0
        else:
            h = times[k] - times[k - 1]
            steepest, together = 0.0, 0.0
            for j in range(n):
                p0, p1, m0, m1 = q[k - 1, j], q[k, j], h * qd[k - 1, j], h * qd[k, j]
                # Markov: a cubic that starts or ends steeper than this travels further; no overflow gets by.
                steep = max(abs(m0), abs(m1)) / 9.0
                if not steep <= max_jump:
                    return JOINT_JUMP, k, j, steep, max_jump, 0.0, 0.0
                low, high, travel, slope = _cubic(p0, p1, m0, m1)
                if not travel <= max_jump:
                    return JOINT_JUMP, k, j, travel, max_jump, 0.0, 0.0
                if not low >= joint_range[j, 0]:
                    return JOINT_MARGIN, k, j, low, joint_range[j, 0], 0.0, 0.0
                if not high <= joint_range[j, 1]:
                    return JOINT_MARGIN, k, j, high, joint_range[j, 1], 0.0, 0.0
                steepest = max(steepest, slope)
                together += slope
                joint_share = max(joint_share, slope / h / speed_limits[j])
                coefficients[0, j] = 2.0 * (p0 - p1) + m0 + m1
                coefficients[1, j] = 3.0 * (p1 - p0) - 2.0 * m0 - m1
                coefficients[2, j] = m0
            looks = max(steepest / _SAMPLE_RAD, together / _SAMPLE_SUM_RAD)
            samples = max(int(np.ceil(looks)), _MIN_SAMPLES)
        for s in range(1, samples + 1):
            u = s / samples
            a, b, c = coefficients[0], coefficients[1], coefficients[2]
            if k > 0:
                for j in range(n):
                    at[j] = q[k, j] if s == samples else ((a[j] * u + b[j]) * u + c[j]) * u + q[k - 1, j]
                    rate[j] = ((3.0 * a[j] * u + 2.0 * b[j]) * u + c[j]) / h
            else:
                rate[:] = qd[0]
            frames = chain_frames(origins, T_last_tip, at)
            rule, index, value, limit = _pose_fault(frames[n], box, keep_out, tool_points, before, slack)
            if rule != CLEAR:
                return rule, k, index, value, limit, 0.0, 0.0
            tip_speed = max(tip_speed, _tip_speed(frames, rate))
    return CLEAR, 0, 0, 0.0, 0.0, joint_share, tip_speed
