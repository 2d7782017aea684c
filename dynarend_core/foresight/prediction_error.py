"""Did what was foreseen come? A number that grows when a step failed.

Renderings are blurred, so a rendered future differs from the next image even when all went well. What is compared is
therefore the change: rendered future minus rendered present against next image minus last image, and the difference
of the two is divided by the sizes of both. The blur that both renderings share drops out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.foresight.foreseen import Foreseen
from dynarend_core.foresight.picture import Picture
from dynarend_core.foresight.picture_errors import picture_errors, workspace_pixels
from dynarend_core.types import CameraView
from dynarend_core.visualization.splat import Viewpoint

Array = np.ndarray

NOISE = 0.01
"""Changes of colour of this root mean square (1 = black to white) count as none."""


@dataclass(frozen=True)
class PredictionError:
    """The rendered future against the next image.

    Attributes:
        psnr_db: Of the rendered future's colours [dB].
        depth_cm: Median depth error of the rendered future [cm].
        score: 0: exactly the foreseen change came. 1: nothing changed although a change was foreseen, the other way
            round, or two changes that have nothing in common. 2: the opposite came. Near 0 when a still scene was
            foreseen and came.
    """

    psnr_db: float
    depth_cm: float
    score: float


def prediction_error(
    foreseen: Foreseen, before: CameraView, after: CameraView, aabb_base: Array, width: int | None = None
) -> PredictionError:
    """Compare what was foreseen at ``before`` with what one camera saw before and after the action.

    Args:
        foreseen: The latents at ``before``.
        before: Image of a camera before the action.
        after: Image of the same camera, at the same place, after it.
        aabb_base: Workspace ``(2, 3)`` [m]; only surfaces in it count.
        width: Width of the compared pictures [px]; None compares at full size.

    Raises:
        InvalidInputError: The camera moved or changed, or sees nothing of the workspace.
    """
    if before.depth_m.shape != after.depth_m.shape or not np.allclose(
        before.T_base_camera, after.T_base_camera, atol=1e-3
    ):
        raise InvalidInputError(f"camera {after.name!r} moved between the images; choose one that stands still")
    where = Viewpoint.of(after, width)
    future = foreseen.future(where)
    errors = picture_errors(future, after, aabb_base)
    pixels = workspace_pixels(before, aabb_base, width) & workspace_pixels(after, aabb_base, width)
    expected = _change(foreseen.present(where), future, pixels)
    came = _change(Picture.of(before, width), Picture.of(after, width), pixels)
    return PredictionError(errors.psnr_db, errors.depth_cm, change_score(expected, came))


def change_score(expected: Array, came: Array) -> float:
    """Disagreement of two changes of colour, of any equal shape, in ``[0, 2]``; see :class:`PredictionError`."""
    if expected.size == 0:
        return 0.0
    sizes = np.mean(expected**2) + np.mean(came**2)
    return float(np.mean((expected - came) ** 2) / (sizes + NOISE**2))


def _change(first: Picture, second: Picture, pixels: Array) -> Array:
    return (second.rgb[pixels].astype(np.float64) - first.rgb[pixels]) / 255.0
