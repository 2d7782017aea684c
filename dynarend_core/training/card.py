"""The CARD.md beside a policy: what it was trained on and how it measured, in words."""

from __future__ import annotations

from typing import Any

import numpy as np

from dynarend_core.networks.checkpoint import CheckpointInfo


def lineage(info: CheckpointInfo) -> list[dict[str, Any]]:
    """The runs behind a policy, its own first: steps, pretraining steps and minutes of each, as far as it says."""
    own = {k: info.training[k] for k in ("steps", "pretraining_steps", "minutes") if k in info.training}
    return [own, *info.training.get("started_from", [])]


def card_text(info: CheckpointInfo) -> str:
    """Markdown for people who find the folder."""
    t = info.training
    episodes = ", ".join(f"{name} ({count})" for name, count in t["episodes"].items())
    low, high = np.round(np.asarray(info.aabb_base), 3).tolist()
    lines = [
        f"# DynaRend policy, preset `{info.preset}`",
        "",
        "Next-keyframe policy: coloured point cloud, instruction and gripper state in; gripper pose, gripper command",
        "and collision flag out. Load it with `Policy.from_checkpoint(folder)`.",
        "",
        f"- Workspace: {low} to {high} m in the robot's base frame; clouds of {info.voxel_m * 1000:.0f} mm voxels.",
        f"- Language: {info.language_model}, frozen. Colours and phrasings near those of the training data.",
        f"- Demonstrations (episodes): {episodes}.",
        f"- Training: {t['steps']} steps, {t['samples']} samples, {t['minutes']} minutes, seed {t['seed']}.",
    ]
    lines += [f"- Started from a {_run_text(run)}." for run in t.get("started_from", [])]
    if t["validation"]:
        lines += [
            "",
            "## Held-out demonstrations, open loop",
            "",
            "Not a success rate: how far predicted keyframes are from demonstrated ones. Step -1 is all steps.",
            "",
            "| task | step | arm displaced | frames | position cm (median / p90) | rotation deg (median / p90) | "
            "gripper | collision flag |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for r in t["validation"]:
            p, a = r["position_cm"], r["rotation_deg"]
            lines.append(
                f"| {r['task']} | {r['step']} | {'yes' if r['displaced'] else 'no'} | {r['frames']} | "
                f"{p[0]:.2f} / {p[1]:.2f} | {a[0]:.1f} / {a[1]:.1f} | {r['gripper']:.0%} | {r['collision']:.0%} |"
            )
    return "\n".join(lines) + "\n"


def _run_text(run: dict[str, Any]) -> str:
    kind = (
        f"policy of {run['steps']}" if "steps" in run else f"network pretrained for {run.get('pretraining_steps', 0)}"
    )
    return f"{kind} steps" + (f", {run['minutes']} minutes" if "minutes" in run else "")


def pretraining_card_text(info: CheckpointInfo) -> str:
    """Markdown for a folder that holds a pretrained network, which is no policy yet."""
    t = info.training
    episodes = ", ".join(f"{name} ({count})" for name, count in t["episodes"].items())
    lines = [
        f"# DynaRend network, preset `{info.preset}`, pretrained by rendering",
        "",
        "Not a policy: its action heads are untrained. Start from it with `dynarend finetune --from <folder>`.",
        "",
        f"- Demonstrations (episodes): {episodes}.",
        f"- Pretraining: {t['pretraining_steps']} steps, {t['minutes']} minutes, seed {t['seed']}.",
    ]
    for r in t["rendering"]:
        lines.append(
            f"- {r['when']}, {r['source']}, camera {r['camera']}: PSNR {r['psnr_db']:.2f} dB, "
            f"depth {r['depth_cm']:.2f} cm (median), {r['scenes']} scenes."
        )
    return "\n".join(lines) + "\n"
