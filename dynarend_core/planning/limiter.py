"""The last gate: every trajectory, whoever planned it, passes here before it moves an arm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.planning import _motion_scan, _serial_chain, panda
from dynarend_core.planning.limiter_outcome import LimiterOutcome, MeasuredState, Rule, Violation
from dynarend_core.planning.limits import WORKSPACE_AABB_BASE
from dynarend_core.planning.panda import JOINT_LIMITS, VELOCITY_LIMITS
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory

Array = np.ndarray

_TOOL_POINTS = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, -0.055], [0.0, 0.0, -0.11]])
_TIP_HEADROOM = 0.95
"""Tip speeds are sampled; between samples they can be 3.2 % higher (a parabola seen at eight intervals)."""


@dataclass(frozen=True)
class LimiterConfig:
    """Limits of :class:`TrajectoryLimiter`.

    Attributes:
        workspace_aabb: ``(2, 3)`` box the tip must stay in, base frame [m].
        keep_out: ``(k, 2, 3)`` boxes no tool point may be in, base frame [m].
        tool_points: ``(p, 3)`` points of the tool kept out of them, tip frame [m]: tip, fingers, hand.
        joint_range: ``(n, 2)`` joint positions of the robot [rad].
        joint_margin_rad: Distance to keep from them [rad].
        max_joint_jump_rad: Largest travel of a joint between two waypoints [rad].
        joint_speeds: ``(n,)`` speed limits of the robot [rad/s].
        velocity_factor: Share of them to use, in (0, 1].
        max_tool_speed: Speed limit of the tip [m/s].
        start_tolerance_rad: Distance of the first waypoint from where the arm is [rad].
        max_state_age_s: Age of what is known about where the arm is [s].
        min_time_step_s: Shortest time between two waypoints [s].
        max_duration_s: Longest motion [s], as planned.
        rest_tolerance: Speed that counts as rest at both ends [rad/s].
        return_margin_m: An arm that stands so far outside the workspace may come back in, never go further out [m].
        return_margin_rad: The same for a joint inside its margin, or read beyond its range [rad].
        tolerance_m: Numerical slack of the workspace box [m].
        tolerance_rad: Numerical slack of the joint ranges [rad].
        origins: ``(n, 4, 4)`` the arm's chain, as in :class:`~dynarend_core.planning.robot.Robot`.
        T_last_tip: ``(4, 4)`` tip frame in the last joint's frame.
    """

    workspace_aabb: Array = field(default_factory=WORKSPACE_AABB_BASE.copy)
    keep_out: Array = field(default_factory=lambda: np.zeros((0, 2, 3)))
    tool_points: Array = field(default_factory=_TOOL_POINTS.copy)
    joint_range: Array = field(default_factory=JOINT_LIMITS.copy)
    joint_margin_rad: float = 0.02
    max_joint_jump_rad: float = 0.2
    joint_speeds: Array = field(default_factory=VELOCITY_LIMITS.copy)
    velocity_factor: float = 0.1
    max_tool_speed: float = 0.25
    start_tolerance_rad: float = 0.01
    max_state_age_s: float = 0.2
    min_time_step_s: float = 1e-4
    max_duration_s: float = 600.0
    rest_tolerance: float = 1e-3
    return_margin_m: float = 0.05
    return_margin_rad: float = 0.1
    tolerance_m: float = 1e-3
    tolerance_rad: float = 1e-3
    origins: Array = field(default_factory=panda.joint_origins)
    T_last_tip: Array = field(default_factory=panda.T_last_tip)

    def __post_init__(self) -> None:
        if not 0.0 < self.velocity_factor <= 1.0:
            raise InvalidInputError(f"velocity_factor must be in (0, 1], got {self.velocity_factor}")
        for name in ("max_joint_jump_rad", "max_tool_speed", "max_state_age_s", "min_time_step_s", "max_duration_s"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise InvalidInputError(f"{name} must be positive and finite, got {getattr(self, name)}")
        for name in ("joint_margin_rad", "start_tolerance_rad", "rest_tolerance", "tolerance_m", "tolerance_rad"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise InvalidInputError(f"{name} must not be negative, got {getattr(self, name)}")
        for box in (self.workspace_aabb, *self.keep_out):
            if np.shape(box) != (2, 3) or not np.isfinite(box).all() or not (box[0] < box[1]).all():
                raise InvalidInputError(f"a box is (2, 3), minimum before maximum, got {np.asarray(box).tolist()}")
        if not (self.joint_range[:, 1] - self.joint_range[:, 0] > 2.0 * self.joint_margin_rad).all():
            raise InvalidInputError(f"joint_margin_rad {self.joint_margin_rad} leaves a joint no range")

    @classmethod
    def for_robot(cls, robot: Robot, **settings: Any) -> LimiterConfig:
        """Limits of a robot; ``settings`` replace or add fields."""
        own: dict[str, Any] = {
            "workspace_aabb": robot.workspace,
            "keep_out": robot.keep_out,
            "tool_points": robot.tool_points,
            "joint_range": robot.joint_range,
            "joint_speeds": robot.joint_speeds,
            "origins": robot.origins,
            "T_last_tip": robot.T_last_tip,
        }
        return cls(**{**own, **settings})


class TrajectoryLimiter:
    """Refuses what breaks a rule, slows down what is too fast. Holds no state; safe to share."""

    def __init__(self, config: LimiterConfig | None = None) -> None:
        self.config = config or LimiterConfig()

    def check(self, trajectory: JointTrajectory, state: MeasuredState) -> LimiterOutcome:
        """Judge one trajectory against the arm's measured state; never raises on what it is given.

        The motion is judged as the controller interpolates it, cubics between the waypoints. Speed alone never
        refuses: time is stretched until joints and tip keep their limits.
        """
        times, q, qd = (np.asarray(a) for a in (trajectory.times_s, trajectory.positions, trajectory.velocities))
        try:
            times, q, qd = (np.ascontiguousarray(a, dtype=np.float64) for a in (times, q, qd))
            measured = np.ascontiguousarray(state.q, dtype=np.float64)
        except (TypeError, ValueError):
            return _refuse(Rule.SHAPE, 0, np.nan, 2, "the trajectory does not consist of numbers")
        violation = self._check_form(times, q, qd, measured) or self._check_start(q, qd, measured, state.age_s)
        if violation is not None:
            return LimiterOutcome(None, violation)
        return self._check_motion(times, q, qd)

    def _check_form(self, times: Array, q: Array, qd: Array, measured: Array) -> Violation | None:
        n, c = len(times) if times.ndim == 1 else 0, self.config
        joints = len(c.joint_speeds)
        if n < 2 or q.shape != (n, joints) or qd.shape != (n, joints) or measured.shape != (joints,):
            return _violation(Rule.SHAPE, 0, n, 2, f"times {times.shape}, positions {q.shape}, velocities {qd.shape}")
        for name, values in (("times", times[:, None]), ("positions", q), ("velocities", qd)):
            finite = np.isfinite(values).all(axis=1)
            if not finite.all():
                k = int(np.argmin(finite))
                return _violation(Rule.NON_FINITE, k, np.nan, np.inf, f"{name} of waypoint {k} are not finite")
        if times[0] != 0.0:
            return _violation(Rule.TIMES, 0, times[0], 0.0, f"the motion starts at {times[0]:.4g} s instead of 0")
        steps = np.diff(times)
        if not steps.min() >= c.min_time_step_s:
            k = int(np.argmin(steps))
            text = f"waypoint {k + 1} comes {steps[k]:.4g} s after the one before, at least {c.min_time_step_s:.4g} s"
            return _violation(Rule.TIMES, k + 1, steps[k], c.min_time_step_s, text)
        if not times[-1] <= c.max_duration_s:
            text = f"the motion takes {times[-1]:.4g} s, limit {c.max_duration_s:.4g} s"
            return _violation(Rule.DURATION, n - 1, times[-1], c.max_duration_s, text)
        return None

    def _check_start(self, q: Array, qd: Array, measured: Array, age_s: float) -> Violation | None:
        c = self.config
        if not 0.0 <= age_s <= c.max_state_age_s:
            text = f"the arm was last seen {age_s:.3g} s ago, limit {c.max_state_age_s:.3g} s"
            return _violation(Rule.STATE_AGE, 0, age_s, c.max_state_age_s, text)
        with np.errstate(over="ignore"):
            away = np.abs(q[0] - measured)
        joint = int(np.argmax(np.where(np.isnan(away), np.inf, away)))
        if not away[joint] <= c.start_tolerance_rad:
            text = (
                f"the motion starts with joint {joint + 1} at {q[0, joint]:.4f} rad, the arm is at "
                f"{measured[joint]:.4f} rad, tolerance {c.start_tolerance_rad:.4g} rad"
            )
            return _violation(Rule.START_STATE, 0, away[joint], c.start_tolerance_rad, text)
        for k, row in ((0, 0), (len(q) - 1, -1)):
            speed = float(np.abs(qd[row]).max())
            if not speed <= c.rest_tolerance:
                text = f"waypoint {k} must be at rest, it moves at {speed:.4g} rad/s"
                return _violation(Rule.REST, k, speed, c.rest_tolerance, text)
        return None

    def _check_motion(self, times: Array, q: Array, qd: Array) -> LimiterOutcome:
        c = self.config
        joint_range, box = self._allowed(q[0].copy())
        speeds = c.velocity_factor * c.joint_speeds
        rule, k, index, value, limit, joint_share, tip_speed = _motion_scan.scan(
            times,
            q,
            qd,
            joint_range,
            c.max_joint_jump_rad,
            box,
            c.keep_out,
            c.tool_points,
            c.tolerance_m,
            speeds,
            c.origins,
            c.T_last_tip,
        )
        if rule != _motion_scan.CLEAR:
            return LimiterOutcome(None, _scan_violation(rule, k, index, value, limit))
        tip_share = tip_speed / (_TIP_HEADROOM * c.max_tool_speed)
        slowdown = max(1.0, joint_share, tip_share) * (1.0 + 1e-12 if max(joint_share, tip_share) > 1.0 else 1.0)
        return LimiterOutcome(JointTrajectory(times * slowdown, q, qd / slowdown), None, float(slowdown))

    def _allowed(self, first: Array) -> tuple[Array, Array]:
        """Joint ranges and workspace, widened to the first waypoint if the arm stands a little outside."""
        c = self.config
        margin = c.joint_margin_rad - c.tolerance_rad
        low, high = c.joint_range[:, 0] + margin, c.joint_range[:, 1] - margin
        beyond = np.maximum(c.joint_range[:, 0] - first, first - c.joint_range[:, 1])
        near = beyond <= c.return_margin_rad
        low, high = np.where(near, np.minimum(low, first), low), np.where(near, np.maximum(high, first), high)
        tip = _serial_chain.frames(c.origins, c.T_last_tip, first)[-1, :3, 3]
        box = c.workspace_aabb
        if ((tip >= box[0] - c.return_margin_m) & (tip <= box[1] + c.return_margin_m)).all():
            box = np.stack([np.minimum(box[0], tip), np.maximum(box[1], tip)])
        return np.stack([low, high], axis=1), np.ascontiguousarray(box, dtype=np.float64)


def _scan_violation(code: int, k: int, index: int, value: float, limit: float) -> Violation:
    if code == _motion_scan.JOINT_MARGIN:
        text = f"joint {index + 1} would be at {value:.4f} rad on the way to waypoint {k}, limit {limit:.4f} rad"
        return _violation(Rule.JOINT_MARGIN, k, value, limit, text)
    if code == _motion_scan.JOINT_JUMP:
        text = f"joint {index + 1} travels {value:.4g} rad between waypoints {k - 1} and {k}, limit {limit:.4g} rad"
        return _violation(Rule.JOINT_JUMP, k, value, limit, text)
    if code == _motion_scan.WORKSPACE:
        text = f"the tip would be at {'xyz'[index]} = {value:.4f} m on the way to waypoint {k}, limit {limit:.4f} m"
        return _violation(Rule.WORKSPACE, k, value, limit, text)
    text = f"the tool would be {1e3 * value:.1f} mm inside keep-out box {index + 1} on the way to waypoint {k}"
    return _violation(Rule.KEEP_OUT, k, value, limit, text)


def _violation(rule: Rule, waypoint: int, value: float, limit: float, text: str) -> Violation:
    return Violation(rule, waypoint, float(value), float(limit), f"{rule.value}: {text}")


def _refuse(rule: Rule, waypoint: int, value: float, limit: float, text: str) -> LimiterOutcome:
    return LimiterOutcome(None, _violation(rule, waypoint, value, limit, text))
