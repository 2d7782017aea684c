"""Distance to what the cameras see: a truncated field on a grid, built from a point cloud in a few milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry.frames import SCENE_AABB_BASE

Array = np.ndarray

REACH_M = 0.12
"""Distances are exact up to this value and read as this value beyond it [m]; no link sphere is larger."""


@numba.njit(cache=True)
def _centroids(points: Array, origin: Array, voxel: float, shape: tuple[int, int, int]) -> tuple[Array, Array]:
    """Mean point and grid cell of every occupied voxel."""
    slot = np.full(shape, -1, dtype=np.int32)
    sums = np.zeros((len(points), 4))
    cells = np.empty((len(points), 3), dtype=np.int64)
    n = 0
    for p in range(len(points)):
        i = int((points[p, 0] - origin[0]) / voxel)
        j = int((points[p, 1] - origin[1]) / voxel)
        k = int((points[p, 2] - origin[2]) / voxel)
        s = slot[i, j, k]
        if s < 0:
            s = n
            slot[i, j, k] = n
            cells[n, 0], cells[n, 1], cells[n, 2] = i, j, k
            n += 1
        for axis in range(3):
            sums[s, axis] += points[p, axis]
        sums[s, 3] += 1.0
    return sums[:n, :3] / sums[:n, 3:4], cells[:n]


@numba.njit(cache=True)
def _splat(means: Array, cells: Array, origin: Array, voxel: float, shape: tuple[int, int, int], reach: float) -> Array:
    """Distance of every grid node to the nearest mean point, truncated at ``reach``."""
    squared = np.full(shape, np.float32(reach * reach), dtype=np.float32)
    r = int(np.ceil(reach / voxel))
    for p in range(len(means)):
        for i in range(max(cells[p, 0] - r, 0), min(cells[p, 0] + r + 2, shape[0])):
            dx2 = (origin[0] + i * voxel - means[p, 0]) ** 2
            for j in range(max(cells[p, 1] - r, 0), min(cells[p, 1] + r + 2, shape[1])):
                dxy2 = dx2 + (origin[1] + j * voxel - means[p, 1]) ** 2
                if dxy2 >= reach * reach:
                    continue
                for k in range(max(cells[p, 2] - r, 0), min(cells[p, 2] + r + 2, shape[2])):
                    d2 = np.float32(dxy2 + (origin[2] + k * voxel - means[p, 2]) ** 2)
                    if d2 < squared[i, j, k]:
                        squared[i, j, k] = d2
    return np.sqrt(squared)


@numba.njit(cache=True)
def interpolate(grid: Array, origin: Array, voxel: float, x: float, y: float, z: float, outside: float) -> float:
    """Trilinear value of the grid at one point; ``outside`` beyond its border."""
    u, v, w = (x - origin[0]) / voxel, (y - origin[1]) / voxel, (z - origin[2]) / voxel
    if u < 0.0 or v < 0.0 or w < 0.0:
        return outside
    i, j, k = int(u), int(v), int(w)
    if i >= grid.shape[0] - 1 or j >= grid.shape[1] - 1 or k >= grid.shape[2] - 1:
        return outside
    u, v, w = u - i, v - j, w - k
    low = (grid[i, j, k] * (1 - u) + grid[i + 1, j, k] * u) * (1 - v) + (
        grid[i, j + 1, k] * (1 - u) + grid[i + 1, j + 1, k] * u
    ) * v
    high = (grid[i, j, k + 1] * (1 - u) + grid[i + 1, j, k + 1] * u) * (1 - v) + (
        grid[i, j + 1, k + 1] * (1 - u) + grid[i + 1, j + 1, k + 1] * u
    ) * v
    return low * (1 - w) + high * w


@dataclass(frozen=True)
class DistanceField:
    """Distance to the nearest obstacle point, at most :data:`REACH_M`.

    Attributes:
        grid: ``(nx, ny, nz)`` float32 node values [m].
        origin: ``(3,)`` position of node (0, 0, 0), base frame [m].
        voxel_m: Node spacing [m].
    """

    grid: Array
    origin: Array
    voxel_m: float

    @classmethod
    def from_points(
        cls, points_base: Array, aabb_base: Array = SCENE_AABB_BASE, voxel_m: float = 0.02
    ) -> DistanceField:
        """Build the field from points ``(n, 3)`` in the base frame; points outside the box or NaN are left out.

        Raises:
            InvalidInputError: points without shape ``(n, 3)``, or a voxel size that is not positive.
        """
        if points_base.ndim != 2 or points_base.shape[1] != 3:
            raise InvalidInputError(f"obstacle points must be (n, 3), got {points_base.shape}")
        if not voxel_m > 0.0:
            raise InvalidInputError(f"voxel_m must be positive, got {voxel_m}")
        points = np.ascontiguousarray(points_base, dtype=np.float64)
        inside = np.logical_and(points > aabb_base[0], points < aabb_base[1]).all(axis=1)
        origin = aabb_base[0] - REACH_M
        counts = np.ceil((aabb_base[1] - aabb_base[0] + 2.0 * REACH_M) / voxel_m).astype(int) + 1
        shape = (int(counts[0]), int(counts[1]), int(counts[2]))
        means, cells = _centroids(points[inside], origin, voxel_m, shape)
        return cls(_splat(means, cells, origin, voxel_m, shape, REACH_M), origin, voxel_m)

    def distance(self, points: Array) -> Array:
        """``(n,)`` distances of ``(n, 3)`` points [m]."""
        return np.array([interpolate(self.grid, self.origin, self.voxel_m, *p, REACH_M) for p in points])
