"""The compiled inner loops of normals: the plane through each voxel's neighbours, turned towards a camera.

:mod:`dynarend_core.perception._torch_normals` does the same with torch; what is changed here is changed there.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dynarend_core.perception._kernels import _MASK, BLOCK_BITS, SUBVOXEL_BITS

Array = np.ndarray

REACH = 2
"""Neighbours are taken from so many voxels on each side: at 5 mm, from a cube of 25 mm."""

MIN_NEIGHBOURS = 6
"""With fewer, itself included, there is no normal."""

SEEN_WITHIN = 2.0
"""A camera sees a point whose depth differs from its depth image by at most so many voxels."""


@numba.njit(nogil=True, cache=True)
def plane_normals(grid: Array, base: int, slots: Array, count: int, blocks: tuple[int, int, int]) -> Array:
    """``(count, 3)`` float64: least direction of each slot's neighbours, of either sign; NaN where there are too few.

    Arguments as for :func:`dynarend_core.perception._kernels.accumulate`, after all pixels were added.
    """
    means = np.empty((count, 3))
    for i in range(count):
        for k in range(3):
            means[i, k] = slots[i, k] / float(slots[i, 6]) / (1 << SUBVOXEL_BITS)
    normals = np.empty((count, 3))
    total, outer = np.empty(3), np.empty(6)
    for i in range(count):
        total[:], outer[:] = 0.0, 0.0
        n = 0
        ix, iy, iz = int(means[i, 0]), int(means[i, 1]), int(means[i, 2])
        for jx in range(max(ix - REACH, 0), min(ix + REACH + 1, blocks[0] << BLOCK_BITS)):
            for jy in range(max(iy - REACH, 0), min(iy + REACH + 1, blocks[1] << BLOCK_BITS)):
                for jz in range(max(iz - REACH, 0), min(iz + REACH + 1, blocks[2] << BLOCK_BITS)):
                    slot = grid[_cell(jx, jy, jz, blocks)] - base
                    if slot < 0 or slot >= count:
                        continue
                    x, y, z = means[slot, 0] - means[i, 0], means[slot, 1] - means[i, 1], means[slot, 2] - means[i, 2]
                    total[0], total[1], total[2] = total[0] + x, total[1] + y, total[2] + z
                    outer[0], outer[1], outer[2] = outer[0] + x * x, outer[1] + x * y, outer[2] + x * z
                    outer[3], outer[4], outer[5] = outer[3] + y * y, outer[4] + y * z, outer[5] + z * z
                    n += 1
        _least_direction(total, outer, n, normals[i])
    return normals


@numba.njit(nogil=True, cache=True)
def face_cameras(
    xyz: Array, normals: Array, depth_m: Array, K: Array, T_camera_base: Array, near_m: float, best: Array, sign: Array
) -> None:
    """Let one camera compete for the sign of each normal: who sees the point, and sees it most squarely, wins.

    Args:
        xyz: ``(n, 3)`` points [m].
        normals: ``(n, 3)`` of either sign.
        depth_m: ``(h, w)`` the camera's depth image [m].
        K: ``(3, 3)`` pinhole matrix [px].
        T_camera_base: ``(4, 4)`` base to camera.
        near_m: A point is seen if its depth is that close to the image's [m].
        best: ``(n,)`` score of the best camera so far, written to.
        sign: ``(n,)`` what its normal is to be multiplied by, written to.
    """
    h, w = depth_m.shape
    R, t = T_camera_base[:3, :3], T_camera_base[:3, 3]
    for i in range(len(xyz)):
        x = R[0, 0] * xyz[i, 0] + R[0, 1] * xyz[i, 1] + R[0, 2] * xyz[i, 2] + t[0]
        y = R[1, 0] * xyz[i, 0] + R[1, 1] * xyz[i, 1] + R[1, 2] * xyz[i, 2] + t[1]
        z = R[2, 0] * xyz[i, 0] + R[2, 1] * xyz[i, 1] + R[2, 2] * xyz[i, 2] + t[2]
        along = 0.0  # of the normal and the way from the camera to the point
        for k in range(3):
            along += normals[i, k] * (R[0, k] * x + R[1, k] * y + R[2, k] * z)
        score = abs(along) / math.sqrt(x * x + y * y + z * z)
        if z > 0.0:
            u, v = math.floor(K[0, 0] * x / z + K[0, 2]), math.floor(K[1, 1] * y / z + K[1, 2])
            if 0 <= u < w and 0 <= v < h and abs(depth_m[int(v), int(u)] - z) <= near_m:
                score += 2.0
        if score > best[i]:
            best[i], sign[i] = score, -1.0 if along > 0.0 else 1.0


@numba.njit(inline="always")
def _cell(ix: int, iy: int, iz: int, blocks: tuple[int, int, int]) -> int:
    block = ((ix >> BLOCK_BITS) * blocks[1] + (iy >> BLOCK_BITS)) * blocks[2] + (iz >> BLOCK_BITS)
    within = ((((ix & _MASK) << BLOCK_BITS) + (iy & _MASK)) << BLOCK_BITS) + (iz & _MASK)
    return (block << 3 * BLOCK_BITS) + within


@numba.njit(nogil=True, cache=True)
def _least_direction(total: Array, outer: Array, n: int, out: Array) -> None:
    """Unit eigenvector of the smallest eigenvalue of the covariance, in closed form."""
    out[:] = np.nan
    if n < MIN_NEIGHBOURS:
        return
    mx, my, mz = total[0] / n, total[1] / n, total[2] / n
    xx, xy, xz = outer[0] / n - mx * mx, outer[1] / n - mx * my, outer[2] / n - mx * mz
    yy, yz, zz = outer[3] / n - my * my, outer[4] / n - my * mz, outer[5] / n - mz * mz
    middle = (xx + yy + zz) / 3.0
    a, b, c = xx - middle, yy - middle, zz - middle
    spread = math.sqrt((a * a + b * b + c * c + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0)
    if spread <= 0.0:
        return
    det = a * (b * c - yz * yz) - xy * (xy * c - yz * xz) + xz * (xy * yz - b * xz)
    angle = math.acos(min(max(det / (2.0 * spread**3), -1.0), 1.0)) / 3.0
    least = 2.0 * spread * math.cos(angle + 2.0 * math.pi / 3.0)
    a, b, c = a - least, b - least, c - least
    longest = 0.0
    # the eigenvector is normal to all rows: take the two rows whose cross product is longest
    for x, y, z in (
        (xy * yz - xz * b, xz * xy - a * yz, a * b - xy * xy),
        (xy * c - xz * yz, xz * xz - a * c, a * yz - xy * xz),
        (b * c - yz * yz, yz * xz - xy * c, xy * yz - b * xz),
    ):
        length = math.sqrt(x * x + y * y + z * z)
        if length > longest:
            longest = length
            out[0], out[1], out[2] = x / length, y / length, z / length
