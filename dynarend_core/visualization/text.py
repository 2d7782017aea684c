"""Text and panels on pictures, with the DejaVu fonts that come with matplotlib."""

from __future__ import annotations

import functools
import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Array = np.ndarray
Color = tuple[int, int, int]

INK: Color = (236, 240, 244)
MUTED: Color = (150, 160, 172)
PANEL: Color = (18, 22, 28)
SUCCESS: Color = (64, 190, 110)
FAILURE: Color = (226, 84, 76)


@functools.lru_cache(maxsize=32)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans at ``size`` pixels."""
    import matplotlib  # here, because importing it takes longer than drawing a picture

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


class TextLayer:
    """Draws text and swatches on a copy of an image; ``image`` returns the result."""

    def __init__(self, image: Array) -> None:
        self._image = Image.fromarray(np.ascontiguousarray(image, dtype=np.uint8))
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def panel(self, x0: int, y0: int, x1: int, y1: int, alpha: int = 190) -> None:
        """Translucent dark rectangle behind text."""
        self._draw.rounded_rectangle((x0, y0, x1, y1), radius=8, fill=(*PANEL, alpha))

    def text(self, x: int, y: int, words: str, size: int = 15, color: Color = INK, bold: bool = False) -> int:
        """Write one line with its top left corner at (x, y); returns its width [px]."""
        self._draw.text((x, y), words, font=font(size, bold), fill=color)
        return text_width(words, size, bold)

    def swatch(self, x: int, y: int, color: Color, outline_only: bool = False, size: int = 14) -> None:
        """Small coloured square of a legend."""
        box = (x, y, x + size, y + size)
        if outline_only:
            self._draw.rounded_rectangle(box, radius=3, outline=color, width=2)
        else:
            self._draw.rounded_rectangle(box, radius=3, fill=color)

    def bar(self, x0: int, y0: int, x1: int, y1: int, color: Color) -> None:
        """Filled rectangle."""
        self._draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=color)

    def paste(self, x: int, y: int, patch: Array) -> None:
        """Copy an image patch."""
        self._image.paste(Image.fromarray(np.ascontiguousarray(patch, dtype=np.uint8)), (x, y))

    def image(self) -> Array:
        """``(h, w, 3)`` uint8."""
        return np.array(self._image)


def text_width(words: str, size: int, bold: bool = False) -> int:
    """Width of a line [px]."""
    return int(np.ceil(font(size, bold).getlength(words)))


def wrap(words: str, width_px: int, size: int, bold: bool = False) -> list[str]:
    """Break a text into lines that fit ``width_px``; its own line breaks stay."""
    if "\n" in words:
        return [line for part in words.splitlines() for line in wrap(part, width_px, size, bold)]
    average = max(text_width(words, size, bold) / max(len(words), 1), 1.0)
    columns = max(int(width_px / average), 4)
    lines = textwrap.wrap(words, columns)
    while columns > 4 and any(text_width(line, size, bold) > width_px for line in lines):
        columns -= 1
        lines = textwrap.wrap(words, columns)
    return lines or [""]
