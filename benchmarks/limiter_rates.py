"""What the limiter lets through, refuses and slows, judged by a plain judge that shares no code with it; and its time.

python benchmarks/limiter_rates.py --json docs/results/limiter.json              # 1,000,000: half an hour of one core
python benchmarks/limiter_rates.py --trajectories 20000 --seed 3 --json runs/limiter.json

Trajectories and judge are those of tests/core/planning/test_limiter.py: four robots, 2 to 100 waypoints, a quarter as
planned, the others spoilt in one of eighteen ways, often only by a hair's breadth. Those nearer to a limit than the
judge can tell count as undecided. Goes on where it stopped, if the report is of the same seed.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core" / "planning"))

import obvious_limits as obvious
from limiter_cases import Case, cases

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import LimiterOutcome, MeasuredState
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.trajectory import JointTrajectory

BATCH = 2000
COUNTS = (
    "trajectories", "wrong_passed", "wrong_refused", "raised", "legal", "illegal", "undecided", "slowed", "misnamed",
)  # fmt: skip


def changed(case: Case, outcome: LimiterOutcome) -> str:
    """What is wrong with a motion that was let through; empty: the path is as given, only slower, and slow enough."""
    given, passed, c = case.trajectory, outcome.trajectory, case.config
    assert passed is not None
    if not np.array_equal(given.positions, passed.positions):
        return "another path"
    if not (outcome.slowdown >= 1.0 and np.allclose(passed.times_s, given.times_s * outcome.slowdown, rtol=1e-12)):
        return "other times"
    joints, tip = obvious.speeds(passed, case.arm)
    if not (joints <= c.velocity_factor * c.joint_speeds * (1 + 1e-9)).all():
        return "a joint too fast"
    return "" if tip <= c.max_tool_speed * (1 + 1e-9) else f"the tip at {tip:.4f} m/s"


def judge(case: Case, counts: Counter, rules: dict[str, Counter]) -> str:
    """Count one case; returns what went wrong, or nothing."""
    counts["trajectories"] += 1
    verdict = obvious.judge(case.trajectory, case.measured, case.age_s, case.config, case.arm)
    try:
        outcome = TrajectoryLimiter(case.config).check(case.trajectory, MeasuredState(case.measured, case.age_s))
    except Exception as error:  # it promises never to raise
        counts["raised"] += 1
        return f"raised {type(error).__name__}: {error}"
    counts[{True: "legal", False: "illegal", None: "undecided"}[verdict.legal]] += 1
    for rule in verdict.broken:
        rules[rule]["broken"] += 1
    if outcome.violation is not None:
        named = outcome.violation.rule.value
        rules[named]["refused"] += 1
        if verdict.legal:
            counts["wrong_refused"] += 1
            rules[named]["wrong_refused"] += 1
            return outcome.violation.message
        counts["misnamed"] += named not in verdict.doubtful | verdict.broken
        return ""
    counts["slowed"] += outcome.slowdown > 1.0
    wrong = f"breaks {', '.join(sorted(verdict.broken))}" if verdict.broken else changed(case, outcome)
    counts["wrong_passed"] += bool(wrong)
    for rule in verdict.broken:
        rules[rule]["wrong_passed"] += 1
    counts["deepest_passed_um"] = max(counts["deepest_passed_um"], round(1e6 * max(verdict.deepest, 0.0)))
    return wrong


def rates(count: int, seed: int, path: Path | None) -> dict:
    """Counts over ``count`` trajectories in batches of 2000, each of a seed of its own, so that a run can go on."""
    report = _begun(path, seed)
    counts, kinds = Counter(report["counts"]), Counter(report["kinds"])
    rules = {rule: Counter(report["per_rule"].get(rule, {})) for rule in obvious.RULES}
    since_s, spent_s, shown_s = time.monotonic(), report["seconds"], 0.0
    while counts["trajectories"] < count:
        batch = counts["trajectories"] // BATCH
        rng = np.random.default_rng([seed, batch])
        for index, case in enumerate(cases(rng, min(BATCH, count - counts["trajectories"]))):
            kinds[case.kind] += 1
            if wrong := judge(case, counts, rules):
                report["problems"].append({"batch": batch, "index": index, "kind": case.kind, "wrong": wrong})
        report.update(counts=dict(counts), kinds=dict(kinds), per_rule={rule: dict(n) for rule, n in rules.items()})
        report["seconds"] = round(spent_s + time.monotonic() - since_s, 1)
        if time.monotonic() - shown_s > 10.0 or counts["trajectories"] >= count:
            shown_s = time.monotonic()
            print({name: counts[name] for name in COUNTS}, f"{report['seconds']:.0f} s", flush=True)
            write_json(path, flat(report))
    return flat(report)


def flat(report: dict) -> dict:
    """The report as it is written: counts at the top."""
    counts = {name: report["counts"].get(name, 0) for name in COUNTS}
    deepest = {"deepest_passed_mm": 1e-3 * report["counts"].get("deepest_passed_um", 0)}
    return {**counts, **deepest, **{key: value for key, value in report.items() if key != "counts"}}


def _begun(path: Path | None, seed: int) -> dict:
    """A report to go on with: the one at ``path``, if it is of this seed and ended with a whole batch."""
    fresh = {"seed": seed, "seconds": 0.0, "counts": {}, "kinds": {}, "per_rule": {}, "problems": []}
    if path is None or not path.exists():
        return fresh
    old = json.loads(path.read_text())
    if old.get("seed") != seed or old["trajectories"] % BATCH:
        return fresh
    counts = {name: old[name] for name in COUNTS} | {"deepest_passed_um": round(1e3 * old["deepest_passed_mm"])}
    return {"counts": counts, **{key: old[key] for key in fresh if key != "counts"}}


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
    parser.add_argument("--trajectories", type=int, default=1_000_000, help="how many (default: 1,000,000)")
    parser.add_argument("--repeats", type=int, default=1000, help="timed checks (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    add_json_option(parser, "all figures")
    args = parser.parse_args()
    report = rates(args.trajectories, args.seed, Path(args.json) if args.json else None)
    report |= {"time": speed(args.repeats), "load_1min": os.getloadavg()[0], "cores": os.cpu_count()}
    print(report["time"], flush=True)
    write_json(args.json, report)
    return int(report["wrong_passed"] + report["wrong_refused"] + report["raised"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
