"""Do calibrated cameras agree? Each camera's points are looked up in the other cameras' depth images."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import aabb, cameras
from dynarend_core.types import Array, CameraView

SEEN_WITHIN_M = 0.05
"""Larger differences are other surfaces: one camera looks behind what the other sees."""

_MIN_POINTS = 500


@dataclass(frozen=True)
class PairAgreement:
    """How far two cameras' clouds lie apart.

    Attributes:
        first: Camera whose points are looked up.
        second: Camera in whose depth they are looked up.
        points: Points both see.
        median_mm: Median distance along the second camera's line of sight, without sign [mm].
        offset_mm: Median with sign: positive, the first camera's points lie farther away [mm].
    """

    first: str
    second: str
    points: int
    median_mm: float
    offset_mm: float


@dataclass(frozen=True)
class Agreement:
    """All pairs, and every camera's disagreement as an image.

    Attributes:
        pairs: In both directions; pairs that share too little are left out.
        images_mm: Camera name to ``(h, w)`` float32: smallest distance to any other camera's depth, NaN where no
            other camera sees the point [mm].
    """

    pairs: tuple[PairAgreement, ...]
    images_mm: dict[str, Array]

    def camera_mm(self, name: str) -> float | None:
        """Median over the pairs of one camera [mm]; None if it shares nothing with another."""
        values = [p.median_mm for p in self.pairs if name in (p.first, p.second)]
        return float(np.median(values)) if values else None

    def suspect(self) -> str | None:
        """The camera that takes part in the worst agreement most; None with fewer than three cameras."""
        names = [n for n in self.images_mm if self.camera_mm(n) is not None]
        if len(names) < 3:
            return None
        return max(names, key=lambda n: self.camera_mm(n) or 0.0)


def compare_clouds(views: Sequence[CameraView], box_base: Array) -> Agreement:
    """Compare every pair of views inside a box ``(2, 3)`` of the base frame [m]."""
    clouds = {v.name: cameras.unproject(v.depth_m, v.K, v.T_base_camera) for v in views}
    images = {v.name: np.full(v.depth_m.shape, np.nan, np.float32) for v in views}
    pairs = []
    for first, second in itertools.permutations(views, 2):
        points = clouds[first.name].reshape(-1, 3)
        difference = _difference(points, second)
        difference[~aabb.contains(box_base, points)] = np.nan
        shared = difference[np.isfinite(difference)]
        image = images[first.name]
        np.fmin(image, 1e3 * np.abs(difference).reshape(image.shape), out=image)
        if len(shared) >= _MIN_POINTS:
            median, offset = 1e3 * float(np.median(np.abs(shared))), 1e3 * float(np.median(shared))
            pairs.append(PairAgreement(first.name, second.name, len(shared), median, offset))
    return Agreement(tuple(pairs), images)


def _difference(points: Array, view: CameraView) -> Array:
    """``(n,)`` depth of base-frame points in a view minus the depth it measured there [m]; NaN where not seen."""
    out = np.full(len(points), np.nan)
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    uv, z = cameras.project(points[finite], view.K, view.T_base_camera)
    h, w = view.depth_m.shape
    with np.errstate(invalid="ignore"):
        inside = (uv >= 0).all(axis=1) & (uv[:, 0] < w) & (uv[:, 1] < h)
    column, row = uv[inside].astype(int).T
    miss = z[inside] - view.depth_m[row, column]
    miss[np.abs(miss) > SEEN_WITHIN_M] = np.nan
    out[finite[inside]] = miss
    return out
