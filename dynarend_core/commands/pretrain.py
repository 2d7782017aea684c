"""``dynarend pretrain``: demonstrations in, a network that can render the present and the next keyframe out."""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.commands.training_options import add_training_options, training_settings

if TYPE_CHECKING:
    from dynarend_core.training.presets import RenderingConfig

TERMS = ("rgb", "depth", "semantic", "naming", "finding", "now", "future")

DESCRIPTION = """\
Pretrain a network by rendering: with part of its tokens hidden it must render what the cameras see now, and what
they will see at the next keyframe.

Logs go to OUT/metrics.jsonl and OUT/tensorboard, pictures to OUT/rendering.png, the state for --resume to OUT/state,
and the network to OUT/policy. Its action heads are untrained: go on with `dynarend finetune --from OUT/policy`.
A weight of 0 switches a term off. --held-out-camera measures views the renderer was never trained on.

examples:
  dynarend pretrain --data data/train --validation-data data/val --out runs/p --time-limit-minutes 40
  dynarend pretrain --data data/train --out runs/q --future-weight 0      reconstruction without prediction
  dynarend pretrain --data data/train --out runs/r --fit-renderer models/policies/small   only a renderer, to look at
  dynarend finetune --data data/train --out runs/b --from runs/p/policy"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "pretrain",
        help="pretrain a network by rendering present and future",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_training_options(p)
    p.add_argument("--validation-data", type=Path, help="held-out store to render (default: scenes of --data)")
    p.add_argument("--held-out-camera", help="leave this camera out of the targets, and render it for validation")
    for name in TERMS:
        p.add_argument(f"--{name}-weight", type=float, help=f"weight of the {name} loss (default: the preset's)")
    p.add_argument(
        "--semantics", default="auto",
        help="semantic targets: auto (object names where the store has them), names, none, or the name of features "
        "made by `dynarend features` (default: %(default)s)",
    )  # fmt: skip
    p.add_argument(
        "--target-views",
        action=argparse.BooleanOptionalAction,
        help="require the store's extra views, or leave them out (default: use them where there are some)",
    )
    p.add_argument(
        "--fit-renderer", type=Path, metavar="POLICY",
        help="leave this finished policy as it is and only fit a renderer to it, to see what it foresees",
    )  # fmt: skip
    p.add_argument("--rays", type=int, help="rays a sample and time (default: the preset's)")
    p.add_argument("--mask-ratio", type=float, nargs=2, metavar=("LOW", "HIGH"), help="share of hidden tokens")
    add_json_option(p, "steps, time and how well held-out scenes are rendered")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Pretrain."""
    from dynarend_core.commands.finetune_display import FinetuneDisplay
    from dynarend_core.training.pretrain import Pretrain
    from dynarend_core.training.pretrain_config import PretrainConfig

    preset, loop = training_settings(args)
    config = PretrainConfig(
        data=args.data,
        out=args.out,
        preset_name=args.preset,
        preset=dataclasses.replace(preset, rendering=_rendering(args, preset.rendering)),
        loop=loop,
        validation_data=args.validation_data,
        held_out_camera=args.held_out_camera,
        demonstrations=args.demonstrations,
        semantics=args.semantics,
        target_views=args.target_views,
        frozen_policy=args.fit_renderer,
        resume=args.resume,
    )
    losses = ("now_rgb", "now_depth", "now_semantic", "naming", "finding", "future_rgb", "future_depth")
    with FinetuneDisplay(preset.training.steps, losses) as display:
        report = Pretrain(config, display.on_step, display.on_data, display.on_rendering).execute()
    if int(os.environ.get("RANK", "0")) > 0:
        return 0
    print(f"{report.steps} steps in {report.seconds / 60:.1f} min ({report.rays_per_s:.0f} rays/s in this session)")
    print(f"network: {report.policy}, pictures: {report.picture}")
    write_json(args.json, dataclasses.asdict(report))
    return 0


def _rendering(args: argparse.Namespace, chosen: RenderingConfig) -> RenderingConfig:
    """The preset's rendering with the given weights, rays and mask."""
    given = {name: getattr(args, f"{name}_weight") for name in TERMS}
    weights = dataclasses.replace(chosen.weights, **{k: v for k, v in given.items() if v is not None})
    rays = chosen.rays if args.rays is None else args.rays
    mask = chosen.mask_ratio if args.mask_ratio is None else tuple(args.mask_ratio)
    return dataclasses.replace(chosen, weights=weights, rays=rays, mask_ratio=mask)
