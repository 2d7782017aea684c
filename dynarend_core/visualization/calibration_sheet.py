"""A calibration session at a glance: every view with its corners, and where the calibration expects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.types import Array
from dynarend_core.visualization.filmstrip import filmstrip

FOUND_COLOR, EXPECTED_COLOR, REFUSED_COLOR = (90, 220, 120), (255, 60, 200), (230, 80, 60)
_MAGNIFIED = 20.0


@dataclass(frozen=True)
class ViewPicture:
    """What is drawn of one view.

    Attributes:
        rgb: ``(h, w, 3)`` uint8.
        found: ``(n, 2)`` corners that were found [px]; empty for a refused view.
        expected: ``(n, 2)`` where calibration and reported hand pose put them [px].
        caption: First line white, the rest grey.
        refused: Marked red.
    """

    rgb: Array
    found: Array
    expected: Array
    caption: str
    refused: bool = False


def calibration_sheet(views: Sequence[ViewPicture], title: str, ok: bool) -> Array:
    """Contact sheet ``(h, w, 3)`` uint8 RGB; errors are drawn twenty times enlarged, as lines from found corners."""
    return filmstrip(
        [_draw(view) for view in views],
        [view.caption for view in views],
        title=title,
        success=ok,
        outcome="usable" if ok else "refused",
        columns=5,
        frame_width=300,
    )


def _draw(view: ViewPicture) -> Array:
    picture = np.ascontiguousarray(view.rgb)
    if view.refused:
        cv2.rectangle(picture, (0, 0), (picture.shape[1] - 1, picture.shape[0] - 1), REFUSED_COLOR, 12)
        return picture
    for found, expected in zip(view.found, view.expected, strict=True):
        start, end = found - 0.5, found - 0.5 + _MAGNIFIED * (expected - found)
        ends = [tuple(round(16 * float(v)) for v in point) for point in (start, end)]
        cv2.line(picture, *ends, EXPECTED_COLOR, 5, cv2.LINE_AA, 4)
        cv2.circle(picture, ends[0], 16 * 5, FOUND_COLOR, -1, cv2.LINE_AA, 4)
    return picture
