"""The compiled inner loops of :mod:`dynarend_core.datasets.warping`."""

from __future__ import annotations

import numba
import numpy as np

Array = np.ndarray

NEAREST_M = 0.05
"""Triangles nearer to the camera are left out [m]."""


@numba.njit(nogil=True, cache=True)
def draw_surface(
    uv: Array, z: Array, rgb: Array, smooth: Array, out_z: Array, out_rgb: Array, out_behind: Array
) -> None:
    """Draw a depth image's triangles: pixels ``(i, j), (i, j + 1), (i + 1, j)`` and the other half of the square.

    Args:
        uv: ``(h, w, 2)`` where the source's pixels fall in the new image [px].
        z: ``(h, w)`` their depth there [m].
        rgb: ``(h, w, 3)`` uint8.
        smooth: ``(h - 1, w - 1, 2)`` bool: which of both triangles of a square are drawn.
        out_z: ``(H, W)`` depth [m], initially infinite.
        out_rgb: ``(H, W, 3)`` uint8.
        out_behind: ``(H, W)`` bool: whether the nearest triangle is seen from the side that the source did not see.
    """
    height, width = smooth.shape[:2]
    for i in range(height):
        for j in range(width):
            for half in range(2):
                if not smooth[i, j, half]:
                    continue
                if half == 0:
                    rows, columns = (i, i + 1, i), (j, j, j + 1)
                else:
                    rows, columns = (i, i + 1, i + 1), (j + 1, j, j + 1)
                _draw_triangle(rows, columns, uv, z, rgb, out_z, out_rgb, out_behind)


@numba.njit(nogil=True, cache=True)
def _draw_triangle(
    rows: tuple[int, int, int],
    columns: tuple[int, int, int],
    uv: Array,
    z: Array,
    rgb: Array,
    out_z: Array,
    out_rgb: Array,
    out_behind: Array,
) -> None:
    za, zb, zc = z[rows[0], columns[0]], z[rows[1], columns[1]], z[rows[2], columns[2]]
    if not (za > NEAREST_M and zb > NEAREST_M and zc > NEAREST_M):
        return
    ax, ay = uv[rows[0], columns[0]]
    bx, by = uv[rows[1], columns[1]]
    cx, cy = uv[rows[2], columns[2]]
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    if area == 0.0:
        return
    H, W = out_z.shape
    # The source sees its own triangles with negative area (rows run downwards): positive is the other side.
    behind = area > 0.0
    # Pixel centres are at + 0.5.
    for v in range(max(0, int(np.ceil(min(ay, by, cy) - 0.5))), min(H, int(np.floor(max(ay, by, cy) - 0.5)) + 1)):
        for u in range(max(0, int(np.ceil(min(ax, bx, cx) - 0.5))), min(W, int(np.floor(max(ax, bx, cx) - 0.5)) + 1)):
            px, py = u + 0.5, v + 0.5
            wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
            wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
            wc = 1.0 - wa - wb
            if wa < 0.0 or wb < 0.0 or wc < 0.0:
                continue
            depth = 1.0 / (wa / za + wb / zb + wc / zc)  # 1/z is linear in the image
            if depth >= out_z[v, u]:
                continue
            out_z[v, u] = depth
            out_behind[v, u] = behind
            for channel in range(3):
                value = (
                    wa / za * rgb[rows[0], columns[0], channel]
                    + wb / zb * rgb[rows[1], columns[1], channel]
                    + wc / zc * rgb[rows[2], columns[2], channel]
                )
                out_rgb[v, u, channel] = np.uint8(min(255.0, depth * value + 0.5))


@numba.njit(nogil=True, cache=True)
def look_along(
    starts: Array, ends: Array, depth: Array, K: Array, T_camera_base: Array, looked_at: Array, empty: Array
) -> None:
    """Ask one camera about places on lines.

    Args:
        starts: ``(n, 3)`` first place of each line [m].
        ends: ``(n, 3)`` last place [m].
        depth: ``(h, w)`` what the camera saw [m]; infinite where nothing.
        K: ``(3, 3)``.
        T_camera_base: ``(4, 4)``.
        looked_at: ``(n, s)`` bool for s evenly spaced places: set where one lies in the camera's view.
        empty: ``(n, s)`` bool: set where the camera saw something behind it, so that it is empty.
    """
    h, w = depth.shape
    lines, places = looked_at.shape
    T = T_camera_base
    for n in range(lines):
        for s in range(places):
            share = s / (places - 1)
            px = starts[n, 0] + share * (ends[n, 0] - starts[n, 0])
            py = starts[n, 1] + share * (ends[n, 1] - starts[n, 1])
            pz = starts[n, 2] + share * (ends[n, 2] - starts[n, 2])
            z = T[2, 0] * px + T[2, 1] * py + T[2, 2] * pz + T[2, 3]
            if z <= 0.0:
                continue
            x = T[0, 0] * px + T[0, 1] * py + T[0, 2] * pz + T[0, 3]
            y = T[1, 0] * px + T[1, 1] * py + T[1, 2] * pz + T[1, 3]
            u = np.floor(K[0, 0] * x / z + K[0, 2])
            v = np.floor(K[1, 1] * y / z + K[1, 2])
            if 0 <= u < w and 0 <= v < h:
                looked_at[n, s] = True
                if z < depth[int(v), int(u)]:
                    empty[n, s] = True
