"""What it costs to hand motions over in pieces, and how far the arm goes when everything is killed at once.

python benchmarks/handover.py --motions 50 --json runs/handover.json

In one process on a clock that is set by hand; the controller is taken to follow what it was sent last.
"""

import argparse
import time

import numpy as np
from rclpy.serialization import serialize_message

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import stamp_to_ns, trajectory_from_message
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.handover import HANDOVER_S, Handover
from dynarend_ros.robots import find_robot

ROBOT = find_robot("panda")


class Cell:
    """An arm that is where it was told to be, and the sum of what sending cost."""

    def __init__(self, horizon_s: float) -> None:
        self.now, self.sent, self.cpu_s, self.points = 1000.0, 0, 0.0, 0
        self.arm = ArmState(ROBOT.joints, (), 0.5, clock=lambda: self.now)
        commands = ArmCommands(self, "topic", ROBOT, self.arm, clock=lambda: self.now)
        accelerations = ROBOT.joint_accelerations
        self.handover = Handover(commands, self.arm, accelerations, horizon_s, clock=lambda: self.now)
        self.last: tuple[JointTrajectory, float] | None = None

    def create_publisher(self, *_: object) -> "Cell":
        return self

    def publish(self, message: object) -> None:
        self.points += len(message.points)
        serialize_message(message)
        self.sent += 1
        start_ns = stamp_to_ns(message.header.stamp) or round(1e9 * self.now)
        self.last = trajectory_from_message(message, ROBOT.joints), 1e-9 * start_ns

    def see(self, q: np.ndarray) -> None:
        self.arm.update(Joints(dict(zip(ROBOT.joints, q, strict=True)), round(1e9 * self.now)))


def run(trajectory: JointTrajectory, horizon_s: float, kills_s: np.ndarray) -> dict[str, list[float]]:
    """One motion: when it was over, what was sent, and the way of the tip after each moment of a kill."""
    cell, step_s = Cell(horizon_s), 0.01
    cell.see(trajectory.positions[0])
    begun_s, look_s, lives = cell.now, cell.now, list(kills_s)
    cell.handover.begin(trajectory)
    result: dict[str, list[float]] = {"seconds_after_kill": [], "metres_after_kill": []}
    while True:
        cell.now += step_s
        path, start_s = cell.last
        q = path.sample(cell.now - start_s)[0]
        cell.see(q)
        if lives and cell.now - begun_s >= lives[0]:
            lives.pop(0)
            left = np.arange(cell.now - start_s, path.duration_s + step_s, step_s)
            tips = np.array([ROBOT.forward(path.sample(t)[0])[:3, 3] for t in left])
            result["seconds_after_kill"].append(path.duration_s - left[0])
            result["metres_after_kill"].append(float(np.linalg.norm(np.diff(tips, axis=0), axis=1).sum()))
        if horizon_s and cell.now >= look_s:
            look_s += 0.25 * horizon_s
            before_s = time.thread_time()
            cell.handover.look()
            cell.cpu_s += time.thread_time() - before_s
        if np.abs(q - trajectory.positions[-1]).max() < 1e-9 or cell.now - begun_s > 2.0 * trajectory.duration_s + 5.0:
            break
    took_s = cell.now - begun_s
    return result | {
        "added_s": [took_s - trajectory.duration_s],
        "messages_per_s": [cell.sent / took_s],
        "points_per_message": [cell.points / cell.sent],
        "cpu_share": [cell.cpu_s / took_s],
    }


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--motions", type=int, default=50)
    p.add_argument("--horizons", type=float, nargs="*", default=[0.0, 0.25, HANDOVER_S, 1.0], help="0: all at once")
    p.add_argument("--velocity-factor", type=float, default=0.2)
    add_json_option(p, "the numbers")
    args = p.parse_args()
    rng = np.random.default_rng(0)
    rows: dict[str, dict[str, float]] = {}
    motions = [ROBOT.home + np.vstack([np.zeros(7), rng.uniform(-0.5, 0.5, 7)]) for _ in range(args.motions)]
    for horizon_s in args.horizons:
        values: dict[str, list[float]] = {}
        for path in motions:
            limits = ROBOT.joint_speeds, ROBOT.joint_accelerations
            trajectory = time_parametrise(path, *limits, args.velocity_factor)
            kills_s = np.arange(0.2, trajectory.duration_s, 0.3)
            for name, numbers in run(trajectory, horizon_s, kills_s).items():
                values.setdefault(name, []).extend(numbers)
        row = {name: round(float(np.mean(v)), 4) for name, v in values.items()}
        row |= {f"{name}_max": round(float(np.max(values[name])), 4) for name in values if name.endswith("_kill")}
        rows[f"{horizon_s:g} s"] = row
        print(f"horizon {horizon_s:g} s: {row}")
    write_json(args.json, {"velocity_factor": args.velocity_factor, "motions": args.motions, "horizons": rows})


if __name__ == "__main__":
    main()
