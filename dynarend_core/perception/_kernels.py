"""The compiled inner loops of :mod:`dynarend_core.perception.fusion`.

A voxel grid holds, per cell, ``base + slot``: entries below ``base`` are left over from earlier frames, so the grid
is never cleared. A slot is eight int64 (one cache line): sums of x, y, z in 1/65536 voxel, of r, g, b, the number of
points, and the cell. Integer sums do not depend on the order of addition, so any number of threads gives the same bits.
"""

from __future__ import annotations

import numba
import numpy as np

Array = np.ndarray

SUBVOXEL_BITS = 16
SLOT_WIDTH = 8


@numba.njit(nogil=True, cache=True)
def accumulate(
    depth_m: Array,
    rgb: Array,
    rows: tuple[int, int],
    K: Array,
    T_grid_camera: Array,
    extent: Array,
    max_depth_m: float,
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
        extent: ``(3,)`` size of the box [voxels], not necessarily whole.
        max_depth_m: Depths beyond are ignored [m].
        grid: ``(nx, ny, nz)`` int32.
        base: Smallest entry that belongs to this frame.
        slots: ``(capacity, 8)`` int64.
        count: Slots in use.

    Returns:
        Slots in use afterwards, pixels with valid depth, pixels inside the box.
    """
    w = depth_m.shape[1]
    M = T_grid_camera
    ex, ey, ez = extent[0], extent[1], extent[2]
    scale = float(1 << SUBVOXEL_BITS)
    valid = inside = 0
    last_cell = -1
    slot = 0
    _, ny, nz = grid.shape
    flat = grid.reshape(-1)
    for v in range(rows[0], rows[1]):
        y = (v + 0.5 - K[1, 2]) / K[1, 1]
        row_x, row_y, row_z = M[0, 1] * y + M[0, 2], M[1, 1] * y + M[1, 2], M[2, 1] * y + M[2, 2]
        for u in range(w):
            z = float(depth_m[v, u])
            if not (z > 0.0 and z <= max_depth_m):  # False for NaN too
                continue
            valid += 1
            x = (u + 0.5 - K[0, 2]) / K[0, 0]
            gx = (M[0, 0] * x + row_x) * z + M[0, 3]
            gy = (M[1, 0] * x + row_y) * z + M[1, 3]
            gz = (M[2, 0] * x + row_z) * z + M[2, 3]
            if not (gx >= 0.0 and gx < ex and gy >= 0.0 and gy < ey and gz >= 0.0 and gz < ez):
                continue
            inside += 1
            qx, qy, qz = int(gx * scale), int(gy * scale), int(gz * scale)
            cell = ((qx >> SUBVOXEL_BITS) * ny + (qy >> SUBVOXEL_BITS)) * nz + (qz >> SUBVOXEL_BITS)
            if cell != last_cell:  # neighbours in the image mostly share a voxel
                last_cell = cell
                slot = flat[cell] - base
                if slot < 0:
                    slot = count
                    count += 1
                    flat[cell] = base + slot
                    slots[slot, :7] = 0
                    slots[slot, 7] = cell
            slots[slot, 0] += qx
            slots[slot, 1] += qy
            slots[slot, 2] += qz
            slots[slot, 3] += rgb[v, u, 0]
            slots[slot, 4] += rgb[v, u, 1]
            slots[slot, 5] += rgb[v, u, 2]
            slots[slot, 6] += 1
    return count, valid, inside


@numba.njit(nogil=True, cache=True)
def merge(grid: Array, base: int, slots: Array, count: int, other: Array, other_count: int) -> int:
    """Add ``other_count`` slots of a later part of the image to ``slots``; returns the slots in use afterwards.

    New cells are appended in their order, so the result is that of one pass over all pixels.
    """
    flat = grid.reshape(-1)
    for i in range(other_count):
        cell = other[i, 7]
        slot = flat[cell] - base
        if slot < 0:
            flat[cell] = base + count
            slots[count] = other[i]
            count += 1
        else:
            slots[slot, :7] += other[i, :7]
    return count


@numba.njit(nogil=True, cache=True)
def means(slots: Array, count: int, origin: Array, voxel_m: float) -> tuple[Array, Array]:
    """Mean position ``(count, 3)`` float32 [m] and mean colour ``(count, 3)`` uint8, rounded half up, of each slot."""
    xyz = np.empty((count, 3), dtype=np.float32)
    rgb = np.empty((count, 3), dtype=np.uint8)
    unit = voxel_m / float(1 << SUBVOXEL_BITS)
    for i in range(count):
        n = slots[i, 6]
        for k in range(3):
            # the sums hold truncated coordinates: half a unit back makes the mean unbiased
            xyz[i, k] = origin[k] + unit * (slots[i, k] / n + 0.5)
            rgb[i, k] = (slots[i, 3 + k] + n // 2) // n
    return xyz, rgb
