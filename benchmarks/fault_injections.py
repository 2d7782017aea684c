"""Faults injected into the simulator as the robot: does the arm stop or refuse, is the reason said, does it go on?

python benchmarks/fault_injections.py --json docs/results/safety.json     # 200 injections, about half an hour
python benchmarks/fault_injections.py --injections 22                     # every kind once

Counts, for every kind: unsafe (the arm moved when it should rest, too fast, out of the workspace, into the wall), hangs
(no answer, or no keyframe carried out after reset and arm), silent (no reason was published). Apart from these, how
often the arm refused or stopped, and said so, for another reason than the injected one.
"""

import argparse
import os
import signal
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
from injection_cases import CASES, Case
from injection_rig import TOOL_SPEED, Rig

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import environment

GOALS = ([0.42, 0.30, 0.35], [0.42, -0.30, 0.35])
WATCH_S = 0.6


@dataclass
class Result:
    """One injection."""

    case: str
    unsafe: str = ""
    hang: str = ""
    silent: str = ""
    other_reason: str = ""
    to_rest_ms: float | None = None
    said: str = ""


@dataclass
class Session:
    """Injections into one running graph."""

    rig: Rig
    rng: np.random.Generator
    side: int = 0
    results: list[Result] = field(default_factory=list)

    def run(self, name: str) -> Result:
        result, case, rig = Result(name), CASES[name], self.rig
        self.results.append(result)
        if not self.prepare(case):
            result.hang = f"could not begin: {rig.state}: {rig.reason}; {rig.client.executions[-1:]}"
            return result
        rig.fastest, rig.lowest = 0.0, np.inf
        rig.client.executions.clear()
        since_s = time.monotonic()
        case.inject(rig, self.rng)
        self.watch(result, case, since_s)
        self.clean_up(name)
        self.go_on(result)
        return result

    def prepare(self, case: Case) -> bool:
        for _ in range(3):
            if not self.rig.arm():
                continue
            self.side = 1 - self.side
            if not case.moving or self.rig.set_off(GOALS[self.side]):
                return True
        return False

    def watch(self, result: Result, case: Case, since_s: float) -> None:
        rig, said = self.rig, ""

        def is_said() -> bool:
            nonlocal said
            texts = [*rig.client.executions]
            texts += [] if rig.state in ("ARMED", "RUNNING") else [f"{rig.state}: {rig.reason}"]
            said = next((t for t in texts for wanted in case.reason if wanted in t), "")
            return bool(said)

        spoke = rig.client.wait_for(is_said, max(case.within_s, 8.0))
        limit_s = max(since_s + case.within_s - time.monotonic(), 0.0)
        rig.client.wait_for(lambda: not rig.is_moving(), limit_s)
        if case.moving:
            time.sleep(WATCH_S)  # what stopped must not begin again
        result.said = said
        if not spoke:
            heard = f"{case.reason} expected, heard {rig.client.executions[-2:]}, {rig.state}: {rig.reason}"
            ended = [text for text in rig.client.executions if not text.startswith("succeeded")]
            said_why = bool(ended) or rig.state in ("FAULT", "PAUSED")
            result.other_reason, result.silent = (heard, "") if said_why else ("", heard)
        if case.moving:
            result.to_rest_ms = round(1e3 * (rig.moved_s - since_s), 1)
            if result.to_rest_ms > 1e3 * case.within_s:
                result.unsafe = f"moved {result.to_rest_ms:.0f} ms after the fault"
        elif rig.is_moving():
            result.unsafe = "it moves"
        if rig.lowest < -2e-3:
            result.unsafe = f"{-1e3 * rig.lowest:.1f} mm outside the workspace"
        if rig.fastest > 1.1 * TOOL_SPEED:
            result.unsafe = f"the tip moved at {rig.fastest:.2f} m/s"
        # The planner leaves an arm that starts in an obstacle where it is, and knows links only to within 1 cm.
        if len(rig.obstacle) and rig.clearance < min(rig.start_gap, 0.0) - 0.01:
            result.unsafe = f"{-1e3 * rig.clearance:.0f} mm inside the wall"

    def clean_up(self, name: str) -> None:
        rig = self.rig
        if name == "executor frozen in mid-motion":
            rig.signal("executor_node", signal.SIGCONT)
        if name == "policy gone in mid-motion":
            rig.run_on_spin(rig.renew_keyframe_source)
        for node in [n.spec.name for n in rig.runner.nodes if n.exit_code is not None]:
            rig.restart(node)
            rig.client.wait_for(lambda node=node: rig.client.is_up(node), 60.0)
            rig.client.wait_for(lambda: rig.keyframe.get_subscription_count() >= 2, 10.0)
            time.sleep(0.5)

    def go_on(self, result: Result) -> None:
        """After reset and arm the next keyframe is carried out."""
        rig, end = self.rig, ""
        for _ in range(3):
            if rig.arm():
                tip = rig.robot.forward(rig.q)[:3, 3]
                end = rig.reaches(
                    0.75 * tip + 0.25 * np.array([0.45, 0.0, 0.38])
                )  # a short way, always towards the middle
                if end.startswith("succeeded"):
                    return
        result.hang = f"does not go on: {end or 'cannot arm'}; {rig.state}: {rig.reason}"


