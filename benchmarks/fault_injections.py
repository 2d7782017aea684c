"""Faults injected into the simulator as the robot: does the arm stop or refuse, is the reason said, does it go on?

python benchmarks/fault_injections.py --json docs/results/safety.json             # 300 injections, about an hour
python benchmarks/fault_injections.py --json docs/results/safety.json --loaded    # again, with all cores kept busy
python benchmarks/fault_injections.py --injections 46                             # every kind once

Counts, for every kind: unsafe (the arm moved when it should rest, too fast, out of the workspace, into the wall), hangs
(no answer, or no keyframe carried out after reset and arm), silent (no reason was published). Apart from these, how
often the arm refused or stopped, and said so, for another reason than the injected one. Every injection is written as
it ends; started again, the run goes on (``--fresh``: from the beginning).
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from injection_cases import CASES as FAULTS
from injection_cases import ENDED, Case
from injection_rig import TOOL_SPEED, Rig
from injection_starts import STARTS

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import environment

CASES = FAULTS | STARTS
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
    holds: list[list[int]] = field(default_factory=list)  # when the arm was told to stop, how far ahead [ms]
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
        rig.heard.clear()
        rig.holds.clear()
        rig.mark()
        for kind, text in (case.inject(rig, self.rng) or {}).items():
            setattr(result, kind, text)
        self.watch(result, case, rig.since_s)
        self.clean_up(name)
        self.go_on(result)
        return result

    def prepare(self, case: Case) -> bool:
        if case.arrange is not None:
            case.arrange(self.rig)
        for _ in range(3):
            if not case.armed:
                return self.rig.disarm()
            if self.rig.can_arm() and not self.rig.arm():
                continue
            self.side = 1 - self.side
            if not case.moving or self.rig.set_off(GOALS[self.side]):
                return True
        return False

    def watch(self, result: Result, case: Case, since_s: float) -> None:
        rig, said = self.rig, ""

        def is_said() -> bool:
            nonlocal said
            texts = [*rig.client.executions, *rig.ends(), *rig.heard]
            texts += [] if rig.state in ("ARMED", "RUNNING") else [f"{rig.state}: {rig.reason}"]
            said = next((t for t in texts for wanted in case.reason if wanted in t), "")
            return bool(said)

        spoke = not case.reason or rig.client.wait_for(is_said, max(case.within_s, 8.0))
        limit_s = max(since_s + case.within_s - time.monotonic(), 0.0)
        rig.client.wait_for(lambda: not rig.is_moving(), limit_s)
        if case.moving:
            time.sleep(WATCH_S)  # what stopped must not begin again
        for text in rig.client.executions:
            if any(text.startswith(forbidden) for forbidden in case.never):
                result.unsafe = f"the keyframe {text}"
        if case.still and rig.moved_s > since_s:
            result.unsafe = "it moved"
        result.said, result.holds = said, [*rig.holds[:20]]
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
            rig.client.run_on_spin(rig.renew_keyframe_source)
        if name.startswith("SIG"):
            for node in rig.standard.values():
                if node.spec.name in ENDED[name.split(" of ")[1].removesuffix(" in mid-motion")]:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        node.process.wait(10.0)
        rig.restore()

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
        "results": [asdict(r) for r in results],
        "problems": [asdict(r) for r in results if r.unsafe or r.hang or r.silent or r.other_reason],
    }


def inject(
    names: list[str],
    domain: int,
    seed: int,
    show: Callable[[list[Result]], None] = lambda results: None,
    plan_timeout_s: float = 1.0,
    before: list[Result] | None = None,
) -> tuple[list[Result], list[str]]:
    """Run the injections; returns results (those of ``before`` first) and logs. ``show`` is called after each."""
    os.environ.update(environment(domain))
    log: list[str] = []
    rig = Rig(domain, log, plan_timeout_s)
    session = Session(rig, np.random.default_rng([seed, len(before or [])]), results=before or [])
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


SLOW = ("killed", "executor ", "second ", "SIG", "step", "run ", "gripper action", "arm topic", "without confirm")


def schedule(kinds: list[str], count: int) -> list[str]:
    """The kinds in turn; those for which processes must be started anew come in every second turn."""
    names: list[str] = []
    turn = 0
    while len(names) < count:
        slow = [kind for kind in kinds if any(word in kind for word in SLOW)]
        names += [kind for kind in kinds if turn % 2 == 0 or kind not in slow or len(kinds) < 5]
        turn += 1
    return names[:count]


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute; they end with this one, however it ends."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    burners = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(processes)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def line(number: int, of: int, r: Result) -> str:
    """One injection, for people."""
    bad = r.unsafe or r.hang or r.silent
    rest = "" if r.to_rest_ms is None else f"{r.to_rest_ms:6.0f} ms to rest"
    said = r.said[:90] or f"another reason: {r.other_reason}"
    return f"{number:4d}/{of} {r.case:34s} {rest:18s} {'BAD ' + bad if bad else said}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--injections", type=int, default=300, help="how many, over all kinds in turn (default: 300)")
    parser.add_argument("--case", action="append", choices=sorted(CASES), help="only this kind; repeatable")
    parser.add_argument("--seed", type=int, default=0, help="seed of what is drawn")
    parser.add_argument("--domain-id", type=int, help="ROS_DOMAIN_ID (default: a free one)")
    parser.add_argument("--plan-timeout", type=float, help="seconds the planner has (default: 1; loaded: 3)")
    parser.add_argument("--loaded", action="store_true", help="keep all cores busy; reported under `loaded`")
    parser.add_argument("--fresh", action="store_true", help="from the beginning, whatever the report holds")
    parser.add_argument("--log", type=Path, help="write what the nodes said here")
    add_json_option(parser, "counts, times and what was said")
    args = parser.parse_args()
    names = schedule(args.case or list(CASES), args.injections)
    report = {} if args.json is None or not args.json.exists() else json.loads(args.json.read_text())
    if args.fresh:
        report = {"loaded": report["loaded"]} if "loaded" in report and not args.loaded else report
    old = report.get("loaded", {}) if args.loaded else report
    before = [] if args.fresh else [Result(**r) for r in old.get("results", [])]
    if [r.case for r in before] != names[: len(before)]:
        parser.error(f"{args.json} holds other injections; give --fresh to begin anew")

    def show(results: list[Result]) -> None:
        print(line(len(results), len(names), results[-1]), flush=True)
        mine = summary(results)  # an interrupted run leaves what it has
        report.update({"loaded": mine} if args.loaded else mine)
        write_json(args.json, report)

    with busy((os.cpu_count() or 1) if args.loaded else 0):
        domain = args.domain_id or free_domain_id()
        plan_timeout_s = args.plan_timeout or (3.0 if args.loaded else 1.0)
        results, log = inject(names[len(before) :], domain, args.seed, show, plan_timeout_s, before)
    if args.log:
        args.log.write_text("\n".join(log))
    mine = summary(results)
    print(", ".join(f"{mine[key]} {key}" for key in ("injections", "unsafe", "hangs", "silent", "other_reason")))
    return int(bool(mine["unsafe"] or mine["hangs"] or mine["silent"]))


if __name__ == "__main__":
    raise SystemExit(main())
