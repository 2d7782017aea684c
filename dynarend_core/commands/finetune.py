"""``dynarend finetune``: demonstrations in, a policy folder out."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from dynarend_core.commands.training_options import add_training_options, training_settings

DESCRIPTION = """\
Train a policy on a demonstration store.

Logs go to OUT/metrics.jsonl and OUT/tensorboard, the state for --resume to OUT/state, and the policy to OUT/policy
(safetensors, config.json, CARD.md). With --time-limit-minutes the learning rate anneals to the end of that time.
Several GPUs: torchrun --nproc-per-node 4 -m dynarend_core.commands finetune --data ... --out ... --preset base"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "finetune",
        help="train a policy on demonstrations",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training_options(p)
    p.add_argument("--validation-data", type=Path, help="held-out store (default: the last 5 %% of the episodes)")
    p.add_argument(
        "--initial-policy",
        "--from",
        type=Path,
        help="policy folder to start from, for instance RUN/policy of `dynarend pretrain`",
    )
    p.add_argument("--json", type=Path, help="write the outcome here")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train."""
    from dynarend_core.commands.finetune_display import FinetuneDisplay
    from dynarend_core.training.finetune import Finetune, FinetuneConfig, report_json

    preset, loop = training_settings(args)
    config = FinetuneConfig(
        data=args.data,
        out=args.out,
        preset_name=args.preset,
        preset=preset,
        loop=loop,
        validation_data=args.validation_data,
        initial_policy=args.initial_policy,
        resume=args.resume,
    )
    with FinetuneDisplay(preset.training.steps) as display:
        report = Finetune(config, display.on_step, display.on_data, display.on_validation).execute()
    if int(os.environ.get("RANK", "0")) > 0:
        return 0
    print(f"{report.steps} steps in {report.seconds / 60:.1f} min ({report.samples_per_s:.1f} samples/s)")
    print(f"policy: {report.policy}")
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(report_json(report))
    return 0
