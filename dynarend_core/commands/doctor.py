"""``dynarend doctor``: is this machine ready, and what to do where it is not."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_core.commands.finding import DoctorOptions, Finding, Level
from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

DESCRIPTION = """\
Look at everything that a robot cell with DynaRend needs, and say what to do where something is missing: GPU, OpenGL,
RealSense cameras (firmware, USB), age and quality of the calibrations, policy, language model, disk; and, where ROS is
installed, its packages, middleware and shared memory. If a graph runs in this ROS domain, it is listened to: what its
nodes report, how old images are, whether TF leads from the robot's base to each camera.

Each line is ok, warn (works, but look) or fail. The exit code is 1 if a line says fail.

examples:
  dynarend doctor
  dynarend doctor --policy models/policies/small --cameras config/cameras --listen 10 --json runs/doctor.json"""

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "doctor",
        help="check GPU, OpenGL, cameras, calibrations, policy, ROS; says what to do",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cameras, policy = Path("config/cameras"), Path("models/policies/small")
    p.add_argument("--cameras", type=Path, default=cameras, help=f"folder of camera files (default: {cameras})")
    p.add_argument("--policy", type=Path, default=policy, help=f"policy folder (default: {policy})")
    p.add_argument(
        "--listen", type=float, default=5.0, metavar="S", help="listen to a graph so long (default: 5); 0: not"
    )
    p.add_argument("--base-frame", default="panda_link0", help="the robot's base in TF (default: panda_link0)")
    p.add_argument("--only", default="", metavar="NAMES", help="comma-separated checks (default: all)")
    add_json_option(p, "all findings")
    p.set_defaults(run=run)


def load_checks() -> dict[str, Callable]:
    """All checks by name: the core's, then those that other packages add (entry-point group ``dynarend.doctor``)."""
    found = {ep.name: ep.load()() for ep in sorted(entry_points(group="dynarend.doctor"), key=lambda ep: ep.name)}
    return {name: check for group in found.values() for name, check in group.items()}


def examine(name: str, check: Callable, options: DoctorOptions) -> list[Finding]:
    """Findings of one check; one that breaks is a finding too."""
    findings: list[Finding] = []
    try:
        findings.extend(check(options))
    except Exception as error:  # whatever is broken on this machine must not hide the other lines
        remedy = f"the check {name!r} itself broke; please report it with `dynarend doctor --json FILE`"
        findings.append(Finding(f"{type(error).__name__}: {error}", Level.FAIL, remedy))
    return findings


def run(args: argparse.Namespace) -> int:
    """Run the checks, print a line for each finding, write JSON; 1 if something failed."""
    from rich.console import Console

    if args.listen < 0:
        raise ConfigurationError(f"--listen must be at least 0 s, got {args.listen}")
    checks = load_checks()
    chosen = [name.strip() for name in args.only.split(",")] if args.only else list(checks)
    if unknown := sorted(set(chosen) - set(checks)):
        raise ConfigurationError(f"--only: no check {unknown}; there are {', '.join(checks)}")
    options = DoctorOptions(args.cameras, args.policy, args.listen, args.base_frame)
    console = Console(highlight=False)
    report: list[dict[str, Any]] = []
    levels: list[Level] = []
    for name in chosen:
        start_s = time.monotonic()
        with console.status(name):
            findings = examine(name, checks[name], options)
        for finding in findings:
            _print(console, name, finding)
        levels += [finding.level for finding in findings]
        seconds = round(time.monotonic() - start_s, 2)
        report.append({"check": name, "seconds": seconds, "findings": [asdict(f) for f in findings]})
    counts = {level.value: levels.count(level) for level in Level}
    console.print(", ".join(f"{n} {level}" for level, n in counts.items()))
    write_json(args.json, {"counts": counts, "checks": report})
    return int(Level.FAIL in levels)


def _print(console: Console, name: str, finding: Finding) -> None:
    from rich.markup import escape

    colour = COLOURS[finding.level]
    console.print(f"[{colour}]{finding.level.value:4}[/] {name}: {escape(finding.words)}", soft_wrap=True)
    if finding.remedy and finding.level is not Level.OK:
        console.print(f"     -> {escape(finding.remedy)}", soft_wrap=True)
