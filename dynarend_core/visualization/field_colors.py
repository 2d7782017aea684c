"""Colours for what has none: depth, differences, opacity, features."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Array = np.ndarray


def depth_range(depth_m: Array) -> tuple[float, float]:
    """Nearest and farthest depth worth telling apart [m]."""
    near, far = np.nanpercentile(depth_m, (1, 90))
    return float(near), float(far)


def depth_colors(depth_m: Array, near_far: tuple[float, float]) -> Array:
    """``(h, w, 3)`` uint8: near is red, far is blue, invalid counts as far."""
    near, far = near_far
    grey = np.clip((np.nan_to_num(depth_m, nan=far) - near) / max(far - near, 1e-3), 0, 1) * 255
    return cv2.applyColorMap(255 - grey.astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]


def heat_colors(values: Array, full: float) -> Array:
    """``(h, w, 3)`` uint8: black at 0 or where not finite, bright yellow from ``full`` on."""
    grey = np.clip(np.nan_to_num(values) / full, 0, 1) * 255
    return cv2.applyColorMap(grey.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]


def change_colors(change: Array) -> Array:
    """``(h, w, 3)`` uint8 of a change of colour in ``[-1, 1]``: grey where nothing changed, doubled to be seen."""
    return (np.clip(0.5 + change, 0, 1) * 255).astype(np.uint8)


def feature_colors(features: Sequence[Array]) -> list[Array]:
    """``(h, w, 3)`` uint8 of each ``(h, w, s)``: its three main directions, the same ones for all, so they compare."""
    flat = np.concatenate([f.reshape(-1, f.shape[-1]) for f in features]).astype(np.float64)
    centre = flat.mean(axis=0)
    axes = np.linalg.svd(np.cov((flat - centre).T, ddof=0).reshape(flat.shape[1], -1))[0][:, :3]
    shown = (flat - centre) @ axes
    shown = np.pad(shown, ((0, 0), (0, 3 - shown.shape[1])))
    low, high = np.percentile(shown, (2, 98), axis=0)
    colours = (np.clip((shown - low) / np.maximum(high - low, 1e-9), 0, 1) * 255).astype(np.uint8)
    borders = np.cumsum([f.shape[0] * f.shape[1] for f in features])[:-1]
    return [part.reshape(*f.shape[:2], 3) for part, f in zip(np.split(colours, borders), features, strict=True)]
