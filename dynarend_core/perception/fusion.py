"""RGB-D views to one cropped, voxel-filtered, coloured cloud in the base frame."""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import ConfigurationError, InvalidInputError, ObservationError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception import _kernels, _normal_kernels
from dynarend_core.types import Array, CameraView, PointCloud

_MAX_CELLS = 2**28  # 1 GiB of int32 a thread
_BLOCK = 1 << _kernels.BLOCK_BITS
_MAX_ENTRY = np.iinfo(np.int32).max


@dataclass(frozen=True)
class FusionConfig:
    """What part of space is kept, and how finely.

    Attributes:
        aabb_base: ``(2, 3)`` minimum and maximum corner of the kept box, base frame [m]; the maximum is excluded.
        voxel_m: Edge of a voxel [m]; one point is kept per occupied voxel.
        max_depth_m: Depths beyond are ignored [m].
        threads: Threads that share the pixels; the cloud does not depend on it.
        flying_ratio: Pixels are dropped that hang between surfaces: both neighbours along the row, or along the column,
            lie more than this share of the pixel's depth nearer or farther, or have no depth. 0: all are kept.
        normals: Also give each point the normal of the plane through the voxels around it.
    """

    aabb_base: Array = field(default_factory=lambda: SCENE_AABB_BASE.copy())
    voxel_m: float = 0.005
    max_depth_m: float = 10.0
    threads: int = 1
    flying_ratio: float = 0.0
    normals: bool = False

    def __post_init__(self) -> None:
        aabb = np.asarray(self.aabb_base, dtype=np.float64)
        if aabb.shape != (2, 3) or not np.isfinite(aabb).all() or not (aabb[1] > aabb[0]).all():
            raise ConfigurationError(f"aabb_base must be (2, 3), finite, with min < max, got {aabb.tolist()}")
        if not (self.voxel_m > 0 and self.max_depth_m > 0 and self.threads >= 1):
            raise ConfigurationError(
                f"voxel_m, max_depth_m and threads must be positive, "
                f"got {self.voxel_m}, {self.max_depth_m} and {self.threads}"
            )
        if not 0 <= self.flying_ratio < 1:
            raise ConfigurationError(f"flying_ratio must be 0 (off) or below 1, such as 0.03, got {self.flying_ratio}")
        cells = float(np.prod(np.ceil(((aabb[1] - aabb[0]) / self.voxel_m + 1.0) / _BLOCK) * _BLOCK))
        if cells > _MAX_CELLS:
            raise ConfigurationError(
                f"a grid of {cells:.3g} voxels exceeds the limit of {_MAX_CELLS}; "
                f"enlarge voxel_m ({self.voxel_m} m) or shrink aabb_base"
            )
        object.__setattr__(self, "aabb_base", aabb)

    def grid_origin(self) -> Array:
        """Corner of the voxel grid [m]. Voxels are centred on multiples of ``voxel_m`` in the base frame.

        So a table at the height of the base fills one layer of voxels where a border at z = 0 would split it in two
        by the smallest noise, and the voxels do not move with the box.
        """
        return (np.round(self.aabb_base[0] / self.voxel_m) - 0.5) * self.voxel_m


class _Workspace:
    """Grid and slots of one thread. They are kept between frames and never cleared."""

    def __init__(self, cells: int) -> None:
        self.grid = np.zeros(cells, dtype=np.int32)
        self.slots = np.empty((0, _kernels.SLOT_WIDTH), dtype=np.int64)
        self.base = 1
        self.count = 0

    def begin(self, capacity: int) -> None:
        """Forget the last frame and make room for ``capacity`` slots (memory that is never touched costs nothing)."""
        self.base += self.count
        self.count = 0
        if self.base > _MAX_ENTRY - capacity:
            self.grid.fill(0)
            self.base = 1
        if len(self.slots) < capacity:
            self.slots = np.empty((capacity, _kernels.SLOT_WIDTH), dtype=np.int64)


