"""The fusion of :mod:`dynarend_core.perception.fusion` on a GPU, with torch. Same cloud, in another order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dynarend_core.errors import InvalidInputError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.perception._kernels import SUBVOXEL_BITS
from dynarend_core.perception._torch_normals import face_cameras, neighbour_offsets, plane_normals
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.types import Array, CameraView, PointCloud

_UNITS = float(1 << SUBVOXEL_BITS)
_TYPES = (torch.float32, torch.uint8, torch.float32)


class TorchCloudFuser:
    """Fuses views on ``device``. A grid over the box is allocated once and cleaned where it was written.

    Points come in the order of their voxels. Sums are of integers, so the result does not depend on the order of
    addition; it differs from the CPU's only where a point lies within rounding of a voxel's border.
    """

    def __init__(self, config: FusionConfig | None = None, device: str | torch.device = "cuda") -> None:
        self.config = config or FusionConfig()
        self.device = torch.device(device)
        self._origin = self.config.grid_origin()
        bounds = (self.config.aabb_base - self._origin) / self.config.voxel_m
        self._shape = [int(n) for n in np.ceil(bounds[1])]
        self._bounds = torch.as_tensor(bounds, device=self.device)
        self._slots = torch.zeros(int(np.prod(self._shape)), dtype=torch.int64, device=self.device)

    def fuse(self, views: Sequence[CameraView], without: Array | None = None) -> PointCloud:
        """See :meth:`dynarend_core.perception.fusion.CloudFuser.fuse`; arguments, result and errors are the same."""
        if not views:
            raise ObservationError("no camera views to fuse")
        parts = [self._points(view) for view in views]
        grid, rgb = (torch.cat([part[i] for part in parts]) for i in range(2))
        names = ", ".join(view.name for view in views)
        if not len(grid):
            raise ObservationError(f"no valid depth inside the box from any camera: {names}; check the extrinsics")
        cells, mean = self._average((grid * _UNITS).long(), rgb.long())
        origin = torch.as_tensor(self._origin, device=self.device)
        xyz = origin + (mean[:, :3] + 0.5) * (self.config.voxel_m / _UNITS)
        columns = [xyz, (mean[:, 3:] + 0.5).floor()]
        if self.config.normals:
            normals = plane_normals(mean[:, :3] / _UNITS, self._neighbours(cells))
            columns.append(face_cameras(xyz, normals, views, self.config.voxel_m))
        if without is not None:
            spheres = torch.as_tensor(np.asarray(without, dtype=np.float64).reshape(-1, 4), device=self.device)
            far = (torch.cdist(xyz, spheres[:, :3]) >= spheres[:, 3]).all(1)
            columns = [column[far] for column in columns]
            if not len(columns[0]):
                raise ObservationError("all points in the box lie on the robot itself")
        arrays = [column.to(t).cpu().numpy() for column, t in zip(columns, _TYPES, strict=False)]
        return PointCloud(arrays[0], arrays[1], max(view.stamp_ns for view in views), *arrays[2:])

    def _points(self, view: CameraView) -> tuple[Tensor, Tensor]:
        """Grid coordinates ``(n, 3)`` [voxels] and colours ``(n, 3)`` of a view's pixels inside the box."""
        if view.depth_m.dtype != np.float32 or view.rgb.dtype != np.uint8:
            raise InvalidInputError(f"camera {view.name!r}: depth_m must be float32 in metres and rgb uint8")
        T = se3.check(view.T_base_camera, f"camera {view.name!r}: T_base_camera")[:3].copy()
        T[:, 3] -= self._origin
        M = torch.as_tensor(T / self.config.voxel_m, device=self.device)
        K = view.K.astype(np.float64)
        z = torch.as_tensor(np.ascontiguousarray(view.depth_m), device=self.device)
        valid = (z > 0) & (z <= self.config.max_depth_m)
        if self.config.flying_ratio > 0:
            valid &= ~_flying(z, self.config.flying_ratio)
        v, u = valid.nonzero(as_tuple=True)
        depth = z[v, u].double()
        x, y = (u + 0.5 - K[0, 2]) / K[0, 0], (v + 0.5 - K[1, 2]) / K[1, 1]
        points = torch.stack([x * depth, y * depth, depth], dim=1) @ M[:, :3].T + M[:, 3]
        inside = ((points >= self._bounds[0]) & (points < self._bounds[1])).all(dim=1)
        rgb = torch.as_tensor(np.ascontiguousarray(view.rgb), device=self.device)[v, u]
        return points[inside], rgb[inside]

    def _average(self, units: Tensor, rgb: Tensor) -> tuple[Tensor, Tensor]:
        """Occupied cells ``(n,)``, and mean coordinates [1/65536 voxel] and colours ``(n, 6)`` in them."""
        index = units >> SUBVOXEL_BITS
        cell = (index[:, 0] * self._shape[1] + index[:, 1]) * self._shape[2] + index[:, 2]
        self._slots[cell] = 1
        cells = self._slots.nonzero()[:, 0]
        self._slots[cells] = torch.arange(len(cells), device=self.device)
        slot = self._slots[cell]
        self._slots[cells] = 0
        values = torch.cat([units, rgb, torch.ones_like(units[:, :1])], dim=1)
        sums = torch.zeros(len(cells), 7, dtype=torch.int64, device=self.device).index_add_(0, slot, values).double()
        return cells, sums[:, :6] / sums[:, 6:]

    def _neighbours(self, cells: Tensor) -> Tensor:
        """``(n, k)`` ranks of the occupied cells around each occupied cell; -1 where there is none."""
        shape = torch.tensor(self._shape, device=self.device)
        x, y, z = cells // (shape[1] * shape[2]), cells // shape[2] % shape[1], cells % shape[2]
        around = torch.stack([x, y, z], dim=1)[:, None] + neighbour_offsets(self.device)
        inside = ((around >= 0) & (around < shape)).all(2)
        at = ((around[..., 0] * shape[1] + around[..., 1]) * shape[2] + around[..., 2]).masked_fill(~inside, 0)
        self._slots[cells] = torch.arange(1, len(cells) + 1, device=self.device)
        ranks = self._slots[at].masked_fill(~inside, 0) - 1
        self._slots[cells] = 0
        return ranks


def _flying(z: Tensor, ratio: float) -> Tensor:
    """As :func:`dynarend_core.perception._kernels.is_flying`, for a whole ``(h, w)`` image."""
    flying = torch.zeros_like(z, dtype=torch.bool)
    limit = ratio * z.double()

    def elsewhere(neighbour: Tensor, here: tuple[slice, slice]) -> Tensor:
        return ~((neighbour.double() - z[here].double()).abs() <= limit[here])

    columns, rows = (slice(None), slice(1, -1)), (slice(1, -1), slice(None))
    flying[columns] |= elsewhere(z[:, :-2], columns) & elsewhere(z[:, 2:], columns)
    flying[rows] |= elsewhere(z[:-2], rows) & elsewhere(z[2:], rows)
    return flying
