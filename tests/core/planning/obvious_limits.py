"""A plain judge of joint trajectories: no code of the limiter, only its written rules, by other mathematics.

Joints: control polygons of the cubics, halved until they tell. Tool: its points, turned about the joints' axes one
after another, the last joint first; looked at wherever they could get to an edge since they were last looked at.
"""

from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np
import yaml

RULES = (
    "shape", "non_finite", "times", "duration", "state_age", "start_state", "rest",
    "joint_margin", "joint_jump", "workspace", "keep_out",
)  # fmt: skip
EXACT = 1e-9
"""Nearer to a limit than this, rounding decides [rad, m]."""
MISSED_M = 2e-4
"""What the limiter's looks between two waypoints may miss, and its straight lines through boxes may add [m]."""
FINE_M = 1e-5
"""How finely the judge looks [m]."""
ROBOTS = Path(__file__).parents[3] / "config" / "robots"


def transform(x, y, z, roll, pitch, yaw):
    """``(4, 4)`` of six numbers, as URDF reads them."""
    (cr, sr), (cp, sp), (cy, sy) = ((np.cos(a), np.sin(a)) for a in (roll, pitch, yaw))
    T = np.eye(4)
    T[:3, 3] = x, y, z
    T[:3, :3] = (
        np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
        @ np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
        @ np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    )
    return T


@dataclass(frozen=True)
class Arm:
    """A robot as its file says, at joint positions 0, in the base frame.

    ``axes``, ``anchors`` ``(n, 3)``: direction of each joint's axis and a point on it. ``points`` ``(1 + p, 3)``: tip
    and tool points [m]. ``reach`` ``(n,)``: how far a point can get from each anchor [m].
    """

    axes: np.ndarray
    anchors: np.ndarray
    points: np.ndarray
    reach: np.ndarray

    @classmethod
    def from_file(cls, name):
        data = yaml.safe_load((ROBOTS / f"{name}.yaml").read_text())
        tool = data["tool"]
        T, frames = np.eye(4), []
        for origin in data["arm"]["origins"]:
            T = T @ transform(*origin)
            frames.append(T)
        frames = np.array(frames)
        T_tip = T @ transform(*tool["in_last_joint"]) @ transform(*tool["tip"])
        points = np.array([[0.0, 0.0, 0.0], *tool.get("points", [[0, 0, 0], [0, 0, -0.055], [0, 0, -0.11]])])
        points = points @ T_tip[:3, :3].T + T_tip[:3, 3]
        anchors = frames[:, :3, 3].copy()
        links = np.linalg.norm(np.diff(anchors, axis=0), axis=1)
        last = np.linalg.norm(points - anchors[-1], axis=1).max()
        reach = last + np.append(np.cumsum(links[::-1])[::-1], 0.0)
        return cls(frames[:, :3, 2].copy(), anchors, points, reach)

    def at(self, q):
        """Tip and tool points ``(m, 1 + p, 3)`` at ``(m, n)`` joint positions."""
        out = np.empty((len(q), *self.points.shape))
        for k in range(len(q)):
            _turn(self.axes, self.anchors, self.points, np.ascontiguousarray(q[k], dtype=np.float64), out[k])
        return out


@numba.njit(cache=True)
def _turn(axes, anchors, points, q, out):
    """Every point about every axis, the last joint first (Rodrigues)."""
    for p in range(len(points)):
        x, y, z = points[p, 0], points[p, 1], points[p, 2]
        for i in range(len(q)):
            j = len(q) - 1 - i
            c, s = np.cos(q[j]), np.sin(q[j])
            a, b, d = axes[j, 0], axes[j, 1], axes[j, 2]
            x, y, z = x - anchors[j, 0], y - anchors[j, 1], z - anchors[j, 2]
            along = (a * x + b * y + d * z) * (1.0 - c)
            x, y, z = (
                c * x + s * (b * z - d * y) + along * a + anchors[j, 0],
                c * y + s * (d * x - a * z) + along * b + anchors[j, 1],
                c * z + s * (a * y - b * x) + along * d + anchors[j, 2],
            )
        out[p, 0], out[p, 1], out[p, 2] = x, y, z


