"""Random and adversarial trajectories: legal ones, and such as are spoilt in one way, often by a hair's breadth."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import obvious_limits as obvious

from dynarend_core.planning.limiter import LimiterConfig
from dynarend_core.planning.robot_file import load_robot
from dynarend_core.planning.trajectory import JointTrajectory

ROBOTS = ("panda", "fr3", "xarm7", "ur5e")
MOST_WAYPOINTS = 100
_BOXES = {"panda": np.array([[[0.3, 0.2, 0.0], [0.5, 0.45, 0.45]], [[0.55, -0.3, 0.5], [0.7, 0.0, 0.7]]])}


@dataclass(frozen=True)
class Case:
    """One trajectory, where the arm is and since when that is known [s], and what it is judged by."""

    robot: str
    kind: str
    trajectory: JointTrajectory
    measured: np.ndarray
    age_s: float
    config: LimiterConfig

    @property
    def arm(self):
        return arm_of(self.robot)


@lru_cache
def load(robot):
    return load_robot(obvious.ROBOTS / f"{robot}.yaml")


@lru_cache
def arm_of(robot):
    return obvious.Arm.from_file(robot)


@lru_cache
def config_of(robot):
    """Without leave to start outside: each robot's own limits, for the Panda two boxes more."""
    data = load(robot)
    keep_out = np.concatenate([data.keep_out, _BOXES.get(robot, np.zeros((0, 2, 3)))])
    return LimiterConfig.for_robot(data, keep_out=keep_out, return_margin_m=0.0, return_margin_rad=-0.02)


@lru_cache
def starts_of(robot):
    """Legal joint positions ``(200, n)`` about the robot's home."""
    rng, c, home, kept = np.random.default_rng(1), config_of(robot), load(robot).home, []
    still = JointTrajectory(np.array([0.0, 1.0]), None, None)
    while len(kept) < 200:
        q = home + rng.uniform(-0.7, 0.7, len(home))
        t = replace(still, positions=np.stack([q, q]), velocities=np.zeros((2, len(q))))
        if obvious.judge(t, q, 0.0, c, arm_of(robot)).legal:
            kept.append(q)
    return np.array(kept)


def spline(times, q):
    """Velocities of a Catmull-Rom spline, at rest at both ends."""
    qd = np.zeros_like(q)
    qd[1:-1] = (q[2:] - q[:-2]) / (times[2:] - times[:-2])[:, None]
    return qd


def near(rng):
    """How far from a limit, on either side: a hair's breadth to a finger's."""
    return rng.choice((-1.0, 1.0)) * 10.0 ** rng.uniform(-6, rng.choice((-3.0, -2.0)))


def legal_motion(rng, robot, most_waypoints):
    """A wandering motion of at least 2 waypoints, most often legal."""
    first = starts_of(robot)[rng.integers(200)]
    n, joints = round(2.0 * (most_waypoints / 2) ** (rng.random() ** 1.5)), len(first)
    step = min(0.03, 0.25 / n)
    steps = rng.normal(scale=step, size=joints) + rng.normal(scale=0.6 * step, size=(n - 1, joints))
    q = np.concatenate([first[None], first + np.cumsum(steps, axis=0)])
    times = np.linspace(0.0, rng.uniform(1.0, 20.0), n)
    if rng.random() < 0.3:
        times = times[-1] * np.concatenate([[0.0], np.cumsum(rng.uniform(0.2, 1.0, n - 1))]) / max(n - 1, 1)
    return JointTrajectory(times, q, spline(times, q))


class Fault:
    """One case under change: its arrays may be changed in place, everything else replaced."""

    def __init__(self, rng, robot, t, measured, age_s):
        self.rng, self.robot, self.config = rng, robot, config_of(robot)
        self.times, self.q, self.qd = t.times_s.copy(), t.positions.copy(), t.velocities.copy()
        self.measured, self.age_s = measured, age_s
        self.k, self.j = rng.integers(1, len(self.q)), rng.integers(self.q.shape[1])

    def case(self, kind):
        t = JointTrajectory(self.times, self.q, self.qd)
        return Case(self.robot, kind, t, self.measured, self.age_s, self.config)

    def point_on_the_way(self):
        """A point of the tool ``(3,)`` somewhere between two waypoints, where the controller's cubic takes it."""
        points = arm_of(self.robot).at(self._between(self.k, np.array([self.rng.random()])))[0]
        return points[self.rng.integers(1, len(points))]

    def farthest(self, axis, way):
        """How far the tip gets along an axis, up (1) or down (-1) [m]."""
        u = np.linspace(0.0, 1.0, 17)
        q = np.concatenate([self._between(k, u) for k in range(1, len(self.q))])
        return way * (way * arm_of(self.robot).at(q)[:, 0, axis]).max()

    def _between(self, k, u):
        h, u = self.times[k] - self.times[k - 1], u[:, None]
        p0, p3 = self.q[k - 1], self.q[k]
        p1, p2 = p0 + h * self.qd[k - 1] / 3.0, p3 - h * self.qd[k] / 3.0
        return (1 - u) ** 3 * p0 + 3 * u * (1 - u) ** 2 * p1 + 3 * u**2 * (1 - u) * p2 + u**3 * p3


