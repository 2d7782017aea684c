"""What pretraining gives: success with and without it, and without each of its parts.

    python benchmarks/pretraining_table.py                                     every row (hours); repeat it to go on
    python benchmarks/pretraining_table.py --rows "without depth" --demonstrations 10      one row

Each row is `dynarend pretrain`, `dynarend finetune --from` and `dynarend evaluate`; --dry-run prints their options.
Pretraining sees all recordings of the store, without their actions; fine-tuning the first N demonstrations of a task.
A stage whose result is there already is not run again. The table goes to docs/results/pretraining.{md,json}, which keep
the rows of other calls. Data: `dynarend collect --target-views 4`, made where it is missing.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from dynarend_core.evaluation.statistics import wilson_interval

TASKS = "push_buttons,open_drawer,slide_block_to_color_target,meat_off_grill"
ROWS: dict[str, list[str] | None] = {
    "full": [],
    "without pretraining": None,
    "without prediction": ["--future-weight", "0"],
    "without reconstruction": ["--now-weight", "0"],
    "without rgb": ["--rgb-weight", "0"],
    "without depth": ["--depth-weight", "0"],
    "without semantics": ["--semantic-weight", "0"],
    "without target views": ["--no-target-views"],
    "without naming": ["--naming-weight", "0"],
    "without finding": ["--finding-weight", "0"],
}
PRETRAINING = ["--batch-size", "8", "--steps", "2400", "--yaw-deg", "20"]
FINE_TUNING = ["--batch-size", "16", "--yaw-deg", "20"]
STEPS = {10: 600, 100: 1200}
"""Of fine-tuning, by the number of demonstrations a task."""
EPISODES = 25
RECORDINGS = 110
"""A task; ten more than the largest row needs, for the expert fails some scenes."""
MARKDOWN, JSON = Path("docs/results/pretraining.md"), Path("docs/results/pretraining.json")
HEAD = """# What pretraining gives

Success in our MuJoCo simulator on the four tasks {tasks}:
25 unseen episodes a task (seeds from 100000), preset `small`, {seeds}. Pretraining: 2400 steps of 8 samples of
{recordings} recordings a task, without their actions (what cameras see now and at the next keyframe; words; names);
fine-tuning: {steps} on the demonstrations named in the row.
The interval is Wilson's over all episodes of a row: it holds the luck of the episodes, not that of the training seed.

| demonstrations a task | row | success | 95 % interval | episodes | by task |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    demonstrations: int
    seeds: int
    mean_success: float
    wilson_low: float
    wilson_high: float
    episodes: int
    tasks: dict[str, float]
    command: str
    recipe: str = ""


def main() -> None:
    """Run the chosen rows and write the table."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rows", help=f"comma-separated, of: {', '.join(ROWS)} (default: all)")
    p.add_argument(
        "--demonstrations", type=int, nargs="+", choices=STEPS, default=list(STEPS), help="a task (default: both)"
    )
    p.add_argument("--seeds", type=int, default=1, help="training seeds, from 0 (default: %(default)s)")
    p.add_argument("--data", type=Path, default=Path("data/pretraining"), help="store (default: %(default)s)")
    p.add_argument("--out", type=Path, default=Path("runs/pretraining"), help="runs (default: %(default)s)")
    p.add_argument("--workers", type=int, default=2, help="processes of collect and evaluate (default: %(default)s)")
    p.add_argument("--json", type=Path, default=JSON, help="table for programs (default: %(default)s)")
    p.add_argument("--markdown", type=Path, default=MARKDOWN, help="table for people (default: %(default)s)")
    p.add_argument("--dry-run", action="store_true", help="only print the commands")
    args = p.parse_args()
    names = args.rows.split(",") if args.rows else list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        p.error(f"unknown row {unknown[0]!r}; choose from {', '.join(ROWS)}")
    if not args.dry_run:
        _run(["collect", "--out", str(args.data), "--tasks", TASKS, "--episodes", str(RECORDINGS),
              "--target-views", "4", "--workers", str(args.workers)])  # fmt: skip
    for demonstrations in args.demonstrations:
        for name in names:
            reports = [_row(name, demonstrations, seed, args) for seed in range(args.seeds)]
            if not args.dry_run:
                _write(_summary(name, demonstrations, reports), args.json, args.markdown)


def _row(name: str, demonstrations: int, seed: int, args: argparse.Namespace) -> dict:
    """Pretrain (once for all numbers of demonstrations), fine-tune and evaluate; the evaluation's report."""
    folder = args.out / f"{name.replace(' ', '_')}-{seed}"
    for words, result in _stages(name, demonstrations, seed, folder, args):
        if args.dry_run:
            print("dynarend", shlex.join(words))
            continue
        made_by, options = result.with_suffix(".command"), shlex.join(words).replace(f" --workers {args.workers}", "")
        if made_by.exists() and made_by.read_text() != options:
            raise SystemExit(
                f"{result.with_suffix('')} was made by other options ({made_by}): move it away, or use --out"
            )
        made_by.parent.mkdir(parents=True, exist_ok=True)
        made_by.write_text(options)
        if not result.exists():
            resume = ["--resume"] if (result.with_suffix("") / "state").exists() else []
            _run([*words, *resume])
    return {} if args.dry_run else json.loads((folder / f"evaluate-{demonstrations}.json").read_text())


