"""Compose the README's pictures from what `make demo` wrote: python scripts/update_docs_images.py [runs/demo]."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

WIDTH = 1200


def read(path: Path) -> np.ndarray:
    """A picture as ``(h, w, 3)`` BGR."""
    image = cv2.imread(str(path))
    if image is None:
        sys.exit(f"{path} is missing; run `make demo` first")
    return image


def fit_width(image: np.ndarray, width: int) -> np.ndarray:
    """The picture scaled to ``width`` pixels."""
    height = round(image.shape[0] * width / image.shape[1])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Stack the filmstrips; put the first keyframes of the four tasks in a two-by-two sheet."""
    demo = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
    out = Path(__file__).resolve().parents[1] / "docs" / "images"
    out.mkdir(parents=True, exist_ok=True)
    strips = [read(path) for path in sorted(demo.glob("*_filmstrip.png"))]
    widest = max(strip.shape[1] for strip in strips)
    strips = [np.pad(strip, ((0, 0), (0, widest - strip.shape[1]), (0, 0)), mode="edge") for strip in strips]
    cv2.imwrite(str(out / "demo.png"), fit_width(np.vstack(strips), WIDTH))
    maps = [fit_width(read(path), WIDTH // 2) for path in sorted(demo.glob("*_keyframe1.png"))]
    rows = [np.hstack(maps[i : i + 2]) for i in range(0, len(maps) - 1, 2)]
    cv2.imwrite(str(out / "value_maps.png"), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
