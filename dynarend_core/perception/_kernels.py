"""The compiled inner loops of :mod:`dynarend_core.perception.fusion`.

The grid holds, per voxel, ``base + slot``: entries below ``base`` are left over from earlier frames, so it is never
cleared. It is stored in blocks of 8 x 8 x 8 voxels (2 KiB), because surfaces then stay within few memory pages
(measured: half the time of a plain x, y, z layout). A slot is eight int64, one cache line: sums of x, y, z in
1/65536 voxel, sums of r, g, b, the number of points, the cell. Integer sums do not depend on the order of
addition, so any number of threads gives the same bits.
"""

from __future__ import annotations

import numba
import numpy as np

Array = np.ndarray

SUBVOXEL_BITS = 16
BLOCK_BITS = 3
SLOT_WIDTH = 8
_PORTION = 640
_MASK = (1 << BLOCK_BITS) - 1


@numba.njit(nogil=True, cache=True)
def accumulate(
    depth_m: Array,
    rgb: Array,
    rows: tuple[int, int],
    K: Array,
    T_grid_camera: Array,
    bounds: Array,
    blocks: tuple[int, int, int],
    max_depth_m: float,
    flying_ratio: float,
    grid: Array,
    base: int,
    slots: Array,
    count: int,
) -> tuple[int, int, int]:
    """Add the pixels of ``rows`` to the grid.

    Args:
        depth_m: ``(h, w)`` float32 [m].
        rgb: ``(h, w, 3)`` uint8.
        rows: First row, and one past the last.
        K: ``(3, 3)`` pinhole matrix [px].
        T_grid_camera: ``(3, 4)`` camera [m] to grid coordinates [voxels].
        bounds: ``(2, 3)`` minimum and maximum of the kept box in grid coordinates [voxels], not necessarily whole.
        blocks: Number of blocks along x, y, z.
        max_depth_m: Depths beyond are ignored [m].
        flying_ratio: See :func:`is_flying`; 0 keeps all pixels.
        grid: ``(cells,)`` int32.
        base: Smallest entry that belongs to this frame.
        slots: ``(capacity, 8)`` int64.
        count: Slots in use.

    Returns:
        Slots in use afterwards, pixels with valid depth, pixels inside the box.
    """
    w = depth_m.shape[1]
    M = T_grid_camera
    low, high = bounds[0], bounds[1]
    per_column = 1.0 / K[0, 0]
    step_x, step_y, step_z = M[0, 0] * per_column, M[1, 0] * per_column, M[2, 0] * per_column
    points = np.empty((w, SLOT_WIDTH), dtype=np.int64)
    valid = inside = 0
    for v in range(rows[0], rows[1]):
        x = (0.5 - K[0, 2]) * per_column
        y = (v + 0.5 - K[1, 2]) / K[1, 1]
        row_x = M[0, 0] * x + M[0, 1] * y + M[0, 2]
        row_y = M[1, 0] * x + M[1, 1] * y + M[1, 2]
        row_z = M[2, 0] * x + M[2, 1] * y + M[2, 2]
        n = 0
        for u in range(w):
            z = float(depth_m[v, u])
            if not (z > 0.0 and z <= max_depth_m):  # False for NaN too
                continue
            valid += 1
            gx = (u * step_x + row_x) * z + M[0, 3]
            gy = (u * step_y + row_y) * z + M[1, 3]
            gz = (u * step_z + row_z) * z + M[2, 3]
            if low[0] <= gx < high[0] and low[1] <= gy < high[1] and low[2] <= gz < high[2]:
                if flying_ratio > 0.0 and is_flying(depth_m, v, u, z, flying_ratio):
                    continue
                _set_point(points[n], gx, gy, gz, rgb[v, u], blocks)
                n += 1
        inside += n
        count = _scatter(points, n, grid, base, slots, count)
    return count, valid, inside


@numba.njit(nogil=True, cache=True)
def is_flying(depth_m: Array, v: int, u: int, z: float, ratio: float) -> bool:
    """Whether a pixel hangs between surfaces: both neighbours in its row, or both in its column, are elsewhere.

    Elsewhere is more than ``ratio * z`` nearer or farther, or without depth. The border has no neighbours and is kept.
    An edge that is sharp, one surface left and another right of it, stays: each pixel has a neighbour of its own.
    """
    h, w = depth_m.shape
    limit = ratio * z
    # not (a <= b) is True for NaN too
    if 0 < u < w - 1 and not abs(depth_m[v, u - 1] - z) <= limit and not abs(depth_m[v, u + 1] - z) <= limit:
        return True
    return 0 < v < h - 1 and not abs(depth_m[v - 1, u] - z) <= limit and not abs(depth_m[v + 1, u] - z) <= limit


