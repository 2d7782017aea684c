"""The small pictures of one reviewed step, in rows, and the one large picture made of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.evaluation.foresight_review import ReviewedStep
from dynarend_core.foresight import NO_BETTER, Picture, workspace_pixels
from dynarend_core.foresight.prediction_error import change
from dynarend_core.perception.fusion import fuse
from dynarend_core.visualization import filmstrip, render_cloud_with_value_map
from dynarend_core.visualization.field_colors import (
    change_colors,
    depth_colors,
    depth_range,
    feature_colors,
    heat_colors,
)

Array = np.ndarray

_WORST_DIFFERENCE, _WORST_DEPTH_M = 0.5, 0.2
_FRAME_WIDTH = 176


@dataclass(frozen=True)
class Panel:
    """A captioned picture.

    Attributes:
        caption: What it shows; a second line may hold figures.
        rgb: ``(h, w, 3)`` uint8.
        depth_m: ``(h, w)`` depth of every pixel [m], where there is one; NaN where unknown.
    """

    caption: str
    rgb: Array
    depth_m: Array | None = None


Rows = dict[str, list[Panel]]


def panels(step: ReviewedStep, aabb_base: Array) -> Rows:
    """Title to panels: what the policy was given, colours, depths, changes, and semantics where there are any.

    Differences are black outside the workspace ``aabb_base`` ``(2, 3)`` [m]: they do not count.
    """
    before, after = Picture.of(step.before), Picture.of(step.after)
    given = [Panel(v.name, v.rgb, v.depth_m) for v in step.step.observation.views]
    counted = workspace_pixels(step.after, aabb_base)
    difference = np.abs(change(step.future, after)).mean(axis=-1) * counted
    colours = [
        Panel("now", before.rgb, before.depth_m),
        Panel(f"rendered now\n{step.now.psnr_db:.1f} dB", step.present.rgb, step.present.depth_m),
        Panel(f"rendered FUTURE\n{step.then.psnr_db:.1f} dB", step.future.rgb, step.future.depth_m),
        Panel(f"what came\nunchanged: {step.unchanged.psnr_db:.1f} dB", after.rgb, after.depth_m),
        Panel("FUTURE - what came\nyellow: half of white", heat_colors(difference, _WORST_DIFFERENCE)),
    ]
    rows = {
        "what the policy was given": given,
        f"camera {step.before.name}": colours,
        "depth": _depths(step, counted),
        "change since now": _changes(step, before, after),
    }
    features = step.present.semantic, step.future.semantic
    if features[0] is not None and features[1] is not None:
        now, then = feature_colors([features[0], features[1]])
        rows["semantics"] = [Panel("rendered now", now), Panel("rendered FUTURE", then)]
    return rows


def value_map_picture(step: ReviewedStep) -> Array:
    """The fused cloud with value map, predicted and demonstrated gripper."""
    demonstrated = step.step.keyframe
    return render_cloud_with_value_map(
        fuse(step.step.observation.views),
        step.prediction,
        demonstrated.T_base_gripper,
        truth_open=demonstrated.gripper_open,
        title=step.step.observation.instruction,
        caption=f"keyframe {step.number}, confidence {step.prediction.confidence:.2f}",
    )


def sheet(step: ReviewedStep, aabb_base: Array) -> Array:
    """Everything of one step in one picture ``(h, w, 3)`` uint8; differences inside the workspace ``(2, 3)`` [m]."""
    score = step.prediction_error.score
    verdict = f"{'as foreseen' if score < NO_BETTER else 'NOT as foreseen'}: score {score:.2f}"
    strips = []
    for number, (title, row) in enumerate(panels(step, aabb_base).items()):
        strip = filmstrip(
            [p.rgb for p in row],
            [p.caption for p in row],
            title=title,
            success=score < NO_BETTER if number == 1 else None,
            outcome=verdict if number == 1 else "",
            columns=len(row),
            frame_width=_FRAME_WIDTH,
        )
        strips.append(strip)
    column = _stack(strips)
    return _beside(column, value_map_picture(step))


def _depths(step: ReviewedStep, counted: Array) -> list[Panel]:
    scale = depth_range(step.before.depth_m)
    error = np.where(counted, np.abs(step.future.depth_m - step.after.depth_m), 0.0)
    words = (
        "now",
        f"rendered now\n{step.now.depth_cm:.1f} cm off",
        f"rendered FUTURE\n{step.then.depth_cm:.1f} cm off",
        f"what came\nunchanged: {step.unchanged.depth_cm:.1f} cm",
    )
    depths = (step.before.depth_m, step.present.depth_m, step.future.depth_m, step.after.depth_m)
    shown = [Panel(w, depth_colors(d, scale), d) for w, d in zip(words, depths, strict=True)]
    return [*shown, Panel("FUTURE - what came\nyellow: 20 cm", heat_colors(error, _WORST_DEPTH_M))]


def _changes(step: ReviewedStep, before: Picture, after: Picture) -> list[Panel]:
    shown = [
        Panel(f"foreseen\nscore {step.prediction_error.score:.2f}", change_colors(change(step.present, step.future))),
        Panel("came", change_colors(change(before, after))),
    ]
    for words, picture in (("opacity now", step.present), ("opacity FUTURE", step.future)):
        if picture.opacity is not None:
            shown.append(Panel(words, heat_colors(picture.opacity, 1.0)))
    return shown


def _stack(strips: list[Array]) -> Array:
    """One below the other, narrow ones widened with their own background."""
    width = max(s.shape[1] for s in strips)
    return np.vstack([_widened(s, width) for s in strips])


def _widened(strip: Array, width: int) -> Array:
    filled = np.broadcast_to(strip[-1, -1], (strip.shape[0], width - strip.shape[1], 3))
    return np.hstack([strip, filled])


def _beside(left: Array, right: Array) -> Array:
    """The right picture at the top, on the left one's background."""
    height = max(left.shape[0], right.shape[0])
    canvas = np.empty((height, left.shape[1] + right.shape[1], 3), np.uint8)
    canvas[:] = left[-1, -1]
    canvas[: left.shape[0], : left.shape[1]] = left
    canvas[: right.shape[0], left.shape[1] :] = right
    return canvas
