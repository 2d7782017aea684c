"""What the limiter lets through, refuses and slows, judged by a plain judge that shares no code with it; and its time.

python benchmarks/limiter_rates.py --json docs/results/limiter.json
python benchmarks/limiter_rates.py --trajectories 1000 --seed 3

Trajectories and judge are those of tests/core/planning/test_limiter.py: two fifths legal, the others spoilt in one of
eleven ways, often only by a hair's breadth. Those that come nearer to a limit between two waypoints than the judge's
samples can tell count as undecided.
"""

import argparse
import os
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core" / "planning"))

from test_limiter import CONFIG, cases, verdicts

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.trajectory import JointTrajectory

BATCH = 500


def rates(count: int, seed: int) -> dict:
    """Counts over ``count`` trajectories, and refusals by rule."""
    limiter, everything = TrajectoryLimiter(CONFIG), cases(seed)
    counts = dict.fromkeys(("legal", "legal_refused", "illegal", "illegal_passed", "undecided", "slowed"), 0)
    rules: dict[str, int] = {}
    while batch := list(islice(everything, min(BATCH, count))):
        count -= len(batch)
        for case, verdict in zip(batch, verdicts(batch), strict=True):
            outcome = limiter.check(case[0], MeasuredState(case[1], case[2]))
            passed = outcome.violation is None
            if verdict is not None and passed != verdict:  # a corner of a box between two looks of the judge
                (verdict,) = verdicts([case], dense=1025)
            if verdict is None:
                counts["undecided"] += 1
                continue
            counts["legal" if verdict else "illegal"] += 1
            counts["legal_refused"] += verdict and not passed
            counts["illegal_passed"] += passed and not verdict
            counts["slowed"] += passed and outcome.slowdown > 1.0
            if outcome.violation is not None:
                rules[outcome.violation.rule.value] = rules.get(outcome.violation.rule.value, 0) + 1
    shares = {
        "legal_refused_share": counts["legal_refused"] / max(counts["legal"], 1),
        "illegal_passed_share": counts["illegal_passed"] / max(counts["illegal"], 1),
    }
    return {**counts, **shares, "refusals": dict(sorted(rules.items()))}


def speed(repeats: int, waypoints: int = 100) -> dict:
    """Time for one trajectory, of the wall clock (which others' work adds to) and of this thread alone [ms]."""
    limiter = TrajectoryLimiter(LimiterConfig(velocity_factor=1.0, max_tool_speed=3.0))
    share = (1 - np.cos(np.linspace(0, np.pi, waypoints))) / 2
    q = HOME_Q + share[:, None] * np.array([0.6, 0.2, 0.3, -0.3, 0.2, 0.2, 0.5])
    times_s = np.linspace(0, 5.0, waypoints)
    qd = np.gradient(q, times_s, axis=0)
    qd[[0, -1]] = 0.0
    motion, state = JointTrajectory(times_s, q, qd), MeasuredState(HOME_Q, 0.0)
    wall, own = [], []
    for _ in range(repeats + 1):
        begin_s, begin_own_s = time.perf_counter(), time.thread_time()
        assert limiter.check(motion, state).violation is None
        own.append(1e3 * (time.thread_time() - begin_own_s))
        wall.append(1e3 * (time.perf_counter() - begin_s))
    wall, own = wall[1:], own[1:]  # the first one compiles
    return {
        "waypoints": waypoints,
        "repeats": repeats,
        **{
            f"{name}_p{p}_ms": float(np.percentile(ms, p))
            for name, ms in (("wall", wall), ("own", own))
            for p in (50, 99)
        },
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trajectories", type=int, default=10_000, help="how many, at most 10,000 (default: all)")
    parser.add_argument("--repeats", type=int, default=1000, help="timed checks (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    add_json_option(parser, "all figures")
    args = parser.parse_args()
    report = {
        "rates": rates(args.trajectories, args.seed),
        "time": speed(args.repeats),
        "load_1min": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }
    for name, values in report.items():
        print(name, values, flush=True)
    write_json(args.json, report)
    return int(report["rates"]["legal_refused"] + report["rates"]["illegal_passed"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
