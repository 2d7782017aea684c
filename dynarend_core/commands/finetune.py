"""``dynarend finetune``: demonstrations in, a policy folder out."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.commands.training_options import add_training_options, training_settings

DESCRIPTION = """\
Train a policy on a demonstration store.

Clouds are fused once and kept in DATA/.clouds. Logs go to OUT/metrics.jsonl and OUT/tensorboard, the state for
--resume to OUT/state (every three minutes), and the policy to OUT/policy (safetensors, config.json, CARD.md). Held-out
frames are predicted every five minutes and at the end; that is no success rate: see `dynarend evaluate`.
With --time-limit-minutes the learning rate anneals to the end of that time.

examples:
  dynarend finetune --data data/train --out runs/a --preset debug --time-limit-minutes 5    does it learn at all?
  dynarend finetune --data data/train --validation-data data/val --out runs/b --time-limit-minutes 40
  dynarend finetune --data data/train --out runs/b --time-limit-minutes 40 --resume         go on after an interruption
  torchrun --nproc-per-node 4 -m dynarend_core.commands finetune --data data/train --out runs/c --preset base"""


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
        help="policy folder to start from, for instance OUT/policy of `dynarend pretrain`",
    )
    _add_lessons(p)
    add_json_option(p, "steps, time, losses and the final validation")
    p.set_defaults(run=run)


def _add_lessons(p: argparse.ArgumentParser) -> None:
    """Add what is taught beside the actions."""
    p.add_argument(
        "--naming",
        action="store_true",
        help="also learn to find every named object in view; wants the object masks of `dynarend collect`",
    )
    p.add_argument(
        "--naming-late",
        action="store_true",
        help="also learn to tell named places in view apart (left tap, right tap); wants object masks and --late-match",
    )
    p.add_argument(
        "--paired",
        action="store_true",
        help="scenes whose demonstration knows the answers to other instructions come twice in a batch, under two",
    )
    _add_draws(p)


def _add_draws(p: argparse.ArgumentParser) -> None:
    """Add the average of the weights and what is drawn more often."""
    p.add_argument(
        "--average",
        type=float,
        metavar="SHARE",
        help="keep an average of the weights, which becomes the policy: its share at each step, for instance 0.999",
    )
    p.add_argument(
        "--focus-from",
        type=float,
        metavar="SHARE",
        help="from this share of the run on draw more often the keyframes that the network gets wrong then (0.5: half)",
    )
    p.add_argument(
        "--origin-weights",
        type=float,
        nargs=3,
        default=(1.0, 1.0, 1.0),
        metavar=("PLAIN", "RECOVERY", "POLICY"),
        help="how often demonstrations of each origin are drawn (default: all alike)",
    )
    p.add_argument("--plain-only", action="store_true", help="train on plain demonstrations only")
    p.add_argument(
        "--focus",
        action="store_true",
        help="with --from: draw more often the keyframes that this policy gets wrong (shares in OUT/focus.json)",
    )


def run(args: argparse.Namespace) -> int:
    """Train."""
    from dynarend_core.commands.finetune_display import FinetuneDisplay
    from dynarend_core.training.finetune import Finetune
    from dynarend_core.training.finetune_config import FinetuneConfig

    preset, loop = training_settings(args)
    config = FinetuneConfig(
        data=args.data,
        out=args.out,
        preset_name=args.preset,
        preset=preset,
        loop=loop,
        validation_data=args.validation_data,
        demonstrations=args.demonstrations,
        initial_policy=args.initial_policy,
        naming=args.naming,
        naming_late=args.naming_late,
        paired=args.paired,
        focus=args.focus,
        focus_from=args.focus_from,
        origin_weights=(1.0, 0.0, 0.0) if args.plain_only else tuple(args.origin_weights),
        resume=args.resume,
    )
    with FinetuneDisplay(loop.training.steps) as display:
        report = Finetune(config, display.on_step, display.on_data, display.on_validation).execute()
    if int(os.environ.get("RANK", "0")) > 0:
        return 0
    print(f"{report.steps} steps in {report.seconds / 60:.1f} min ({report.samples_per_s:.1f} samples/s)")
    print(f"policy: {report.policy}")
    write_json(args.json, dataclasses.asdict(report))
    return 0
