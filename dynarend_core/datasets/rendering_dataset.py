"""Samples for pretraining: a masked cloud's pixels, now and at the next keyframe.

One camera a sample and time is drawn, and of its pixels those whose surface lies inside the workspace, because a
triplane cannot know what is outside its cube; and a few whose ray crosses it and meets nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, Sample
from dynarend_core.datasets.packing import DEPTH_UNIT_M
from dynarend_core.datasets.semantics import NoSemantics, SemanticSource
from dynarend_core.datasets.view_cache import TaskViews
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import aabb as boxes
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_z

Array = np.ndarray

_CANDIDATES = 4
CHANGED_COLOUR, CHANGED_DEPTH_M = 0.1, 0.02
"""A pixel shows something else if its colour, in ``[0, 1]``, or its depth [m] differs by more."""
_FEWEST_CHANGED = 20
_FREE_SHARE = 8


@dataclass(frozen=True)
class PixelSample:
    """Pixels of one camera.

    Attributes:
        uv: ``(r, 2)`` image positions [px].
        K: ``(3, 3)``.
        T_base_camera: ``(4, 4)``.
        rgb: ``(r, 3)`` in ``[0, 1]``.
        depth: ``(r,)`` [m]; where the ray leaves the workspace if it is free.
        valid: ``(r,)`` bool; False pads a view that shows too little of the workspace.
        free: ``(r,)`` bool; the ray crosses the workspace and meets nothing there.
        names: ``(r,)`` int64 id of the object seen, -1 where none is known.
        features: ``(r, s)`` semantic features seen.
    """

    uv: Array
    K: Array
    T_base_camera: Array
    rgb: Array
    depth: Array
    valid: Array
    free: Array
    names: Array
    features: Array


@dataclass(frozen=True)
class PixelConfig:
    """Which pixels are drawn.

    Attributes:
        rays: Pixels a sample and time.
        without_camera: Input camera whose pixels are never drawn.
        target_views: Whether the store's extra target views are drawn, too.
    """

    rays: int
    without_camera: str | None = None
    target_views: bool = True


@dataclass(frozen=True)
class RenderSample:
    """What the network is given, and what it should be able to render."""

    sample: Sample
    now: PixelSample
    future: PixelSample


class RenderingDataset:
    """Adds pixels to the samples of a keyframe dataset, moved by the same augmentation.

    Args:
        keyframes: Clouds and instructions.
        views: Images of the same tasks in the same order.
        pixels: Which pixels are drawn.
        semantics: What pixels mean.

    Raises:
        DatasetError: The camera to leave out is unknown or the only view.
    """

    def __init__(
        self,
        keyframes: KeyframeDataset,
        views: Sequence[TaskViews],
        pixels: PixelConfig,
        semantics: SemanticSource | None = None,
    ) -> None:
        self.keyframes, self.views, self.config = keyframes, list(views), pixels
        self.semantics: SemanticSource = NoSemantics() if semantics is None else semantics
        without_camera = pixels.without_camera
        self.cameras = [
            [
                i
                for i, name in enumerate(v.cameras + (v.targets if pixels.target_views else ()))
                if name != without_camera
            ]
            for v in self.views
        ]
        for view, kept in zip(self.views, self.cameras, strict=True):
            if not kept or (without_camera is not None and without_camera not in view.cameras):
                raise DatasetError(
                    f"camera {without_camera!r} cannot be held out of task {view.task!r}, which has "
                    f"{', '.join(view.cameras)}"
                )

    def draw(self, rng: np.random.Generator) -> RenderSample:
        """One augmented sample."""
        number, row = self.keyframes.pick(rng)
        sample = self.keyframes.augmented(number, row, rng)
        motion = self._motion(sample)
        frames = (int(self.keyframes.tasks[number].frame[row]), int(self.views[number].target_frame[row]))
        now = self._pixels(number, frames[0], None, motion, rng)
        return RenderSample(sample, now, self._pixels(number, frames[1], frames[0], motion, rng))

    def _motion(self, sample: Sample) -> Array:
        """The augmentation's rigid motion, from where it put the robot's base."""
        box = self.keyframes.aabb
        shift = sample.given.frame[:3].astype(np.float64) * (box[1] - box[0]) / 2.0
        return se3.make(rotation_z(float(np.arctan2(sample.given.frame[4], sample.given.frame[3]))), shift)

    def _pixels(
        self, number: int, frame: int, before: int | None, motion: Array, rng: np.random.Generator
    ) -> PixelSample:
        views = self.views[number]
        camera = self._camera(number, frame, before, rng)
        width = views.depth.shape[3]
        flat = self._candidates(views, frame, before, camera, rng)
        v, u = np.divmod(flat, width)
        uv = np.stack([u, v], axis=-1).astype(np.float32) + 0.5
        depth = views.depth_m(frame, camera, v, u)
        K, T = views.K[frame, camera], motion @ views.T_base_camera[frame, camera]
        along = np.stack([(uv[:, 0] - K[0, 2]) / K[0, 0], (uv[:, 1] - K[1, 2]) / K[1, 1], np.ones(len(uv))], axis=-1)
        at = se3.apply(views.T_base_camera[frame, camera], along * depth[:, None])
        # In the box where the cloud was cut out of the scene, and in the one that the network looks at.
        usable = (depth > 0) & boxes.contains(self.keyframes.aabb, at)
        usable &= boxes.contains(self.keyframes.aabb, se3.apply(motion, at))
        leaves = boxes.exit_depth(self.keyframes.aabb, T[:3, 3], along @ T[:3, :3].T)
        free = depth > np.maximum(leaves, 0.0)
        free &= np.isfinite(leaves)
        chosen = self._choose(usable, free)
        rgb = views.rgb[frame, camera, v[chosen], u[chosen]].astype(np.float32) / 255.0
        return PixelSample(
            uv[chosen],
            K.astype(np.float32),
            T.astype(np.float32),
            rgb,
            np.where(usable[chosen], depth[chosen], np.where(free, leaves, 1.0)[chosen]).astype(np.float32),
            usable[chosen],
            free[chosen],
            *self.semantics.at(number, frame, camera, v[chosen], u[chosen]),
        )

    def _camera(self, number: int, frame: int, before: int | None, rng: np.random.Generator) -> int:
        """One of the cameras; for a future every second time one that stands still, which shows what changes.

        A wrist camera moves with the arm, and each frame of a store has target views of its own.
        """
        cameras = self.cameras[number]
        if before is not None and rng.random() < 0.5:
            T = self.views[number].T_base_camera
            cameras = [i for i in cameras if np.allclose(T[before, i], T[frame, i], atol=1e-6)] or cameras
        return int(rng.choice(cameras))

    def _choose(self, usable: Array, free: Array) -> Array:
        """Numbers of the candidates that become rays: usable ones, with some that see nothing in the workspace."""
        through = np.flatnonzero(free)[: self.config.rays // _FREE_SHARE]
        order = np.argsort(~usable, kind="stable")
        return np.concatenate([order[: self.config.rays - len(through)], through])

    def _candidates(
        self, views: TaskViews, frame: int, before: int | None, camera: int, rng: np.random.Generator
    ) -> Array:
        """Pixels to choose from: half of the rays go to the objects in view, each as often as the others.

        A button covers one pixel in four hundred: pixels drawn evenly would hardly ever show it. Of a future seen by a
        still camera, first a third goes to where it differs from the present: most of a scene stays as it is, and
        copying it teaches nothing.
        """
        rays, pixels = self.config.rays, int(np.prod(views.depth.shape[2:]))
        evenly = rng.integers(0, pixels, _CANDIDATES * rays)
        if before is not None and len(changed := _changed(views, before, frame, camera)) >= _FEWEST_CHANGED:
            evenly = np.concatenate([rng.choice(changed, rays // 3), evenly])
        if views.objects is None:
            return evenly
        objects = views.objects[frame, camera].ravel()
        order = np.argsort(objects, kind="stable")
        ends = np.cumsum(np.bincount(objects, minlength=2))
        seen = 1 + np.flatnonzero(np.diff(ends) > 0)
        if len(seen) == 0:
            return evenly
        chosen = rng.choice(seen, rays // 2 if before is None else rays // 3)
        first, last = ends[chosen - 1], ends[chosen]
        return np.concatenate([order[rng.integers(first, last)], evenly])


def _changed(views: TaskViews, before: int, frame: int, camera: int) -> Array:
    """Pixels of a camera that show something else than before, as numbers; none if the camera moved."""
    if not np.allclose(views.T_base_camera[before, camera], views.T_base_camera[frame, camera], atol=1e-6):
        return np.zeros(0, dtype=np.int64)
    colours, depths = views.rgb[[before, frame], camera].astype(np.int16), views.depth[[before, frame], camera]
    far = np.abs(depths[1].astype(np.int32) - depths[0]) * DEPTH_UNIT_M > CHANGED_DEPTH_M
    return np.flatnonzero(far | (np.abs(colours[1] - colours[0]).max(axis=-1) > 255.0 * CHANGED_COLOUR))