@numba.njit(cache=True)
def _excess(points, box, keep_out, slack):
    """How far the tip is outside the workspace, and the deepest tool point inside a keep-out box [m]; negative: not."""
    outside, inside = -np.inf, -np.inf
    for i in range(3):
        outside = max(outside, box[0, i] - points[0, i], points[0, i] - box[1, i])
    for k in range(len(keep_out)):
        for p in range(1, len(points)):
            depth = np.inf
            for i in range(3):
                depth = min(depth, points[p, i] - keep_out[k, 0, i], keep_out[k, 1, i] - points[p, i])
            inside = max(inside, depth)
    return outside - slack, inside


@numba.njit(cache=True)
def _course(first, second, third, fourth):
    """Travel, lowest and highest value of a cubic given by its control points."""
    stack = np.empty((64, 4))
    stack[0, 0], stack[0, 1], stack[0, 2], stack[0, 3] = first, second, third, fourth
    travel, low, high, size = 0.0, min(first, fourth), max(first, fourth), 1
    while size:
        size -= 1
        a, b, c, d = stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3]
        low, high = min(low, a, d), max(high, a, d)
        polygon, chord = abs(b - a) + abs(c - b) + abs(d - c), abs(d - a)
        if polygon - chord < 1e-12 or size > 60:
            travel += chord
            continue
        ab, bc, cd = 0.5 * (a + b), 0.5 * (b + c), 0.5 * (c + d)
        abc, bcd = 0.5 * (ab + bc), 0.5 * (bc + cd)
        middle = 0.5 * (abc + bcd)
        stack[size, 0], stack[size, 1], stack[size, 2], stack[size, 3] = a, ab, abc, middle
        stack[size + 1, 0], stack[size + 1, 1], stack[size + 1, 2], stack[size + 1, 3] = middle, bcd, cd, d
        size += 2
    return travel, low, high


@numba.njit(cache=True)
def _place(control, u, q):
    """Joint positions at ``u`` in [0, 1] of cubics given by control points ``(4, n)``."""
    v = 1.0 - u
    for j in range(len(q)):
        q[j] = v * v * (v * control[0, j] + 3.0 * u * control[1, j]) + u * u * (
            3.0 * v * control[2, j] + u * control[3, j]
        )


@numba.njit(cache=True)
def _between(control, arm, box, keep_out, slack, ends):
    """Largest excess found inside a segment [m], and what it surely stays below: workspace and keep-out.

    An interval is halved while, by the fastest that the tool can move, it could hold more than is known and matters.
    """
    axes, anchors, points, reach = arm
    q, now = np.empty(control.shape[1]), np.empty(points.shape)
    fastest = 0.0
    for j in range(control.shape[1]):
        steepest = 0.0
        for i in range(3):
            steepest = max(steepest, 3.0 * abs(control[i + 1, j] - control[i, j]))
        fastest += steepest * reach[j]
    found, below = np.full(2, -np.inf), np.full(2, -np.inf)
    stack = np.empty((64, 6))
    stack[0, 0], stack[0, 1] = 0.0, 1.0
    stack[0, 2:4], stack[0, 4:6] = ends[0], ends[1]
    size = 1
    while size:
        size -= 1
        start, end = stack[size, 0], stack[size, 1]
        way, finished = (end - start) * fastest, True
        for i in range(2):
            most = 0.5 * (stack[size, 2 + i] + stack[size, 4 + i] + way)
            legal = -0.5 * FINE_M if i == 0 else -MISSED_M  # only boxes are looked at along straight lines
            open_question = most > max(found[i], legal) and found[i] <= MISSED_M
            if open_question and way > FINE_M and size < 62:
                finished = False
        if finished:
            for i in range(2):
                below[i] = max(below[i], 0.5 * (stack[size, 2 + i] + stack[size, 4 + i] + way))
            continue
        u = 0.5 * (start + end)
        _place(control, u, q)
        _turn(axes, anchors, points, q, now)
        here = _excess(now, box, keep_out, slack)
        stack[size + 1] = stack[size]
        stack[size, 1], stack[size + 1, 0] = u, u
        for i in range(2):
            found[i] = max(found[i], here[i])
            stack[size, 4 + i] = stack[size + 1, 2 + i] = here[i]
        size += 2
    return found, below


