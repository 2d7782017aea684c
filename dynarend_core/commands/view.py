"""``dynarend view``: what a policy foresees in a recorded demonstration, beside what came."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_core.commands.episode_option import add_episode_option, episode_name, load_steps
from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.commands.predict import DEFAULT_CAMERAS, load_policy
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from dynarend_core.evaluation.foresight_review import ReviewedStep

DESCRIPTION = """\
Show what a policy foresees. One picture a keyframe: the input views; the scene rendered as it is; rendered as it will
be at the next keyframe, before anything moved; what really came; the difference; depths; the foreseen change beside the
one that came; semantics where the renderer has them; and the cloud with the value map.

The score is the foreseen change's squared error over that of expecting nothing: 0 as foreseen; 1 no better; far more:
nothing came although something was foreseen. `unchanged` is the error of the last image taken for the next one.
The policy's folder must hold a renderer (`dynarend pretrain` writes one).

examples:
  dynarend view --policy runs/p/policy --episode data/val/open_drawer/episode_000000.npz
  dynarend view --policy runs/p/policy --episode data/val:push_buttons:3 --step 2 --out runs/step.png
  dynarend view --policy runs/p/policy --episode data/val:push_buttons:3 --web        a page with a slider over steps
  dynarend view --policy runs/p/policy --episode .../episode0 --camera overhead --json runs/view.json"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "view",
        help="show what a policy foresees, beside what came",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_episode_option(p)
    p.add_argument("--policy", type=Path, required=True, help="policy folder with a renderer")
    p.add_argument("--cameras", default=DEFAULT_CAMERAS, help=f"given to the policy (default: {DEFAULT_CAMERAS})")
    p.add_argument("--camera", help="rendered and compared, given or not (default: the first that stands still)")
    p.add_argument("--instruction", help="words to use instead of the episode's own")
    p.add_argument("--step", type=int, help="only this keyframe, from 1 (default: all)")
    p.add_argument(
        "--out", type=Path, help="picture, `_stepN` added when there are several (default: runs/view/EPISODE.png)"
    )
    p.add_argument("--device", default="cpu", help="where the network runs (default: cpu)")
    p.add_argument("--web", action="store_true", help="then serve a page to this machine, until Ctrl-C")
    p.add_argument("--port", type=int, default=8765, help="of that page; 0 takes a free one (default: 8765)")
    add_json_option(p, "errors of every keyframe: rendered now, rendered future, unchanged, score")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look ahead at each keyframe, draw, print, and serve the page if asked."""
    from rich.console import Console

    from dynarend_core.commands.view_server import serve, site
    from dynarend_core.evaluation.foresight_review import review
    from dynarend_core.foresight import Foresight

    renderer = Foresight.renderer_of(args.policy)  # cheap, and the likeliest thing to be missing
    cameras = tuple(filter(None, args.cameras.split(",")))
    steps = load_steps(args.episode, None, args.instruction)
    if args.step is not None and not 1 <= args.step <= len(steps):
        raise ConfigurationError(f"--step {args.step}: {args.episode} has keyframes 1 to {len(steps)}")
    foresight = Foresight(load_policy(args.policy, args.device), renderer)
    reviewed = list(review(foresight, steps, cameras, args.camera))
    chosen = [r for r in reviewed if args.step in (None, r.number)]
    pictures = _save_pictures(chosen, foresight.policy.aabb, args)
    console = Console()
    console.print(_table(chosen, f'{episode_name(args.episode)}: "{steps[0].observation.instruction}"'))
    console.print("\n".join(str(p) for p in pictures), highlight=False)
    write_json(args.json, _as_json(chosen, pictures, args))
    if args.web:
        serve(
            site(chosen, foresight.policy.aabb),
            args.port,
            lambda url: console.print(f"{url} (Ctrl-C ends it)", highlight=False),
        )
    return 0


def _save_pictures(steps: list[ReviewedStep], aabb_base: np.ndarray, args: argparse.Namespace) -> list[Path]:
    import cv2

    from dynarend_core.evaluation.foresight_panels import sheet

    out = args.out or Path("runs/view") / f"{episode_name(args.episode)}.png"
    if out.suffix.lower() not in (".png", ".jpg"):
        raise ConfigurationError(f"--out {out} must end in .png or .jpg")
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures = [out if len(steps) == 1 else out.with_stem(f"{out.stem}_step{s.number}") for s in steps]
    for picture, step in zip(pictures, steps, strict=True):
        cv2.imwrite(str(picture), sheet(step, aabb_base)[..., ::-1])
    return pictures


def _table(steps: list[ReviewedStep], title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    caption = (
        f"camera {steps[0].before.name}; surfaces in the workspace; score: 0 as foreseen, 1 no better than nothing"
    )
    table = Table(title=escape(title), caption=caption)
    for name in ("#", "now", "future", "unchanged", "score"):
        table.add_column(name, justify="right", no_wrap=True)
    for s in steps:
        errors = (f"{e.psnr_db:.1f} dB {e.depth_cm:5.1f} cm" for e in (s.now, s.then, s.unchanged))
        table.add_row(str(s.number), *errors, f"{s.prediction_error.score:.2f}")
    return table


def _as_json(steps: list[ReviewedStep], pictures: list[Path], args: argparse.Namespace) -> dict[str, Any]:
    keyframes = [
        {
            "step": s.number,
            "observed_frame": s.step.observed_frame,
            "frame": s.step.frame,
            "now": dataclasses.asdict(s.now),
            "future": dataclasses.asdict(s.then),
            "unchanged": dataclasses.asdict(s.unchanged),
            "score": s.prediction_error.score,
            "picture": str(picture),
        }
        for s, picture in zip(steps, pictures, strict=True)
    ]
    return {
        "episode": str(args.episode),
        "policy": str(args.policy),
        "instruction": steps[0].step.observation.instruction,
        "camera": steps[0].before.name,
        "given": [v.name for v in steps[0].step.observation.views],
        "keyframes": keyframes,
    }
