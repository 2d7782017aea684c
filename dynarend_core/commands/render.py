"""``dynarend render``: how well a policy's renderer draws views it was not given, now and at the next keyframe."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from dynarend_core.commands.json_report import add_json_option, writable_file, write_json
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from dynarend_core.foresight.scenes import SceneSource

DESCRIPTION = """\
Render held-out scenes from a view that the network is not given, and compare with what a camera saw there: PSNR and
depth error (median and mean) of the present, of the next keyframe, and of the pixels that changed between the two.
In the same run, on the same pixels (those whose surface lies in the workspace), pictures that need no network: the
nearest input view warped to the new one (warp), the input cloud drawn as discs (splat), the mean colour and median
depth (constant), and for the future the true present view (copy).

--data takes a store of `dynarend collect`: its target views, or --camera, which is left out of the input cloud.
--rlbench takes recorded RLBench episodes: the overhead camera, rendered from the others.
The policy's folder must hold a renderer; `dynarend pretrain` writes one.

examples:
  dynarend render --policy runs/p/policy --data data/val --camera left_shoulder --picture runs/render.png
  dynarend render --policy runs/p/policy --rlbench data/open_drawer --json runs/render.json"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "render",
        help="measure rendered views of held-out scenes against simple baselines",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("--policy", type=Path, required=True, help="policy folder with a renderer")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="store of held-out demonstrations")
    source.add_argument("--rlbench", type=Path, help="folder with recorded RLBench episodes below it")
    p.add_argument("--camera", help="camera to leave out and render (default: target views, else the first camera)")
    p.add_argument("--scenes", type=int, default=6, help="scenes a task (default: 6)")
    p.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="where the network runs (default: cpu)")
    p.add_argument("--threads", type=int, help="CPU threads (default: torch's); only cores that are free")
    p.add_argument("--picture", type=writable_file, metavar="FILE", help="save one scene a task as a picture here")
    add_json_option(p, "rows of errors: when, source, camera, scenes, psnr_db, depth_cm, depth_mean_cm")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Render, compare, print."""
    import cv2
    import torch
    from rich.console import Console

    from dynarend_core.commands.render_table import render_table
    from dynarend_core.foresight import Foresight
    from dynarend_core.training.render_validation import RenderValidation

    if args.scenes < 1 or (args.threads is not None and args.threads < 1):
        raise ConfigurationError(f"--scenes and --threads must be at least 1, got {args.scenes} and {args.threads}")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    if args.device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: no CUDA device is available; use --device cpu")
    console = Console()
    foresight = Foresight.from_policy(args.policy, args.device)
    with console.status("rendering") as status:
        validation = RenderValidation(
            _scenes(args), on_scene=lambda done: status.update(f"rendering: {done} scenes done")
        )
        reports, picture = validation.run(foresight, args.scenes)
    console.print(render_table(f"views the network was not given, {args.data or args.rlbench}", reports))
    if args.picture is not None:
        args.picture.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(args.picture), picture[..., ::-1])
        console.print(f"picture: {args.picture}", highlight=False)
    rows = [dataclasses.asdict(r) for r in reports]
    write_json(args.json, {"policy": str(args.policy), "data": str(args.data or args.rlbench), "rows": rows})
    return 0


def _scenes(args: argparse.Namespace) -> SceneSource:
    from dynarend_core.datasets.store import DemonstrationStore
    from dynarend_core.foresight.scenes import rlbench_scenes, stored_scenes

    if args.rlbench is not None:
        return functools.partial(rlbench_scenes, args.rlbench, args.camera)
    return functools.partial(stored_scenes, DemonstrationStore(args.data), args.camera)