@numba.njit(cache=True)
def _geometry(times, q, qd, low, high, jump, box, keep_out, slack, arm):
    """Broken and doubtful rules (bits 7 to 10), and the deepest look into what is forbidden between waypoints [m]."""
    axes, anchors, points, _ = arm
    n = q.shape[1]
    broken, doubtful, deepest = 0, 0, -np.inf
    control, now, ends = np.empty((4, n)), np.empty(points.shape), np.empty((2, 2))
    for k in range(len(times)):
        _turn(axes, anchors, points, q[k], now)
        ends[0] = ends[1]
        ends[1, 0], ends[1, 1] = _excess(now, box, keep_out, slack)
        beyond = np.maximum(low - q[k], q[k] - high).max()
        for bit, value in ((7, beyond), (9, ends[1, 0]), (10, ends[1, 1])):
            broken |= (value > EXACT) << bit
            doubtful |= (value > -EXACT) << bit
        if k == 0:
            continue
        h = times[k] - times[k - 1]
        control[0], control[1] = q[k - 1], q[k - 1] + h * qd[k - 1] / 3.0
        control[2], control[3] = q[k] - h * qd[k] / 3.0, q[k]
        for j in range(n):
            if not max(abs(control[1, j] - control[0, j]), abs(control[3, j] - control[2, j])) < 1e3:
                return broken | 1 << 8, doubtful, deepest
            travel, lowest, highest = _course(control[0, j], control[1, j], control[2, j], control[3, j])
            beyond = max(low[j] - lowest, highest - high[j])
            for bit, value in ((7, beyond), (8, travel - jump)):
                broken |= (value > EXACT) << bit
                doubtful |= (value > -EXACT) << bit
        if broken & (3 << 7):
            continue
        found, below = _between(control, arm, box, keep_out, slack, ends)
        for i in range(2):
            broken |= (found[i] > MISSED_M) << (9 + i)
            doubtful |= (below[i] > (0.0 if i == 0 else -MISSED_M)) << (9 + i)
            deepest = max(deepest, found[i])
    return broken, doubtful, deepest


@numba.njit(cache=True)
def _fastest(times, q, qd, arm, looks):
    """Largest speed of each joint ``(n,)`` [rad/s], and of the tip between two of ``looks`` looks a segment [m/s]."""
    axes, anchors, points, _ = arm
    n = q.shape[1]
    joints, tip, control = np.zeros(n), 0.0, np.empty((4, n))
    at, before, now = np.empty(n), np.empty((1, 3)), np.empty((1, 3))
    for k in range(1, len(times)):
        h = times[k] - times[k - 1]
        control[0], control[1] = q[k - 1], q[k - 1] + h * qd[k - 1] / 3.0
        control[2], control[3] = q[k] - h * qd[k] / 3.0, q[k]
        for j in range(n):
            a, b, c = control[1, j] - control[0, j], control[2, j] - control[1, j], control[3, j] - control[2, j]
            peak = max(abs(a), abs(c))
            bend = a - 2.0 * b + c
            if bend != 0.0 and 0.0 < (a - b) / bend < 1.0:
                u = (a - b) / bend
                peak = max(peak, abs((1 - u) * (1 - u) * a + 2 * u * (1 - u) * b + u * u * c))
            joints[j] = max(joints[j], 3.0 * peak / h)
        _turn(axes, anchors, points[:1], q[k - 1], before)
        for s in range(1, looks + 1):
            _place(control, s / looks, at)
            _turn(axes, anchors, points[:1], at, now)
            tip = max(tip, np.sqrt(((now - before) ** 2).sum()) * looks / h)
            before[:] = now
    return joints, tip


