"""``dynarend predict``: what a policy would do in a recorded demonstration, beside what was done."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dynarend_core.commands.episode_option import add_episode_option, episode_name, load_steps
from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from dynarend_core.evaluation.demonstration import ComparedStep
    from dynarend_core.policy import Policy

DEFAULT_POLICY = Path("models/policies/small")
DEFAULT_CAMERAS = "front,left_shoulder,right_shoulder,wrist"

DESCRIPTION = """\
Ask a policy at every keyframe of a recorded demonstration and compare its answer with what was done.

The demonstration is a recorded RLBench episode (a folder with front_rgb, low_dim_obs.pkl, ...; its pickles are read
by a restricted reader) or an episode of `dynarend collect` (an .npz file, or STORE:TASK:ID). The policy sees the
cameras at the frame from which the robot set out: the start, then each previous keyframe. For every keyframe a picture
is saved: the fused cloud, the value map as glow, the predicted gripper (solid) and the demonstrated one (wireframe).

examples:
  dynarend predict --episode data/open_drawer/all_variations/episodes/episode0
  dynarend predict --episode data/train/open_drawer/episode_000000.npz --policy runs/a/policy
  dynarend predict --episode .../episode0 --instruction "open the bottom drawer" --json runs/predict.json"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "predict",
        help="compare a policy with a recorded demonstration, with pictures",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_episode_option(p)
    p.add_argument("--policy", type=Path, default=DEFAULT_POLICY, help=f"policy folder (default: {DEFAULT_POLICY})")
    p.add_argument("--cameras", default=DEFAULT_CAMERAS, help=f"comma-separated names (default: {DEFAULT_CAMERAS})")
    p.add_argument("--instruction", help="words to use instead of the episode's own")
    p.add_argument("--out", type=Path, default=Path("runs/predict"), help="pictures go here (default: runs/predict)")
    p.add_argument("--device", default="cpu", help="where the network runs (default: cpu)")
    add_json_option(p, "errors, predicted positions and picture files of every keyframe")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print, draw; returns 0 however far off the policy is."""
    from rich.console import Console

    from dynarend_core.evaluation.demonstration import compare

    steps = load_steps(args.episode, tuple(filter(None, args.cameras.split(","))), args.instruction)
    policy = load_policy(args.policy, args.device)
    compared = list(compare(policy, steps))
    instruction = steps[0].observation.instruction
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = [_save_picture(c, i, len(compared), args) for i, c in enumerate(compared)]
    console = Console()
    console.print(_table(compared, f'{episode_name(args.episode)}: "{instruction}"'))
    console.print(f"{len(pictures)} pictures in {args.out}", highlight=False)
    if args.json is not None:
        write_json(args.json, _as_json(compared, pictures, args))
    return 0


def load_policy(path: Path, device: str) -> Policy:
    """Load the policy; its libraries are imported only now, so that ``--help`` stays quick.

    Raises:
        CheckpointError: the folder is missing, damaged or does not fit.
        ConfigurationError: torch cannot use the device.
    """
    import torch

    from dynarend_core.policy import Policy

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:  # torch's words for unknown and for missing devices
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"--device {device} is not usable ({reason}); use --device cpu") from error
    return Policy.from_checkpoint(path, device)


def _save_picture(compared: ComparedStep, index: int, count: int, args: argparse.Namespace) -> Path:
    import cv2

    from dynarend_core.perception.fusion import fuse
    from dynarend_core.visualization import render_cloud_with_value_map

    step = compared.step
    image = render_cloud_with_value_map(
        fuse(step.observation.views),
        compared.prediction,
        step.keyframe.T_base_gripper,
        truth_open=step.keyframe.gripper_open,
        title=step.observation.instruction,
        caption=f"keyframe {index + 1} of {count}, seen at frame {step.observed_frame}\n"
        f"position error {compared.position_error_cm:.1f} cm, rotation error {compared.rotation_error_deg:.1f}°\n"
        f"gripper {'correct' if compared.gripper_correct else 'wrong'}, "
        f"confidence {compared.prediction.confidence:.2f}",
    )
    path = args.out / f"{episode_name(args.episode)}_keyframe{index + 1}.png"
    cv2.imwrite(str(path), image[..., ::-1])
    return path


def _table(compared: list[ComparedStep], title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=escape(title), caption="errors: predicted against demonstrated; x y z: predicted tip, base frame"
    )
    for name in ("#", "frame", "position", "rotation", "gripper", "contact", "x y z (m)"):
        table.add_column(name, justify="left" if name in ("gripper", "contact") else "right", no_wrap=True)
    for i, c in enumerate(compared):
        table.add_row(
            str(i + 1),
            str(c.step.frame),
            f"{c.position_error_cm:.1f} cm",
            f"{c.rotation_error_deg:.1f}°",
            _verdict(c.gripper_correct),
            _verdict(c.ignore_collisions_correct),
            " ".join(f"{v:.2f}" for v in c.prediction.keyframe.T_base_gripper[:3, 3]),
        )
    mean = _mean(compared)
    table.add_section()
    table.add_row("mean", "", f"{mean['position_error_cm']:.1f} cm", f"{mean['rotation_error_deg']:.1f}°")
    return table


def _verdict(correct: bool) -> str:
    return "[green]correct[/]" if correct else "[red]wrong[/]"


def _mean(compared: list[ComparedStep]) -> dict[str, float]:
    keys = ("position_error_cm", "rotation_error_deg", "gripper_correct")
    return {key: float(np.mean([getattr(c, key) for c in compared])) for key in keys}


def _as_json(compared: list[ComparedStep], pictures: list[Path], args: argparse.Namespace) -> dict[str, Any]:
    keyframes = [
        {
            "frame": c.step.frame,
            "observed_frame": c.step.observed_frame,
            "position_error_cm": c.position_error_cm,
            "rotation_error_deg": c.rotation_error_deg,
            "gripper_correct": c.gripper_correct,
            "ignore_collisions_correct": c.ignore_collisions_correct,
            "predicted_position_m": c.prediction.keyframe.T_base_gripper[:3, 3].tolist(),
            "demonstrated_position_m": c.step.keyframe.T_base_gripper[:3, 3].tolist(),
            "confidence": c.prediction.confidence,
            "latency_ms": 1e3 * c.prediction.latency_s,
            "picture": str(picture),
        }
        for c, picture in zip(compared, pictures, strict=True)
    ]
    return {
        "episode": str(args.episode),
        "policy": str(args.policy),
        "instruction": compared[0].step.observation.instruction,
        "cameras": [v.name for v in compared[0].step.observation.views],
        "keyframes": keyframes,
        "mean": _mean(compared),
    }
