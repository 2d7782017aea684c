"""Normals with torch, as :mod:`dynarend_core.perception._normal_kernels` makes them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dynarend_core.geometry import se3
from dynarend_core.perception._normal_kernels import MIN_NEIGHBOURS, REACH, SEEN_WITHIN
from dynarend_core.types import CameraView


def plane_normals(means: Tensor, neighbours: Tensor) -> Tensor:
    """Least direction of each voxel's neighbours, of either sign.

    Args:
        means: ``(n, 3)`` mean points, double [voxels].
        neighbours: ``(n, k)`` rows of ``means``, itself included; -1 where there is none.

    Returns:
        ``(n, 3)`` unit vectors; NaN where there are fewer than ``MIN_NEIGHBOURS``.
    """
    there = (neighbours >= 0).double()[..., None]
    offsets = (means[neighbours.clamp_min(0)] - means[:, None]) * there
    n = there.sum(1)
    mean = offsets.sum(1) / n
    cov = offsets.transpose(1, 2) @ offsets / n[..., None] - mean[:, :, None] * mean[:, None, :]
    middle = cov.diagonal(dim1=1, dim2=2).mean(1)
    eye = torch.eye(3, dtype=cov.dtype, device=cov.device)
    cov = cov - middle[:, None, None] * eye
    spread = (cov.square().sum((1, 2)) / 6.0).sqrt()
    angle = torch.acos((torch.linalg.det(cov) / (2.0 * spread**3)).clamp(-1.0, 1.0)) / 3.0
    rows = cov - (2.0 * spread * torch.cos(angle + 2.0 * math.pi / 3.0))[:, None, None] * eye
    crosses = torch.cross(rows[:, [0, 0, 1]], rows[:, [1, 2, 2]], dim=2)
    lengths = crosses.norm(dim=2)
    longest = lengths.argmax(1)
    rank = torch.arange(len(rows), device=rows.device)
    normals = crosses[rank, longest] / lengths[rank, longest][:, None]
    return normals.masked_fill((n < MIN_NEIGHBOURS) | ~normals.isfinite().all(1, keepdim=True), torch.nan)


def neighbour_offsets(device: torch.device) -> Tensor:
    """``(k, 3)`` steps to the voxels of the neighbourhood."""
    steps = torch.arange(-REACH, REACH + 1, device=device)
    return torch.cartesian_prod(steps, steps, steps)


def face_cameras(xyz: Tensor, normals: Tensor, views: Sequence[CameraView], voxel_m: float) -> Tensor:
    """The normals, each turned towards the camera that sees its point, and sees it most squarely.

    Args:
        xyz: ``(n, 3)`` points, double [m].
        normals: ``(n, 3)`` of either sign.
        views: Calibrated views.
        voxel_m: Edge of a voxel [m].
    """
    best = torch.full_like(xyz[:, 0], -1.0)
    sign = torch.ones_like(best)
    for view in views:
        T = torch.as_tensor(se3.inverse(view.T_base_camera), device=xyz.device)
        depth_m = torch.as_tensor(np.ascontiguousarray(view.depth_m), device=xyz.device)
        K = view.K.astype(np.float64)
        points = xyz @ T[:3, :3].T + T[:3, 3]
        along = (normals @ T[:3, :3].T * points).sum(1)
        x, y, z = points.unbind(1)
        h, w = depth_m.shape
        u, v = (K[0, 0] * x / z + K[0, 2]).floor(), (K[1, 1] * y / z + K[1, 2]).floor()
        seen = (z > 0) & (u >= 0) & (u < w) & (v >= 0) & (v < h)
        at = depth_m[v.clamp(0, h - 1).long(), u.clamp(0, w - 1).long()].double()
        seen &= (at - z).abs() <= SEEN_WITHIN * voxel_m
        score = along.abs() / points.norm(dim=1) + 2.0 * seen
        better = score > best
        best = torch.where(better, score, best)
        sign = torch.where(better, torch.where(along > 0, -1.0, 1.0).to(sign), sign)
    return normals * sign[:, None]
