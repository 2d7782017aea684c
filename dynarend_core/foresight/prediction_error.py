"""Did what was foreseen come? A number that grows when a step failed.

Renderings are blurred, so a rendered future differs from the next image even when all went well. What is compared is
therefore the change: rendered future minus rendered present against next image minus last image. The blur that both
renderings share drops out. The error of the foreseen change is divided by the error of expecting no change at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.foresight.picture import Picture
from dynarend_core.foresight.picture_errors import picture_errors, workspace_pixels
from dynarend_core.types import CameraView

Array = np.ndarray

NOISE = 0.02
"""A change of colour of this root mean square (1 = black to white) is as good as none."""

NO_BETTER = 1.0
"""From this score on, expecting that nothing happens would have been the better prediction."""


@dataclass(frozen=True)
class PredictionError:
    """The rendered future against the next image.

    Attributes:
        psnr_db: Of the rendered future's colours [dB].
        depth_cm: Median depth error of the rendered future [cm].
        score: Squared error of the foreseen change over that of expecting none. 0: exactly that came. 1: no better
            than expecting nothing. More: something else came; far more: nothing came although a change was foreseen.
    """

    psnr_db: float
    depth_cm: float
    score: float


def prediction_error(
    present: Picture, future: Picture, before: CameraView, after: CameraView, aabb_base: Array
) -> PredictionError:
    """Compare what was foreseen at ``before`` with what one camera saw before and after the action.

    Args:
        present: The scene as it was, rendered from the camera at any size.
        future: The scene at the next keyframe, rendered likewise; the images are resized to it.
        before: Image of a camera before the action.
        after: Image of the same camera, at the same place, after it.
        aabb_base: Workspace ``(2, 3)`` [m]; only surfaces in it count.

    Raises:
        InvalidInputError: The camera moved or changed, or sees nothing of the workspace.
    """
    same_place = np.allclose(before.T_base_camera, after.T_base_camera, atol=1e-3)
    if before.depth_m.shape != after.depth_m.shape or not same_place:
        raise InvalidInputError(f"camera {after.name!r} moved between the images; choose one that stands still")
    width = future.depth_m.shape[1]
    errors = picture_errors(future, after, aabb_base)
    pixels = workspace_pixels(before, aabb_base, width) | workspace_pixels(after, aabb_base, width)
    came = change(Picture.of(before, width), Picture.of(after, width))
    score = change_score(change(present, future)[pixels], came[pixels])
    return PredictionError(errors.psnr_db, errors.depth_cm, score)


def change(first: Picture, second: Picture) -> Array:
    """``(h, w, 3)`` change of colour, 1 = black to white."""
    return (second.rgb.astype(np.float64) - first.rgb) / 255.0


def change_score(expected: Array, came: Array) -> float:
    """Score of two changes of colour of any equal shape; see :class:`PredictionError`."""
    return float(np.mean((expected - came) ** 2) / (np.mean(came**2) + NOISE**2))
