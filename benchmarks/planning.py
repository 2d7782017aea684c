"""Numbers of the `ompl` backend; those of the limiter: limiter_rates.py.

python benchmarks/planning.py --json docs/results/planning.json

Plan time and success over random reachable keyframes among random boxes; how far straight approaches stray from their
line; whether speeds and accelerations keep their limits.
"""

import argparse
import os
import time

import numpy as np

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import PlanningError
from dynarend_core.geometry import rotations, se3
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import ACCELERATION_LIMITS, HOME_Q, VELOCITY_LIMITS
from dynarend_core.planning.planner import MotionPlanner
from dynarend_core.planning.scene import PlanningScene
from dynarend_core.types import Keyframe

KINEMATICS = ArmKinematics()
DOWN = np.diag([1.0, -1.0, -1.0])


def clutter(rng: np.random.Generator) -> np.ndarray:
    """Points on the surfaces of eight boxes on the table, 5 to 30 cm high."""
    points = []
    for _ in range(8):
        size = rng.uniform([0.04, 0.04, 0.05], [0.12, 0.12, 0.30])
        low = np.array([*rng.uniform([0.25, -0.4], [0.75, 0.4]), 0.0])
        faces = rng.uniform(size=(800, 3))
        faces[np.arange(800), rng.integers(3, size=800)] = rng.integers(2, size=800)
        points.append(low + faces * size)
    return np.concatenate(points)


def reachable(rng: np.random.Generator) -> np.ndarray:
    """A pose of the tip that some joint positions reach, tilted by up to 30 degrees."""
    while True:
        tilt = rotations.matrix_from_rotation_vector(rng.normal(scale=0.25, size=3))
        turn = rotations.rotation_z(rng.uniform(-np.pi / 2, np.pi / 2))
        T = se3.make(turn @ DOWN @ tilt, rng.uniform([0.3, -0.35, 0.08], [0.7, 0.35, 0.5]))
        try:
            KINEMATICS.inverse(T, HOME_Q, rng=rng)
            return T
        except PlanningError:
            continue


def scene_with_free_goal(planner: MotionPlanner, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Clutter and a reachable pose at which the arm can stand without touching it."""
    while True:
        points, T = clutter(rng), reachable(rng)
        scene = PlanningScene(HOME_Q, T, points, planner.config.workspace_aabb, planner.config.scene)
        if (scene.clearances(HOME_Q) < 0.0).any():
            continue
        goals = planner.kinematics.solutions(T, HOME_Q, 30, rng)
        if any(scene.is_free(q[None], scene.thresholds(q)) for q in goals):
            return points, T


def keyframes(count: int, rng: np.random.Generator) -> dict:
    planner, times, failed = MotionPlanner(), [], 0
    speed, acceleration = 0.0, 0.0
    for _ in range(count):
        points, T = scene_with_free_goal(planner, rng)
        begin_s = time.perf_counter()
        try:
            motion = planner.plan(HOME_Q, Keyframe(T, gripper_open=True), points)
        except PlanningError:
            failed += 1
            motion = None
        times.append(1e3 * (time.perf_counter() - begin_s))
        if motion is not None:
            speed = max(speed, float((np.abs(motion.velocities) / VELOCITY_LIMITS).max()))
            changes = np.diff(motion.velocities, axis=0) / np.diff(motion.times_s)[:, None]
            acceleration = max(acceleration, float((np.abs(changes) / ACCELERATION_LIMITS).max()))
    return {
        "keyframes": count,
        "success": 1.0 - failed / count,
        "plan_p50_ms": float(np.percentile(times, 50)),
        "plan_p99_ms": float(np.percentile(times, 99)),
        "largest_share_of_speed_limit": speed,
        "largest_share_of_acceleration_limit": acceleration,
    }


def lines(count: int, rng: np.random.Generator) -> dict:
    """Straight approaches of 10 cm along the tool, sampled every 5 ms."""
    planner, strays, refused = MotionPlanner(), [], 0
    while len(strays) < count:
        T = reachable(rng)
        above = T @ se3.make(t=np.array([0.0, 0.0, -0.1]))
        try:
            q = KINEMATICS.inverse(above, HOME_Q, rng=rng)
            motion = planner.plan(q, Keyframe(T, gripper_open=True), straight=True)
        except PlanningError:
            refused += 1
            continue
        tips = np.array(
            [KINEMATICS.forward(motion.sample(t)[0])[:3, 3] for t in np.arange(0, motion.duration_s, 0.005)]
        )
        start, way = KINEMATICS.forward(q)[:3, 3], T[:3, 3] - KINEMATICS.forward(q)[:3, 3]
        way /= np.linalg.norm(way)
        off = (tips - start) - ((tips - start) @ way)[:, None] * way
        strays.append(1e3 * float(np.linalg.norm(off, axis=1).max()))
    return {"lines": count, "refused": refused, "stray_max_mm": max(strays), "stray_p50_mm": float(np.median(strays))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keyframes", type=int, default=500, help="random keyframes in clutter (default: 500)")
    parser.add_argument("--lines", type=int, default=100, help="straight approaches (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    add_json_option(parser, "all figures")
    args = parser.parse_args()
    MotionPlanner().plan(HOME_Q, Keyframe(reachable(np.random.default_rng(1)), gripper_open=True), np.zeros((1, 3)))
    report = {
        "lines": lines(args.lines, np.random.default_rng(args.seed)),
        "planner": keyframes(args.keyframes, np.random.default_rng(args.seed)),
        "load_1min": os.getloadavg()[0],
    }
    for name, values in report.items():
        print(name, values, flush=True)
    write_json(args.json, report)


if __name__ == "__main__":
    main()