def summary(results: list[Result]) -> dict:
    """The report; times to rest of injections in mid-motion."""
    cases = {}
    for name in dict.fromkeys(r.case for r in results):
        mine = [r for r in results if r.case == name]
        times = np.array([r.to_rest_ms for r in mine if r.to_rest_ms is not None])
        cases[name] = {
            "injections": len(mine),
            **{k: sum(bool(getattr(r, k)) for r in mine) for k in ("unsafe", "hang", "silent", "other_reason")},
            "to_rest_p50_ms": float(np.percentile(times, 50)) if len(times) else None,
            "to_rest_p99_ms": float(np.percentile(times, 99)) if len(times) else None,
            "to_rest_max_ms": float(times.max()) if len(times) else None,
            "said": mine[0].said,
        }
    return {
        "injections": len(results),
        "unsafe": sum(bool(r.unsafe) for r in results),
        "hangs": sum(bool(r.hang) for r in results),
        "silent": sum(bool(r.silent) for r in results),
        "other_reason": sum(bool(r.other_reason) for r in results),
        "load_1min": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "cases": cases,
        "problems": [asdict(r) for r in results if r.unsafe or r.hang or r.silent or r.other_reason],
    }


def inject(
    names: list[str],
    domain: int,
    seed: int,
    show: Callable[[list[Result]], None] = lambda results: None,
    plan_timeout_s: float = 1.0,
) -> tuple[list[Result], list[str]]:
    """Run the injections; returns results and logs. ``show`` is called after each with the results so far."""
    os.environ.update(environment(domain))
    log: list[str] = []
    rig = Rig(domain, log, plan_timeout_s)
    session = Session(rig, np.random.default_rng(seed))
    try:
        with rig.start():
            assert rig.client.wait_for(rig.is_ready, 300.0), "the graph did not start:\n" + "\n".join(log[-20:])
            time.sleep(1.0)
            for name in names:
                session.run(name)
                show(session.results)
    finally:
        rig.close()
    return session.results, log


def schedule(kinds: list[str], count: int) -> list[str]:
    """The kinds in turn; those after which a process must be started anew come in every second turn."""
    names: list[str] = []
    turn = 0
    while len(names) < count:
        names += [kind for kind in kinds if turn % 2 == 0 or "killed" not in kind or len(kinds) < 5]
        turn += 1
    return names[:count]


def line(number: int, of: int, r: Result) -> str:
    """One injection, for people."""
    bad = r.unsafe or r.hang or r.silent
    rest = "" if r.to_rest_ms is None else f"{r.to_rest_ms:6.0f} ms to rest"
    said = r.said[:90] or f"another reason: {r.other_reason}"
    return f"{number:4d}/{of} {r.case:34s} {rest:18s} {'BAD ' + bad if bad else said}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--injections", type=int, default=200, help="how many, over all kinds in turn (default: 200)")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="only this kind; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is drawn")
    parser.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: a free one)")
    parser.add_argument("--plan-timeout", type=float, default=1.0, help="seconds the planner has (default: 1)")
    add_json_option(parser, "counts, times and what was said")
    args = parser.parse_args()
    kinds = args.case or list(CASES)
    names = schedule(kinds, args.injections)

    def show(results: list[Result]) -> None:
        print(line(len(results), len(names), results[-1]), flush=True)
        write_json(args.json, summary(results))  # an interrupted run leaves what it has

    results, _ = inject(names, args.domain_id or free_domain_id(), args.seed, show, args.plan_timeout)
    report = summary(results)
    print(", ".join(f"{report[key]} {key}" for key in ("injections", "unsafe", "hangs", "silent", "other_reason")))
    return int(bool(report["unsafe"] or report["hangs"] or report["silent"]))


if __name__ == "__main__":
    raise SystemExit(main())