class CloudFuser:
    """Fuses views into clouds, frame after frame, without allocating more than the cloud itself.

    One instance serves one thread at a time; calls from several threads wait for each other.
    """

    def __init__(self, config: FusionConfig | None = None) -> None:
        self.config = config or FusionConfig()
        self._origin = self.config.grid_origin()
        self._bounds = (self.config.aabb_base - self._origin) / self.config.voxel_m
        self._blocks = tuple(int(n) for n in np.ceil(self._bounds[1] / _BLOCK))
        cells = int(np.prod(self._blocks)) * _BLOCK**3
        self._workspaces = [_Workspace(cells) for _ in range(self.config.threads)]
        self._pool = ThreadPoolExecutor(self.config.threads - 1) if self.config.threads > 1 else None
        self._lock = threading.Lock()

    def fuse(self, views: Sequence[CameraView], without: Array | None = None) -> PointCloud:
        """Unproject, crop and average the views: mean position and colour of each occupied voxel.

        Depths that are NaN, infinite, negative, zero or beyond ``max_depth_m`` are ignored.
        The points come in the order in which a pass over views, rows and columns first enters their voxels.

        Args:
            views: Calibrated views, of any number and size.
            without: ``(k, 4)`` spheres (centre in the base frame, radius) [m] to cut out: the robot itself.

        Returns:
            The cloud in the base frame, stamped with the newest view's time.

        Raises:
            ObservationError: no views, no valid depth in any view, or no point inside the box and outside the spheres.
            InvalidInputError: a depth image is not float32, a colour image not uint8, or a calibration is not finite.
        """
        if not views:
            raise ObservationError("no camera views to fuse")
        prepared = [self._prepare(view) for view in views]
        with self._lock:
            parts = _split_rows([view.depth_m.shape for view in views], self.config.threads)
            jobs = list(zip(self._workspaces, parts, strict=True))
            futures = [self._pool.submit(self._accumulate, *job, prepared) for job in jobs[1:]] if self._pool else []
            counts = [self._accumulate(*jobs[0], prepared), *(future.result() for future in futures)]
            valid, inside = np.sum(counts, axis=0)
            self._check_counts(views, int(valid), int(inside))
            xyz, rgb = self._merged()
            normals = self._normals(xyz, views) if self.config.normals else None
        if without is not None:
            keep = _kernels.outside_spheres(xyz, np.asarray(without, dtype=np.float64).reshape(-1, 4))
            if not keep.any():
                raise ObservationError(f"all {len(xyz)} points in the box lie on the robot itself")
            xyz, rgb, normals = xyz[keep], rgb[keep], None if normals is None else normals[keep]
        return PointCloud(xyz, rgb, max(view.stamp_ns for view in views), normals)

    def _prepare(self, view: CameraView) -> tuple[Array, Array, Array, Array]:
        """Check a view; returns contiguous images, ``K`` and the ``(3, 4)`` map from camera [m] to grid [voxels]."""
        if view.depth_m.dtype != np.float32 or view.rgb.dtype != np.uint8 or view.depth_m.ndim != 2:
            raise InvalidInputError(
                f"camera {view.name!r}: depth_m must be (h, w) float32 in metres and rgb uint8, "
                f"got {view.depth_m.shape} {view.depth_m.dtype} and {view.rgb.dtype}"
            )
        K = np.ascontiguousarray(view.K, dtype=np.float64)
        if not np.isfinite(K).all() or K[0, 0] == 0 or K[1, 1] == 0:
            raise InvalidInputError(f"camera {view.name!r}: K is not a finite pinhole matrix: {K.tolist()}")
        T = se3.check(view.T_base_camera, f"camera {view.name!r}: T_base_camera")
        T_grid_camera = T[:3].copy()
        T_grid_camera[:, 3] -= self._origin
        T_grid_camera /= self.config.voxel_m
        return np.ascontiguousarray(view.depth_m), np.ascontiguousarray(view.rgb), K, T_grid_camera

    def _accumulate(self, workspace: _Workspace, part: list[tuple[int, int]], prepared: list[tuple]) -> tuple[int, int]:
        """Run one thread's rows; returns the numbers of valid pixels and of pixels inside the box."""
        workspace.begin(capacity=sum(view[0].size for view in prepared))
        valid = inside = 0
        for (depth_m, rgb, K, T_grid_camera), rows in zip(prepared, part, strict=True):
            if rows[0] == rows[1]:
                continue
            workspace.count, v, i = _kernels.accumulate(
                depth_m, rgb, rows, K, T_grid_camera, self._bounds, self._blocks, float(self.config.max_depth_m),
                float(self.config.flying_ratio), workspace.grid, workspace.base, workspace.slots, workspace.count,
            )  # fmt: skip
            valid, inside = valid + v, inside + i
        return valid, inside

    def _merged(self) -> tuple[Array, Array]:
        first, *others = self._workspaces
        for other in others:
            first.count = _kernels.merge(first.grid, first.base, first.slots, first.count, other.slots, other.count)
        return _kernels.means(first.slots, first.count, self._origin, float(self.config.voxel_m))

    def _normals(self, xyz: Array, views: Sequence[CameraView]) -> Array:
        """``(n, 3)`` float32; the first workspace holds all voxels once the threads' parts are merged."""
        first = self._workspaces[0]
        normals = _normal_kernels.plane_normals(first.grid, first.base, first.slots, first.count, self._blocks)
        best, sign = np.full(len(xyz), -1.0), np.ones(len(xyz))
        near_m = _normal_kernels.SEEN_WITHIN * self.config.voxel_m
        for view in views:
            depth_m, K = np.ascontiguousarray(view.depth_m), np.ascontiguousarray(view.K, dtype=np.float64)
            T = se3.inverse(view.T_base_camera)
            _normal_kernels.face_cameras(xyz, normals, depth_m, K, T, near_m, best, sign)
        return (normals * sign[:, None]).astype(np.float32)

    def _check_counts(self, views: Sequence[CameraView], valid: int, inside: int) -> None:
        names = ", ".join(view.name for view in views)
        if valid == 0:
            raise ObservationError(f"no valid depth (0 < z <= {self.config.max_depth_m} m) from any camera: {names}")
        if inside == 0:
            raise ObservationError(
                f"none of {valid} points from {names} lies in the box {self.config.aabb_base.tolist()} "
                "of the base frame; check the cameras' extrinsics"
            )