@dataclass(frozen=True)
class Verdict:
    """``broken``: rules surely broken. ``doubtful``: rules too near to call, or broken. ``deepest``: [m] or -inf."""

    broken: frozenset
    doubtful: frozenset
    deepest: float = -np.inf

    @property
    def legal(self):
        """True or False; None: nobody can tell."""
        return False if self.broken else None if self.doubtful else True


def _names(bits):
    return frozenset(RULES[i] for i in range(len(RULES)) if bits >> i & 1)


def form_broken(times, q, qd, measured, age_s, c):
    """Rules about numbers, times, start and rest that are broken."""
    n, joints = len(times) if times.ndim == 1 else 0, len(c.joint_speeds)
    if n < 2 or q.shape != (n, joints) or qd.shape != (n, joints) or measured.shape != (joints,):
        return {"shape"}
    if not all(np.isfinite(a).all() for a in (times, q, qd)):
        return {"non_finite"}
    with np.errstate(over="ignore"):
        faults = {
            "times": times[0] != 0.0 or (np.diff(times) < c.min_time_step_s).any(),
            "duration": times[-1] > c.max_duration_s,
            "state_age": not 0.0 <= age_s <= c.max_state_age_s,
            "start_state": not (np.abs(q[0] - measured) <= c.start_tolerance_rad).all(),
            "rest": np.abs(qd[[0, -1]]).max() > c.rest_tolerance,
        }
    return {name for name, fault in faults.items() if fault}


def judge(trajectory, measured, age_s, c, arm):
    """Verdict on one motion of ``arm`` under the limits ``c``."""
    try:
        times, q, qd, measured = (
            np.ascontiguousarray(a, dtype=np.float64)
            for a in (trajectory.times_s, trajectory.positions, trajectory.velocities, measured)
        )
    except (TypeError, ValueError):
        return Verdict(frozenset({"shape"}), frozenset())
    broken = form_broken(times, q, qd, measured, age_s, c)
    if broken:
        return Verdict(frozenset(broken), frozenset())
    if np.abs(q).max() > 1e3:
        return Verdict(frozenset({"joint_margin", "joint_jump"}), frozenset({"workspace", "keep_out"}))
    low, high, box = allowed(q[0], c, arm)
    data = (arm.axes, arm.anchors, arm.points, arm.reach)
    broken, doubtful, deepest = _geometry(
        times, q, qd, low, high, c.max_joint_jump_rad, box, c.keep_out, c.tolerance_m, data
    )
    return Verdict(_names(broken), _names(doubtful | broken), deepest)


def allowed(first, c, arm):
    """Joint ranges ``(n,)`` and workspace: where the arm stands a little outside, it may stay or come in."""
    low, high = c.joint_range.T + np.array([[1.0], [-1.0]]) * (c.joint_margin_rad - c.tolerance_rad)
    for j, x in enumerate(first):
        if c.joint_range[j, 0] - c.return_margin_rad <= x <= c.joint_range[j, 1] + c.return_margin_rad:
            low[j], high[j] = min(low[j], x), max(high[j], x)
    box, tip = c.workspace_aabb.copy(), arm.at(first[None])[0, 0]
    if all(box[0, i] - c.return_margin_m <= tip[i] <= box[1, i] + c.return_margin_m for i in range(3)):
        box = np.array([np.minimum(box[0], tip), np.maximum(box[1], tip)])
    return low, high, box


def speeds(trajectory, arm, looks=32):
    """Largest joint speeds ``(n,)`` [rad/s] and tip speed [m/s] of a motion."""
    data = (arm.axes, arm.anchors, arm.points, arm.reach)
    return _fastest(trajectory.times_s, trajectory.positions, trajectory.velocities, data, looks)
