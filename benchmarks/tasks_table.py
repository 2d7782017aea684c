"""Write docs/results/tasks.md: success over the eighteen tasks and under the Colosseum's perturbations.

    dynarend evaluate --policy POLICY --suite rlbench18 --repeats 5 --out runs/rlbench18 --json runs/rlbench18.json
    dynarend evaluate --policy POLICY --suite rlbench18 --executor perfect --repeats 5 --json runs/perfect.json
    dynarend evaluate --policy POLICY --suite colosseum --out runs/colosseum --json runs/colosseum.json
    python -m benchmarks.tasks_table --rlbench18 runs/rlbench18.json --perfect runs/perfect.json \\
        --colosseum runs/colosseum.json --out docs/results/tasks.md

Only numbers of the files are written, each table with the command that made its file. What stands below the line
"<!-- by hand -->" of the written file is kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

HAND = "<!-- by hand -->"
WEAK = 0.20
HEAD = """# Success over the tasks

In our MuJoCo scenes, with seeds that training never saw: **not RLBench results**. Intervals are Wilson's, 95 %, over
all episodes of a row; ± is the standard deviation over repeats, each with other scenes. Made by
`python -m benchmarks.tasks_table`; causes of failure: [evaluation](../evaluation.md#causes-of-failure).
"""

Report = dict[str, Any]


def main() -> None:
    """Read the reports and write the page."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rlbench18", type=Path, required=True, metavar="FILE", help="evaluate's JSON of that suite")
    p.add_argument("--perfect", type=Path, metavar="FILE", help="the same with --executor perfect: one column more")
    p.add_argument("--colosseum", type=Path, metavar="FILE", help="evaluate's JSON of that suite")
    p.add_argument("--out", type=Path, default=Path("docs/results/tasks.md"), help="the page (default: %(default)s)")
    args = p.parse_args()
    usual = _read(p, args.rlbench18, "executor", "planner")
    perfect = _read(p, args.perfect, "executor", "perfect") if args.perfect else None
    if perfect and perfect["settings"]["fingerprint"] != usual["settings"]["fingerprint"]:
        p.error("--rlbench18 and --perfect are of different policies")
    text = HEAD + tasks_section(usual, perfect)
    if args.colosseum:
        text += perturbations_section(_read(p, args.colosseum, "suite", "colosseum"))
    old = args.out.read_text(encoding="utf-8") if args.out.is_file() else ""
    hand = old.partition(HAND)[2]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(f"{text}\n{HAND}{hand or chr(10)}", encoding="utf-8")


def _read(parser: argparse.ArgumentParser, path: Path, setting: str, value: str) -> Report:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        found = report["settings"][setting]
    except (OSError, ValueError, KeyError) as error:
        parser.error(f"{path} is no report of `dynarend evaluate --json` ({type(error).__name__}: {error})")
    if found != value:
        parser.error(f"{path}: {setting} is {found!r}, it must be {value!r}")
    return dict(report)


def tasks_section(report: Report, perfect: Report | None) -> str:
    """The table of tasks, what made it, and which tasks are weak and why."""
    extra = ("perfect executor | ", "---|") if perfect else ("", "")
    lines = [
        f"\n## Tasks\n\n{_made_by(report)}\n",
        f"| task | solved | success | 95 % interval | {extra[0]}untrained phrasing | keyframes | failures by cause |",
        f"|---|---|---|---|{extra[1]}---|---|---|",
    ]
    for name, task in report["tasks"].items():
        rate = task["successes"] / task["episodes"]
        cells = [name, _of(task), _percent(rate) + _spread(task["repeats"]), _interval(task)]
        if perfect:
            other = perfect["tasks"].get(name)
            cells.append(_percent(other["successes"] / other["episodes"]) if other else "-")
        keyframes = task["keyframes_mean"]
        cells += [_of(task["held_out_phrasing"]), "-" if keyframes is None else f"{keyframes:.1f}"]
        lines.append(_row([*cells, _causes(task["failures"])]))
    mean = [f"**{_percent(report['mean_success'])}**{_spread(report['repeats'])}", _interval(report)]
    mean += [f"**{_percent(perfect['mean_success'])}**"] if perfect else []
    mean += [_of(report["held_out_phrasing"]), "", _causes(report["failures"])]
    lines.append(_row(["**mean**", "", *mean]))
    if perfect:
        lines.append(f"\nPerfect executor: `{perfect['command']}`. {_pairs(report, perfect)}")
    return "\n".join([*lines, _weak(report), ""])


def _pairs(report: Report, perfect: Report) -> str:
    """How many scenes only one of the two solves."""
    planned, placed = (
        {(e["task"], e["variation"], e["seed"]): e["success"] for e in r["episodes"]} for r in (report, perfect)
    )
    both = planned.keys() & placed.keys()
    only_placed = sum(placed[key] and not planned[key] for key in both)
    only_planned = sum(planned[key] and not placed[key] for key in both)
    failed = sum(not planned[key] for key in both)
    return (
        f"Of {failed} scenes that fail with the planner it solves {only_placed}; it fails in {only_planned} that the "
        "planner solves."
    )


def perturbations_section(report: Report) -> str:
    """The table of perturbations and what made it."""
    lines = [
        f"\n## Perturbations\n\n{_made_by(report)}\n",
        "| perturbation | tasks | solved | success | 95 % interval | points against none | failures by cause |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in report["perturbations"].items():
        change = "-" if name == "none" or row["change_points"] is None else f"{row['change_points']:+.1f}"
        rate = _percent(row["mean_success"])
        cells = [name, str(len(row["tasks"])), _of(row), rate, _interval(row), change, _causes(row["failures"])]
        lines.append(_row(cells))
    note = "Success is the mean over the tasks that a perturbation applies to, the change that against the same tasks"
    return "\n".join([*lines, f"\n{note} undisturbed.", ""])


def _made_by(report: Report) -> str:
    s = report["settings"]
    repeats = f", {s['repeats']} repeats" if s["repeats"] > 1 else ""
    asked = f"Policy `{s['policy']}`, {len(s['tasks'])} tasks, {s['episodes']} episodes a task{repeats}"
    count, seconds = len(report["episodes"]), sum(episode["wall_s"] for episode in report["episodes"])
    return f"{asked}: `{report['command']}`. {count} episodes took {seconds / 60:.0f} minutes of one process."


def _weak(report: Report) -> str:
    tasks = {name: t for name, t in report["tasks"].items() if t["successes"] < WEAK * t["episodes"]}
    if not tasks:
        return f"\nNo task lies below {WEAK:.0%}."
    words = (f"{name} ({_causes(task['failures'])})" for name, task in tasks.items())
    return f"\nBelow {WEAK:.0%}: {'; '.join(words)}."


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _of(tally: dict[str, Any]) -> str:
    return f"{tally['successes']} / {tally['episodes']}" if tally["episodes"] else "-"


def _interval(row: dict[str, Any]) -> str:
    return f"{100 * row['wilson_low']:.0f} to {100 * row['wilson_high']:.0f} %"


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _spread(repeats: dict[str, Any]) -> str:
    return "" if repeats["std"] is None else f" ± {100 * repeats['std']:.1f}"


def _causes(failures: dict[str, int]) -> str:
    return ", ".join(f"{cause} {count}" for cause, count in failures.items()) or "-"


if __name__ == "__main__":
    main()