def _stages(
    name: str, demonstrations: int, seed: int, folder: Path, args: argparse.Namespace
) -> Iterator[tuple[list[str], Path]]:
    """Each stage's words and the file that shows it is done."""
    common = ["--data", str(args.data), "--seed", str(seed), "--threads", "1"]
    options, start = ROWS[name], []
    if options is not None:
        out, done = folder / "pretrain", folder / "pretrain.json"
        yield ["pretrain", *common, *PRETRAINING, *options, "--out", str(out), "--json", str(done)], done
        start = ["--from", str(out / "policy")]
    out = folder / f"finetune-{demonstrations}"
    done = out.with_suffix(".json")
    few = ["--demonstrations", str(demonstrations), "--steps", str(STEPS[demonstrations])]
    yield ["finetune", *common, *few, *FINE_TUNING, *start, "--out", str(out), "--json", str(done)], done
    done = folder / f"evaluate-{demonstrations}.json"
    words = ["evaluate", "--policy", str(out / "policy"), "--episodes", str(EPISODES), "--workers", str(args.workers)]
    yield [*words, "--json", str(done)], done


def _run(words: list[str]) -> None:
    print("dynarend", shlex.join(words), flush=True)
    subprocess.run([sys.executable, "-m", "dynarend_core.commands", *words], check=True)


def _summary(name: str, demonstrations: int, reports: list[dict]) -> Row:
    tasks = {t: [r["tasks"][t] for r in reports] for t in reports[0]["tasks"]}
    successes, episodes = (sum(t[k] for r in reports for t in r["tasks"].values()) for k in ("successes", "episodes"))
    low, high = wilson_interval(successes, episodes)
    command = f'python benchmarks/pretraining_table.py --rows "{name}" --demonstrations {demonstrations}'
    command += f" --seeds {len(reports)}" if len(reports) > 1 else ""
    shares = {t: sum(r["successes"] for r in rs) / sum(r["episodes"] for r in rs) for t, rs in tasks.items()}
    return Row(
        name,
        demonstrations,
        len(reports),
        successes / episodes,
        low,
        high,
        episodes,
        shares,
        command,
        _recipe(name, demonstrations),
    )


def _recipe(name: str, demonstrations: int) -> str:
    """What a row is made with: only rows of today's recipe stand together."""
    options = ROWS[name]
    pretraining = [] if options is None else [f"{RECORDINGS} recordings", *PRETRAINING, *options]
    return " ".join([*pretraining, *FINE_TUNING, f"{STEPS[demonstrations]} steps", f"{EPISODES} episodes"])


def _write(row: Row, json_path: Path, markdown_path: Path) -> None:
    """Put the row in its place among those that stand; rows made by another recipe go."""
    rows = [Row(**r) for r in json.loads(json_path.read_text())["rows"]] if json_path.is_file() else []
    rows = [
        r
        for r in rows
        if r.name in ROWS
        and r.recipe == _recipe(r.name, r.demonstrations)
        and (r.name, r.demonstrations) != (row.name, row.demonstrations)
    ]
    rows.append(row)
    rows.sort(key=lambda r: (r.demonstrations, list(ROWS).index(r.name)))
    json_path.parent.mkdir(parents=True, exist_ok=True)
    json_path.write_text(json.dumps({"rows": [asdict(r) for r in rows]}, indent=2) + "\n")
    seeds = "one training seed" if max(r.seeds for r in rows) == 1 else "training seeds as given"
    steps = " and ".join(f"{count} steps of 16 for {n}" for n, count in STEPS.items())
    text = HEAD.format(steps=steps, tasks=TASKS.replace(",", ", "), seeds=seeds, recordings=RECORDINGS)
    for r in rows:
        by_task = ", ".join(f"{name.split('_')[0]} {share:.0%}" for name, share in r.tasks.items())
        interval = f"{r.wilson_low:.0%} to {r.wilson_high:.0%}"
        text += f"| {r.demonstrations} | {r.name} | {r.mean_success:.1%} | {interval} | {r.episodes} | {by_task} |\n"
    commands = "\n".join(f"    {r.command}" for r in rows)
    text += f"\nCommands, one a row:\n\n{commands}\n"
    done = {(r.name, r.demonstrations) for r in rows}
    if missing := [f"{name} ({n})" for n in STEPS for name in ROWS if (name, n) not in done]:
        text += "\nNot run yet (demonstrations a task): " + ", ".join(missing) + ".\n"
    text += "\nWhat it means: [pretraining](../pretraining.md#what-it-gives-a-policy).\n"
    markdown_path.write_text(text)


if __name__ == "__main__":
    main()
