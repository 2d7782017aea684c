"""An episode as rows of captioned frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.visualization.text import FAILURE, INK, MUTED, SUCCESS, TextLayer, text_width, wrap

Array = np.ndarray

_BACKGROUND = (24, 29, 36)
_GAP = 10
_LINE = 19


def filmstrip(
    frames: Sequence[Array],
    captions: Sequence[str],
    *,
    title: str = "",
    success: bool | None = None,
    outcome: str = "",
    columns: int = 6,
    frame_width: int = 240,
) -> Array:
    """Frames in reading order, a caption below each, a title above, the outcome as a coloured bar.

    Args:
        frames: ``(h, w, 3)`` uint8 images of equal aspect.
        captions: One per frame; may be empty strings.
        title: Line above the frames.
        success: Colours the bar green or red; None leaves it out.
        outcome: Words at the right of the title; default ``success`` or ``failure``.
        columns: Frames a row at most.
        frame_width: Width of a drawn frame [px].

    Raises:
        InvalidInputError: no frames, or another number of captions.
    """
    if not frames or len(frames) != len(captions):
        raise InvalidInputError(
            f"a filmstrip needs one caption a frame, got {len(frames)} frames, {len(captions)} captions"
        )
    frame_height = round(frame_width * frames[0].shape[0] / frames[0].shape[1])
    texts = [wrap(c, frame_width - 4, 14) if c else [] for c in captions]
    columns = math.ceil(len(frames) / math.ceil(len(frames) / columns))  # rows of equal length
    rows = [range(i, min(i + columns, len(frames))) for i in range(0, len(frames), columns)]
    heights = [frame_height + 8 + _LINE * max(len(texts[i]) for i in row) for row in rows]
    header = 46 if title or success is not None else _GAP
    width = columns * (frame_width + _GAP) + _GAP
    canvas = np.full((header + sum(h + _GAP for h in heights), width, 3), _BACKGROUND, dtype=np.uint8)
    layer = TextLayer(canvas)
    _draw_header(layer, title, success, outcome, width)
    y = header
    for row, height in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            x = _GAP + column * (frame_width + _GAP)
            layer.paste(x, y, _resize(frames[i], frame_width, frame_height))
            for k, line in enumerate(texts[i]):
                layer.text(x + 2, y + frame_height + 5 + k * _LINE, line, 14, INK if k == 0 else MUTED)
        y += height + _GAP
    return layer.image()


def _draw_header(layer: TextLayer, title: str, success: bool | None, outcome: str, width: int) -> None:
    right = width - _GAP
    if success is not None:
        color, words = (SUCCESS, outcome or "success") if success else (FAILURE, outcome or "failure")
        layer.bar(0, 0, width, 5, color)
        right -= text_width(words, 17, bold=True)
        layer.text(right, 15, words, 17, color, bold=True)
    lines = wrap(title, max(right - 3 * _GAP, 40), 17, bold=True)
    shown = lines[0] + ("…" if len(lines) > 1 else "")
    layer.text(_GAP, 15, shown, 17, INK, bold=True)


def _resize(frame: Array, width: int, height: int) -> Array:
    method = cv2.INTER_CUBIC if frame.shape[1] < width else cv2.INTER_AREA
    return cv2.resize(frame, (width, height), interpolation=method)
