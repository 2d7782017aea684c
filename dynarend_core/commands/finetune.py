"""``dynarend finetune``: demonstrations in, a policy folder out."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from dynarend_core.training.finetune import FinetuneConfig

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
    p.add_argument("--data", type=Path, required=True, help="demonstration store (see `dynarend collect`)")
    p.add_argument("--out", type=Path, required=True, help="run folder")
    p.add_argument("--preset", default="small", help="debug, small, base or paper (default: small)")
    p.add_argument("--steps", type=int, help="optimiser steps (default: the preset's)")
    p.add_argument("--batch-size", type=int, help="samples a step, over all processes (default: the preset's)")
    p.add_argument("--learning-rate", type=float, help="peak learning rate (default: the preset's)")
    p.add_argument("--yaw-deg", type=float, help="largest turn of the augmentation (default: the preset's)")
    p.add_argument("--seed", type=int, default=0, help="seed of weights, data order and augmentation (default: 0)")
    p.add_argument(
        "--threads", type=int, help="CPU threads of the network (default: torch's); only cores that are free"
    )
    p.add_argument("--workers", type=int, help="threads that prepare batches (default: 0 on CPU, 8 on a GPU)")
    p.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="auto takes a GPU if there is one")
    p.add_argument("--fp32", action="store_true", help="compute in float32 (default: bfloat16 where it is safe)")
    p.add_argument("--resume", action="store_true", help="go on from OUT/state")
    p.add_argument("--time-limit-minutes", type=float, help="anneal and stop after this much training time")
    p.add_argument("--validation-data", type=Path, help="held-out store (default: the last 5 %% of the episodes)")
    p.add_argument("--initial-policy", type=Path, help="policy folder to start from")
    add_json_option(p, "steps, time, losses and the final validation")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train."""
    import torch

    from dynarend_core.commands.finetune_display import FinetuneDisplay
    from dynarend_core.training.finetune import Finetune

    if args.threads is not None and args.threads < 1:
        raise ConfigurationError(f"--threads must be at least 1, got {args.threads}")
    if not args.resume and (args.out / "state").exists():
        raise ConfigurationError(f"{args.out} holds a run already: go on with --resume, or choose another --out")
    config = _config(args)
    torch.set_flush_denormal(True)  # exponentials of far-away cells are denormal numbers, which are slow
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    with FinetuneDisplay(config.loop.training.steps) as display:
        report = Finetune(config, display.on_step, display.on_data, display.on_validation).execute()
    if int(os.environ.get("RANK", "0")) > 0:
        return 0
    print(f"{report.steps} steps in {report.seconds / 60:.1f} min ({report.samples_per_s:.1f} samples/s)")
    print(f"policy: {report.policy}")
    write_json(args.json, dataclasses.asdict(report))
    return 0


def _config(args: argparse.Namespace) -> FinetuneConfig:
    """The run that the options describe: the preset's settings, changed where an option is given."""
    import torch

    from dynarend_core.training.finetune import FinetuneConfig
    from dynarend_core.training.loop import LoopConfig
    from dynarend_core.training.presets import preset

    chosen = preset(args.preset)
    given = {name: getattr(args, name) for name in ("steps", "batch_size", "learning_rate", "yaw_deg")}
    training = dataclasses.replace(chosen.training, **{k: v for k, v in given.items() if v is not None})
    device = args.device if args.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: no CUDA device is available; use --device cpu")
    workers = args.workers if args.workers is not None else (8 if device == "cuda" else 0)
    limit = None if args.time_limit_minutes is None else 60.0 * args.time_limit_minutes
    return FinetuneConfig(
        data=args.data,
        out=args.out,
        preset_name=args.preset,
        preset=dataclasses.replace(chosen, training=training),
        loop=LoopConfig(training, args.seed, device, not args.fp32, limit, workers),
        validation_data=args.validation_data,
        initial_policy=args.initial_policy,
        resume=args.resume,
    )
