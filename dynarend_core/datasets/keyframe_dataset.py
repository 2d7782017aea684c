"""Training samples from fused demonstrations: (cloud, words, gripper) in, the next keyframe as label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.datasets import points
from dynarend_core.datasets.augmentation import (
    AugmentationConfig,
    drop_points,
    jitter_colours,
    jitter_positions,
    recolour_surface,
    rigid_motion,
)
from dynarend_core.datasets.cloud_cache import TaskClouds
from dynarend_core.datasets.named_points import NamedPoints
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.types import GripperState, Keyframe, Observation, PointCloud

Array = np.ndarray


@dataclass(frozen=True)
class SampleConfig:
    """What a sample holds.

    Attributes:
        points: Points of the coarse cloud.
        zoom_points: Points of the close cloud.
        zoom_edge_m: Edge of the zoom cube [m]; 0 for none.
        zoom_noise_m: Largest offset of its centre from the label along each axis [m].
        augmentation: Ranges of the augmentation.
    """

    points: int = 16384
    zoom_points: int = 8192
    zoom_edge_m: float = 0.30
    zoom_noise_m: float = 0.05
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)


@dataclass(frozen=True)
class Sample:
    """One training example; coordinates normalised to the workspace cube. Fields as in ``NetworkInput``.

    Attributes:
        points: ``(n, 6)`` coarse cloud.
        zoom_points: ``(m, 6)`` cloud around ``zoom_centre``.
        zoom_centre: ``(3,)``.
        instruction: One of the episode's training phrasings.
        gripper_open: State now.
        step: Keyframes done before.
        tip: ``(3,)`` gripper tip.
        frame: ``(5,)`` where the robot's base went under augmentation.
        target: ``(3,)`` position to reach.
        target_rotation: ``(3, 3)``.
        target_open: Gripper command there.
        target_ignore: Whether the way there may ignore collisions.
        named_xyz: ``(k, 3)`` points on objects whose names are known; k = 0 without them.
        named_ids: ``(k,)`` positions in the dataset's ``names``, -1 for none.
    """

    points: Array
    zoom_points: Array
    zoom_centre: Array
    instruction: str
    gripper_open: bool
    step: int
    tip: Array
    frame: Array
    target: Array
    target_rotation: Array
    target_open: bool
    target_ignore: bool
    named_xyz: Array
    named_ids: Array


class KeyframeDataset:
    """Draws tasks uniformly, then transitions, then a phrasing; everything random comes from the caller's generator.

    With :meth:`weigh` tasks and transitions are drawn by weights instead.

    Args:
        tasks: Cached demonstrations.
        aabb: Workspace ``(2, 3)``, base frame [m].
        config: Sizes and augmentation.
        episodes: For each task the episode numbers to draw from; None for all.
        named: Named points of each task; None for none.
    """

    def __init__(
        self,
        tasks: Sequence[TaskClouds],
        aabb: Array,
        config: SampleConfig,
        episodes: Sequence[Array] | None = None,
        named: Sequence[NamedPoints] | None = None,
    ) -> None:
        self.tasks, self.aabb, self.config = list(tasks), np.asarray(aabb, dtype=np.float64), config
        self.named = None if named is None else list(named)
        self.names = tuple(sorted({name for n in named or () for name in n.names}))
        self._ids = [np.array([*map(self.names.index, n.names), -1]) for n in named or ()]
        self.rows: list[Array] = []
        for number, task in enumerate(self.tasks):
            has_points = np.diff(task.offsets)[task.frame] > 0
            chosen = has_points if episodes is None else has_points & np.isin(task.episode, episodes[number])
            if not chosen.any():
                raise DatasetError(f"task {task.task!r} has no usable transitions among the chosen episodes")
            self.rows.append(np.flatnonzero(chosen))
        self._shares: tuple[Array, list[Array]] | None = None

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)

    def sentences(self) -> list[str]:
        """Every training phrasing once."""
        return sorted({s for task in self.tasks for sentences in task.instructions for s in sentences})

    def draw(self, rng: np.random.Generator) -> Sample:
        """One augmented sample."""
        return self.augmented(*self.pick(rng), rng)

    def pick(self, rng: np.random.Generator) -> tuple[int, int]:
        """A task, then one of its transitions: their numbers."""
        if self._shares is None:
            number = int(rng.integers(len(self.tasks)))
            return number, int(rng.choice(self.rows[number]))
        of_tasks, of_rows = self._shares
        number = int(rng.choice(len(of_tasks), p=of_tasks))
        return number, int(rng.choice(self.rows[number], p=of_rows[number]))

    def weigh(self, weights: Sequence[Array]) -> None:
        """Draw transitions in proportion to weights: for each task one for each of its ``rows``.

        Raises:
            DatasetError: Not one weight for each transition, or a negative one.
        """
        if [len(w) for w in weights] != [len(rows) for rows in self.rows] or any((w < 0).any() for w in weights):
            raise DatasetError(f"weights must be {[len(rows) for rows in self.rows]} non-negative numbers")
        sums = np.array([np.sum(w, dtype=np.float64) for w in weights])
        self._shares = (sums / sums.sum(), [w / total for w, total in zip(weights, sums, strict=True)])

    def augmented(self, number: int, row: int, rng: np.random.Generator) -> Sample:
        """A transition with one of its phrasings, augmented."""
        task, c = self.tasks[number], self.config
        phrasings = task.instructions[int(task.episode[row])]
        instruction = phrasings[int(rng.integers(len(phrasings)))]
        frame = int(task.frame[row])
        xyz, rgb = task.cloud(frame, self.aabb)
        target = task.target[row]
        motion = rigid_motion(target[:3, 3], self.aabb, c.augmentation, rng)
        moved = motion @ target
        rgb_now = recolour_surface(xyz, rgb.astype(np.float32) / 255.0, target[:3, 3], c.augmentation, rng)
        rgb_now = jitter_colours(rgb_now, c.augmentation, rng)
        half = (self.aabb[1] - self.aabb[0]) / 2.0
        noise = rng.uniform(-c.zoom_noise_m, c.zoom_noise_m, 3)
        base = motion @ np.array([0.0, 0.0, 0.0, 1.0])
        named_xyz, named_ids = self._named(number, frame)
        named = points.normalise(se3.apply(motion, named_xyz), self.aabb)
        coarse = drop_points(len(xyz), c.points, c.augmentation, rng)
        return Sample(
            points=self._pack(xyz, rgb_now, coarse, c.points, motion, rng),
            zoom_points=self._close(xyz, rgb_now, target[:3, 3], motion, rng),
            zoom_centre=points.normalise(moved[:3, 3] + noise, self.aabb),
            instruction=instruction,
            gripper_open=bool(task.gripper_open[frame]),
            step=int(task.step[row]),
            tip=points.normalise((motion @ task.tip[frame])[:3, 3], self.aabb),
            frame=np.array([*(base[:3] / half), motion[0, 0], motion[1, 0]], dtype=np.float32),
            target=points.normalise(moved[:3, 3], self.aabb),
            target_rotation=moved[:3, :3].astype(np.float32),
            target_open=bool(task.target_open[row]),
            target_ignore=bool(task.target_ignore[row]),
            named_xyz=named,
            named_ids=np.where((np.abs(named) <= 1.0).all(axis=1), named_ids, -1),
        )

    def _named(self, number: int, frame: int) -> tuple[Array, Array]:
        """Named points of a frame [m], and their ids among all names."""
        if self.named is None:
            return np.zeros((0, 3)), np.zeros(0, dtype=np.int64)
        task = self.named[number]
        return task.xyz[frame], self._ids[number][task.ids[frame]]

    def _close(self, xyz: Array, rgb: Array, target_m: Array, motion: Array, rng: np.random.Generator) -> Array:
        """Points that the zoom cube can hold wherever its noise and the turn put it."""
        c = self.config
        if c.zoom_edge_m <= 0:
            return np.zeros((0, 6), dtype=np.float32)
        reach = np.sqrt(2.0) * (c.zoom_edge_m / 2.0 + c.zoom_noise_m)
        near = points.crop(xyz, target_m, reach)
        if len(near) > c.zoom_points:
            near = rng.permutation(near)[: c.zoom_points]
        near = near[rng.random(len(near)) >= rng.uniform(0.0, c.augmentation.dropout)]
        return self._pack(xyz, rgb, near, c.zoom_points, motion, rng)

    def _pack(
        self, xyz: Array, rgb: Array, chosen: Array, count: int, motion: Array, rng: np.random.Generator
    ) -> Array:
        moved = se3.apply(motion.astype(np.float32), xyz[chosen])
        moved = jitter_positions(moved, self.config.augmentation, rng)
        return points.pack(points.normalise(moved, self.aabb), rgb[chosen], count)

    def observation(self, number: int, row: int, instruction: str) -> tuple[Observation, Keyframe]:
        """A transition as the policy meets it in use, without augmentation, and its label."""
        task = self.tasks[number]
        frame = int(task.frame[row])
        xyz, rgb = task.cloud(frame, self.aabb)
        gripper = GripperState(task.tip[frame], bool(task.gripper_open[frame]))
        seen = Observation(
            (), gripper, instruction, int(task.step[row]), cloud=PointCloud(xyz, np.ascontiguousarray(rgb))
        )
        return seen, Keyframe(task.target[row], bool(task.target_open[row]), bool(task.target_ignore[row]))
