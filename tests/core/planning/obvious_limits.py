"""A slow, plain judge of joint trajectories: no code of the limiter, only its written rules."""

import itertools

import numpy as np

DENSE = 33
BETWEEN_RAD, BETWEEN_M = 2e-3, 5e-4
"""What sampling may miss between two waypoints; cases that near to a limit are judged by nobody."""


def rotation(axis, angle):
    out = np.zeros((*np.shape(angle), 4, 4))
    i, j = [(1, 2), (0, 1)][axis == "z"]
    k = 0 if axis == "x" else 2
    out[..., k, k] = out[..., 3, 3] = 1.0
    out[..., i, i] = out[..., j, j] = np.cos(angle)
    out[..., j, i] = np.sin(angle)
    out[..., i, j] = -np.sin(angle)
    return out


def shift(x, z):
    T = np.eye(4)
    T[0, 3], T[2, 3] = x, z
    return T


def fixed(a, alpha, d):
    return rotation("x", alpha) @ shift(a, 0.0) @ shift(0.0, d)


FIXED = [  # of the data sheet: a [m], alpha [rad], d [m]
    fixed(0.0, 0.0, 0.333),
    fixed(0.0, -np.pi / 2, 0.0),
    fixed(0.0, np.pi / 2, 0.316),
    fixed(0.0825, np.pi / 2, 0.0),
    fixed(-0.0825, -np.pi / 2, 0.384),
    fixed(0.0, np.pi / 2, 0.0),
    fixed(0.088, np.pi / 2, 0.0),
]
TIP = shift(0.0002, 0.107 + 0.1104) @ rotation("z", -np.pi / 4) @ rotation("z", np.pi)
TIP[:3, 3] = rotation("z", -np.pi / 4)[:3, :3] @ [0.0002, 0.0019, 0.2174]


def tool_poses(q):
    """Tip frames of ``(n, 7)`` joint positions from the data sheet's table, one elementary transform at a time."""
    T = np.broadcast_to(np.eye(4), (len(q), 4, 4))
    turns = rotation("z", q)
    for i in range(7):
        T = T @ FIXED[i] @ turns[:, i]
    return T @ TIP


def cubic(times, q, qd, u):
    """Positions ``(..., segments, len(u), 7)`` between the waypoints, in the Bernstein form."""
    h = np.diff(times)[..., None, None]
    u = u[:, None]
    p0, p3 = q[..., :-1, None, :], q[..., 1:, None, :]
    p1, p2 = p0 + h * qd[..., :-1, None, :] / 3.0, p3 - h * qd[..., 1:, None, :] / 3.0
    return (1 - u) ** 3 * p0 + 3 * u * (1 - u) ** 2 * p1 + 3 * u**2 * (1 - u) * p2 + u**3 * p3


def depth_outside(box, points):
    """Largest distance by which a point leaves the box along an axis; negative inside."""
    return np.maximum(box[0] - points, points - box[1]).max(axis=-1)


def form_is_legal(trajectory, measured, age_s, c):
    """Rules about numbers, times, start and rest."""
    t, q, qd = trajectory.times_s, trajectory.positions, trajectory.velocities
    if not (np.isfinite(t).all() and np.isfinite(q).all() and np.isfinite(qd).all() and np.isfinite(measured).all()):
        return False
    steps = [b - a for a, b in itertools.pairwise(t)]
    return bool(
        t[0] == 0.0
        and all(step >= c.min_time_step_s for step in steps)
        and t[-1] <= c.max_duration_s
        and 0.0 <= age_s <= c.max_state_age_s
        and max(abs(q[0] - measured)) <= c.start_tolerance_rad
        and max(abs(qd[0])) <= c.rest_tolerance
        and max(abs(qd[-1])) <= c.rest_tolerance
    )


def geometry_excess(trajectories, c, dense=DENSE):
    """By how much each motion breaks joint and box rules: ``(at waypoints, between them)`` of ``m`` trajectories.

    Above 0 a rule is broken; between waypoints, in units of what sampling may miss, only above 1, and it is surely
    kept only below -1.
    """
    times, knots, qd = (
        np.array([getattr(t, name) for t in trajectories]) for name in ("times_s", "positions", "velocities")
    )
    with np.errstate(all="ignore"):
        q = cubic(times, knots, qd, np.linspace(0.0, 1.0, dense))
        margin = c.joint_margin_rad - c.tolerance_rad
        low, high = c.joint_range[:, 0] + margin, c.joint_range[:, 1] - margin
        travel = np.abs(np.diff(q, axis=2)).sum(axis=2).max(axis=(1, 2)) - c.max_joint_jump_rad
        jump = np.abs(np.diff(knots, axis=1)).max(axis=(1, 2)) - c.max_joint_jump_rad
        at = np.maximum(jump, np.maximum(low - knots, knots - high).max(axis=(1, 2)))
        between = np.maximum(travel, np.maximum(low - q, q - high).max(axis=(1, 2, 3))) / BETWEEN_RAD
    wild = ~(np.isfinite(at) & np.isfinite(between))
    at[wild] = between[wild] = np.inf
    sane = (at <= 0.0) & (between <= 1.0)
    if not sane.any():
        return at, between
    at_boxes = box_excess(knots[sane].reshape(-1, 7), c).reshape(sane.sum(), -1)
    between_boxes = box_excess(q[sane][:, :, 2:-1:2].reshape(-1, 7), c).reshape(sane.sum(), -1)
    at[sane] = np.maximum(at[sane], at_boxes.max(axis=1))
    between[sane] = np.maximum(between[sane], between_boxes.max(axis=1) / BETWEEN_M)
    return at, between


def box_excess(q, c):
    """How far the tool is outside the workspace or inside a keep-out box [m] at ``(n, 7)``; negative where legal."""
    poses = tool_poses(q)
    outside = depth_outside(c.workspace_aabb, poses[:, :3, 3]) - c.tolerance_m
    points = poses[:, None, :3, 3] + np.einsum("nij,pj->npi", poses[:, :3, :3], c.tool_points)
    inside = [-depth_outside(box, points).min(axis=1) for box in c.keep_out]
    return np.maximum(outside, np.max(inside, axis=0))


def speeds(trajectory):
    """Largest joint speeds ``(7,)`` and tip speed of the motion, by differences of what a stop watch would see."""
    u = np.linspace(0.0, 1.0, DENSE)
    q = cubic(trajectory.times_s, trajectory.positions, trajectory.velocities, u)
    dt = np.diff(trajectory.times_s) / (DENSE - 1)
    tips = tool_poses(q.reshape(-1, 7))[:, :3, 3].reshape(*q.shape[:2], 3)
    joint = (np.abs(np.diff(q, axis=1)) / dt[:, None, None]).max(axis=(0, 1))
    return joint, (np.linalg.norm(np.diff(tips, axis=1), axis=2) / dt[:, None]).max()