def fuse(views: Sequence[CameraView], aabb_base: Array = SCENE_AABB_BASE, voxel_m: float = 0.005) -> PointCloud:
    """Fuse views with a shared single-threaded :class:`CloudFuser`; see :meth:`CloudFuser.fuse`."""
    return _shared_fuser(tuple(np.asarray(aabb_base, dtype=np.float64).ravel().tolist()), float(voxel_m)).fuse(views)


@functools.lru_cache(maxsize=4)
def _shared_fuser(aabb_base: tuple[float, ...], voxel_m: float) -> CloudFuser:
    return CloudFuser(FusionConfig(np.array(aabb_base).reshape(2, -1), voxel_m))


def _split_rows(shapes: list[tuple[int, ...]], parts: int) -> list[list[tuple[int, int]]]:
    """Cut the sequence of all views' rows into consecutive parts of about equal pixels: per part a range per view."""
    total = sum(h * w for h, w in shapes)
    cuts = [[0] * len(shapes)]
    for part in range(1, parts + 1):
        budget = total * part // parts
        ends = []
        for h, w in shapes:
            ends.append(min(h, round(budget / w)) if w else h)
            budget = max(0, budget - h * w)
        cuts.append(ends)
    cuts[-1] = [h for h, _ in shapes]
    return [list(zip(a, b, strict=True)) for a, b in itertools.pairwise(cuts)]
