"""Options that `dynarend pretrain` and `dynarend finetune` share, and what they mean."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from dynarend_core.training.loop import LoopConfig
    from dynarend_core.training.presets import Preset


def add_training_options(p: argparse.ArgumentParser) -> None:
    """Add data, sizes, schedule and device."""
    p.add_argument("--data", type=Path, required=True, help="demonstration store (see `dynarend collect`)")
    p.add_argument("--out", type=Path, required=True, help="run folder")
    p.add_argument("--demonstrations", type=int, metavar="N", help="use only the first N of each task (default: all)")
    p.add_argument(
        "--preset", default="small", help="debug, small, tasks (small, for many tasks), base or paper (default: small)"
    )
    p.add_argument("--steps", type=int, help="optimiser steps (default: the preset's)")
    p.add_argument("--batch-size", type=int, help="samples a step, over all processes (default: the preset's)")
    p.add_argument("--learning-rate", type=float, help="peak learning rate (default: the preset's)")
    p.add_argument("--yaw-deg", type=float, help="largest turn of the augmentation (default: the preset's)")
    p.add_argument(
        "--late-match",
        action=argparse.BooleanOptionalAction,
        help="compare words also with features that have seen the whole scene, for relations (default: the preset's)",
    )
    p.add_argument("--seed", type=int, default=0, help="seed of weights, data order and augmentation (default: 0)")
    p.add_argument(
        "--threads", type=int, help="CPU threads of the network (default: torch's); only cores that are free"
    )
    p.add_argument("--workers", type=int, help="threads that prepare batches (default: 0 on CPU, 8 on a GPU)")
    p.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"], help="auto takes a GPU if there is one")
    p.add_argument(
        "--fp32",
        action="store_true",
        help="compute in float32 (default: bfloat16 where it is safe and the processor has it)",
    )
    p.add_argument("--resume", action="store_true", help="go on from OUT/state")
    p.add_argument("--time-limit-minutes", type=float, help="anneal and stop after this much training time")


def training_settings(args: argparse.Namespace) -> tuple[Preset, LoopConfig]:
    """The chosen preset with the given changes, and how the loop runs; sets this process's threads.

    Raises:
        ConfigurationError: An unknown preset, a value out of range, a GPU where there is none, or a run in ``--out``.
    """
    import torch

    from dynarend_core.training.loop import LoopConfig, bf16_pays
    from dynarend_core.training.presets import preset

    if args.threads is not None and args.threads < 1:
        raise ConfigurationError(f"--threads must be at least 1, got {args.threads}")
    if not args.resume and (args.out / "state").exists():
        raise ConfigurationError(f"{args.out} holds a run already: go on with --resume, or choose another --out")
    chosen = preset(args.preset)
    given = {name: getattr(args, name, None) for name in ("steps", "batch_size", "learning_rate", "yaw_deg", "average")}
    training = dataclasses.replace(chosen.training, **{k: v for k, v in given.items() if v is not None})
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    device = args.device if args.device != "auto" else ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: no CUDA device is available; use --device cpu")
    workers = args.workers if args.workers is not None else (8 if device == "cuda" else 0)
    limit = None if args.time_limit_minutes is None else 60.0 * args.time_limit_minutes
    loop = LoopConfig(training, args.seed, device, not args.fp32 and bf16_pays(device), limit, workers)
    network = chosen.network
    if args.late_match is not None:
        network = dataclasses.replace(network, coarse=dataclasses.replace(network.coarse, late_match=args.late_match))
    return dataclasses.replace(chosen, network=network, training=training), loop