@numba.njit(nogil=True, cache=True)
def outside_spheres(xyz: Array, spheres: Array) -> Array:
    """``(n,)`` bool: which ``(n, 3)`` points lie in none of the ``(k, 4)`` spheres (centre, radius) [m]."""
    keep = np.ones(len(xyz), dtype=np.bool_)
    for i in range(len(xyz)):
        for k in range(len(spheres)):
            x, y, z = xyz[i, 0] - spheres[k, 0], xyz[i, 1] - spheres[k, 1], xyz[i, 2] - spheres[k, 2]
            if x * x + y * y + z * z < spheres[k, 3] * spheres[k, 3]:
                keep[i] = False
                break
    return keep


@numba.njit(inline="always")
def _set_point(point: Array, gx: float, gy: float, gz: float, color: Array, blocks: tuple[int, int, int]) -> None:
    scale = float(1 << SUBVOXEL_BITS)
    qx, qy, qz = int(gx * scale), int(gy * scale), int(gz * scale)
    ix, iy, iz = qx >> SUBVOXEL_BITS, qy >> SUBVOXEL_BITS, qz >> SUBVOXEL_BITS
    block = ((ix >> BLOCK_BITS) * blocks[1] + (iy >> BLOCK_BITS)) * blocks[2] + (iz >> BLOCK_BITS)
    within = ((((ix & _MASK) << BLOCK_BITS) + (iy & _MASK)) << BLOCK_BITS) + (iz & _MASK)
    point[0], point[1], point[2] = qx, qy, qz
    point[3], point[4], point[5] = color[0], color[1], color[2]
    point[6] = 1
    point[7] = (block << 3 * BLOCK_BITS) + within


@numba.njit(nogil=True, cache=True)
def _scatter(points: Array, n: int, grid: Array, base: int, slots: Array, count: int) -> int:
    """Add the first ``n`` points or slots to the slots of their cells, new cells in their order.

    In portions: all their cells are looked up before any is written, so that the memory answers many at once.
    """
    known = np.empty(_PORTION, dtype=np.int32)
    for start in range(0, n, _PORTION):
        m = min(_PORTION, n - start)
        for i in range(m):
            known[i] = grid[np.uint64(points[start + i, 7])]
        for i in range(m):
            slot = known[i] - base
            if slot < 0:  # not there before this portion; perhaps since
                slot = grid[np.uint64(points[start + i, 7])] - base
            if slot < 0:
                slot = count
                count += 1
                grid[np.uint64(points[start + i, 7])] = base + slot
                for k in range(SLOT_WIDTH):
                    slots[slot, k] = points[start + i, k]
            else:
                s = np.uint64(slot)
                for k in range(SLOT_WIDTH - 1):
                    slots[s, k] += points[start + i, k]
    return count


@numba.njit(nogil=True, cache=True)
def merge(grid: Array, base: int, slots: Array, count: int, other: Array, other_count: int) -> int:
    """Add the slots of a later part of the image: the result is that of one pass over all pixels."""
    return _scatter(other, other_count, grid, base, slots, count)


@numba.njit(nogil=True, cache=True)
def means(slots: Array, count: int, origin: Array, voxel_m: float) -> tuple[Array, Array]:
    """Mean position ``(count, 3)`` float32 [m] and mean colour ``(count, 3)`` uint8, rounded half up, of each slot."""
    xyz = np.empty((count, 3), dtype=np.float32)
    rgb = np.empty((count, 3), dtype=np.uint8)
    unit = voxel_m / float(1 << SUBVOXEL_BITS)
    for i in range(count):
        n = float(slots[i, 6])
        for k in range(3):
            # the sums hold truncated coordinates: half a unit makes the mean unbiased
            xyz[i, k] = origin[k] + unit * (slots[i, k] / n + 0.5)
            rgb[i, k] = int(slots[i, 3 + k] / n + 0.5)
    return xyz, rgb