def wrong_arrays(f):
    which = f.rng.integers(7)
    if which == 0:
        f.qd = None if f.rng.random() < 0.5 else np.zeros((0, f.q.shape[1]))
    elif which == 1:
        f.q = f.q[:, :-1]
    elif which == 2:
        f.qd = f.qd[:-1]
    elif which == 3:
        f.times, f.q, f.qd = f.times[:1], f.q[:1], f.qd[:1]
    elif which == 4:
        f.measured = f.measured[:-1]
    elif which == 5:
        f.times = f.times[:, None]
    else:
        f.q = np.array([["far"] * f.q.shape[1]] * len(f.q))


def no_numbers(f):
    values = (f.times, f.q.reshape(-1), f.qd.reshape(-1), f.measured)[f.rng.integers(4)]
    values[f.rng.integers(len(values))] = f.rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e160])


def time_runs_wrong(f):
    k, which = f.k, f.rng.integers(5)
    if which == 0:
        f.times[0] = f.rng.choice([-1.0, 1.0]) * 10.0 ** f.rng.uniform(-9, 0)
    elif which == 1:
        f.times[[k - 1, k]] = f.times[[k, k - 1]]
    else:
        steps = [0.0, -1.0, 1e-9, f.config.min_time_step_s + 1e-3 * near(f.rng)]
        f.times[k] = f.times[k - 1] + f.rng.choice(steps)


def lasts_long(f):
    stretch = (f.config.max_duration_s + f.rng.choice([near(f.rng), 100.0])) / f.times[-1]
    f.times, f.qd = f.times * stretch, f.qd / stretch


def starts_elsewhere(f):
    f.measured = (
        f.q[0] + f.rng.choice([-1, 1]) * (f.config.start_tolerance_rad + near(f.rng)) * np.eye(len(f.q[0]))[f.j]
    )


def seen_long_ago(f):
    f.age_s = f.rng.choice([f.config.max_state_age_s + near(f.rng), np.inf, np.nan, -1e-9])


def never_rests(f):
    f.qd[f.rng.choice([0, -1]), f.j] = f.rng.choice([-1, 1]) * (
        f.config.rest_tolerance + f.rng.choice([0.1, 1]) * near(f.rng)
    )


def _edge(f):
    """One end of a joint's range, and which way is out."""
    c, side = f.config, f.rng.integers(2)
    out = 2.0 * side - 1.0
    return c.joint_range[f.j, side] - out * (c.joint_margin_rad - c.tolerance_rad), out


def waypoint_at_a_joint_limit(f):
    edge, out = _edge(f)
    f.q[:, f.j] = edge - out * f.rng.uniform(0.0, 0.05, len(f.q))
    f.q[f.k, f.j], f.qd[:, f.j] = edge + near(f.rng), 0.0
    f.measured = f.q[0].copy()


def cubic_over_a_joint_limit(f):
    """Both waypoints within the range; the cubic between them peaks at the limit."""
    edge, out = _edge(f)
    gap, h = f.rng.uniform(0.001, 0.03), f.times[f.k] - f.times[f.k - 1]
    f.q[:, f.j], f.qd[:, f.j] = edge - out * gap, 0.0
    if 1 < f.k < len(f.q) - 1:
        steep = 4.0 * (gap + near(f.rng)) / h
        f.qd[f.k - 1, f.j], f.qd[f.k, f.j] = out * steep, -out * steep
        f.q[[f.k - 2, f.k + 1], f.j] -= out * 0.02
    f.measured = f.q[0].copy()


def jump(f):
    k, j = f.k, f.j
    f.q[k:, j] += f.q[k - 1, j] - f.q[k, j] + f.rng.choice([-1, 1]) * (f.config.max_joint_jump_rad + near(f.rng))
    f.qd[:, j] = 0.0


def there_and_back(f):
    """Waypoints that hardly differ, and between them a cubic whose travel is the limit: 0.3849 h v."""
    k, j, h = f.k, f.j, f.times[f.k] - f.times[f.k - 1]
    f.q[:, j] = f.q[0, j]
    f.qd[:, j] = 0.0
    if 1 < k < len(f.q) - 1:
        share = f.rng.choice([1.0, f.rng.random()])
        steep = share * (f.config.max_joint_jump_rad + near(f.rng)) / (2.0 / np.sqrt(27.0)) / h / 2.0
        f.qd[k - 1, j] = f.qd[k, j] = f.rng.choice([-1, 1]) * steep * 2.0


def spikes(f):
    """All joints overshoot at once, within what they may travel."""
    if len(f.q) > 3:
        h = np.diff(f.times).min()
        f.qd[1:-1] += f.rng.normal(size=f.qd[1:-1].shape) * 10.0 ** f.rng.uniform(-2, 0) / h


def one_spike(f):
    f.qd[min(f.k, max(len(f.q) - 2, 0)), f.j] += f.rng.choice([-1, 1]) * 10.0 ** f.rng.uniform(-2, 2)


def too_fast(f):
    stretch = 10.0 ** f.rng.uniform(-4, 2.2)
    f.times, f.qd = f.times * stretch, f.qd / stretch


def wild_waypoint(f):
    f.q[f.k] += f.rng.normal(scale=0.5, size=f.q.shape[1])


def box_on_the_way(f):
    """A box whose corner, edge or face the tool cuts by a hair's breadth, somewhere between two waypoints."""
    if f.rng.random() < 0.5:
        spikes(f)
    point, size = f.point_on_the_way(), f.rng.uniform(0.02, 0.2, 3)
    low = point - f.rng.uniform(0.2, 0.8, 3) * size
    for i in f.rng.permutation(3)[: f.rng.integers(1, 4)]:
        depth = near(f.rng)
        low[i] = point[i] - (size[i] - depth if f.rng.random() < 0.5 else depth)
    f.config = replace(f.config, keep_out=np.concatenate([f.config.keep_out, np.stack([low, low + size])[None]]))


def workspace_ends_on_the_way(f):
    if f.rng.random() < 0.5:
        spikes(f)
    box, i, side = f.config.workspace_aabb.copy(), f.rng.integers(3), f.rng.integers(2)
    box[side, i] = f.farthest(i, 2 * side - 1) + (1 - 2 * side) * (f.config.tolerance_m + near(f.rng))
    if (box[0] < box[1]).all():
        f.config = replace(f.config, workspace_aabb=box)


def starts_outside(f):
    """The arm stands outside its workspace or a joint's range, with leave to come back in."""
    f.config = replace(f.config, return_margin_m=0.05, return_margin_rad=0.1)
    if f.rng.random() < 0.5:
        box, i, side = f.config.workspace_aabb.copy(), f.rng.integers(3), f.rng.integers(2)
        tip = arm_of(f.robot).at(f.q[:1])[0, 0]
        box[side, i] = tip[i] + (1 - 2 * side) * f.rng.choice([f.rng.uniform(0.0, 0.07), 0.05 + near(f.rng)])
        if (box[0] < box[1]).all():
            f.config = replace(f.config, workspace_aabb=box)
        return
    side = f.rng.integers(2)
    out = 2.0 * side - 1.0
    beyond = f.rng.choice([f.rng.uniform(-0.03, 0.15), 0.1 + near(f.rng)])
    f.q[:, f.j] += f.config.joint_range[f.j, side] + out * beyond - f.q[0, f.j]
    f.measured = f.q[0].copy()


FAULTS = (
    wrong_arrays, no_numbers, time_runs_wrong, lasts_long, starts_elsewhere, seen_long_ago, never_rests,
    waypoint_at_a_joint_limit, cubic_over_a_joint_limit, jump, there_and_back, spikes, one_spike, too_fast,
    wild_waypoint, box_on_the_way, box_on_the_way, workspace_ends_on_the_way, starts_outside,
)  # fmt: skip
KINDS = ("as planned", *dict.fromkeys(fault.__name__ for fault in FAULTS))


def cases(rng, count, most_waypoints=MOST_WAYPOINTS):
    """``count`` cases; a quarter of them nobody has spoilt."""
    for _ in range(count):
        robot = ROBOTS[rng.integers(len(ROBOTS))]
        t = legal_motion(rng, robot, most_waypoints)
        tolerance = 0.5 * config_of(robot).start_tolerance_rad
        measured = t.positions[0] + rng.uniform(-tolerance, tolerance, t.positions.shape[1])
        f = Fault(rng, robot, t, measured, rng.uniform(0.0, 0.15))
        if rng.random() < 0.25:
            yield f.case("as planned")
            continue
        fault = FAULTS[rng.integers(len(FAULTS))]
        fault(f)
        yield f.case(fault.__name__)
