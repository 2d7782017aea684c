"""Training samples from fused demonstrations: (clouds, words, gripper, memory) in, the next keyframe as label."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.datasets import points
from dynarend_core.datasets.augmentation import (
    AugmentationConfig,
    blur_memory,
    drop_points,
    forget,
    jitter_colours,
    jitter_positions,
    recolour_surface,
    rigid_motion,
)
from dynarend_core.datasets.cloud_cache import TaskClouds
from dynarend_core.datasets.given import Given, given
from dynarend_core.datasets.named_points import NamedPoints
from dynarend_core.datasets.records import Alternative
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.types import Keyframe, Observation, PointCloud

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
        first_points: Points of the episode's first cloud; 0 for none.
    """

    points: int = 16384
    zoom_points: int = 8192
    zoom_edge_m: float = 0.30
    zoom_noise_m: float = 0.05
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    first_points: int = 8192


@dataclass(frozen=True)
class Sample:
    """One training example; coordinates normalised to the workspace cube.

    Attributes:
        given: What the network is given.
        zoom_points: ``(m, 6)`` cloud around ``zoom_centre``.
        zoom_centre: ``(3,)``.
        target: ``(3,)`` position to reach.
        target_rotation: ``(3, 3)``.
        target_open: Gripper command there.
        target_ignore: Whether the way there may ignore collisions.
        named_xyz: ``(k, 3)`` points on objects whose names are known; k = 0 without them.
        named_ids: ``(k,)`` positions in the dataset's ``names``, -1 for none.
        other: ``(3,)`` position to reach under another instruction of the same scene; NaN where none is drawn.
        task: Number of the task.
    """

    given: Given
    zoom_points: Array
    zoom_centre: Array
    target: Array
    target_rotation: Array
    target_open: bool
    target_ignore: bool
    named_xyz: Array
    named_ids: Array
    other: Array
    task: int


class KeyframeDataset:
    """Draws tasks uniformly, then transitions, then a phrasing; everything random comes from the caller's generator.

    With :meth:`weigh` tasks and transitions are drawn by weights instead.

    Args:
        tasks: Cached demonstrations.
        aabb: Workspace ``(2, 3)``, base frame [m].
        config: Sizes and augmentation.
        episodes: For each task the episode numbers to draw from; None for all.
        named: Named points of each task; None for none.
        origin_weights: How often demonstrations of each origin (:data:`dynarend_core.datasets.records.ORIGINS`) are
            drawn; 0 for never.
    """

    def __init__(
        self,
        tasks: Sequence[TaskClouds],
        aabb: Array,
        config: SampleConfig,
        episodes: Sequence[Array] | None = None,
        named: Sequence[NamedPoints] | None = None,
        origin_weights: Sequence[float] = (1.0, 1.0, 1.0),
    ) -> None:
        self.tasks, self.aabb, self.config = list(tasks), np.asarray(aabb, dtype=np.float64), config
        self.named = None if named is None else list(named)
        self.names = tuple(sorted({name for n in named or () for name in n.names}))
        self._ids = [np.array([*map(self.names.index, n.names), -1]) for n in named or ()]
        self.rows: list[Array] = []
        for number, task in enumerate(self.tasks):
            has_points = np.diff(task.offsets)[task.frame] > 0
            chosen = has_points if episodes is None else has_points & np.isin(task.episode, episodes[number])
            chosen &= np.asarray(origin_weights)[task.origin] > 0
            if not chosen.any():
                raise DatasetError(f"task {task.task!r} has no usable transitions among the chosen episodes")
            self.rows.append(np.flatnonzero(chosen))
        self._origins = [
            np.asarray(origin_weights, dtype=np.float64)[t.origin[r]]
            for t, r in zip(self.tasks, self.rows, strict=True)
        ]
        self._shares: tuple[Array, list[Array]] | None = None
        if len({w for weights in self._origins for w in np.unique(weights).tolist()}) > 1:
            self.weigh([np.full(len(w), 1.0 / len(w)) for w in self._origins])

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows)

    def sentences(self) -> list[str]:
        """Every training phrasing once."""
        asked = {s for task in self.tasks for sentences in task.instructions for s in sentences}
        others = (a for task in self.tasks for listed in task.alternatives.values() for a in listed)
        return sorted(asked | {s for a in others for s in a.instructions})

    def draw(self, rng: np.random.Generator) -> Sample:
        """One augmented sample."""
        return self.augmented(*self.pick(rng), rng)

    def draw_batch(self, rng: np.random.Generator, count: int, paired: bool = False) -> list[Sample]:
        """``count`` augmented samples.

        Args:
            rng: Generator of all choices.
            count: How many.
            paired: A scene with answers to other instructions comes a second time, moved and coloured in the same way,
                under one of them.
        """
        samples: list[Sample] = []
        while len(samples) < count:
            number, row = self.pick(rng)
            others = self.tasks[number].alternatives.get(int(self.tasks[number].frame[row]), ())
            if paired and others and len(samples) + 1 < count:
                samples += self._pair(number, row, others[int(rng.integers(len(others)))], rng)
            else:
                samples.append(self.augmented(number, row, rng))
        return samples

    def _pair(self, number: int, row: int, other: Alternative, rng: np.random.Generator) -> list[Sample]:
        """A transition and the same scene under another instruction, if that asks for something in the workspace."""
        seed = int(rng.integers(2**62))
        words = other.instructions[int(rng.integers(len(other.instructions)))]
        own = self.augmented(number, row, np.random.default_rng(seed))
        second = self.augmented(number, row, np.random.default_rng(seed), (words, other.keyframe))
        if (np.abs(second.target) > 1.0).any():
            return [own]
        return [dataclasses.replace(own, other=second.target), dataclasses.replace(second, other=own.target)]

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
        each = [w * by_origin for w, by_origin in zip(weights, self._origins, strict=True)]
        self._shares = (sums / sums.sum(), [w / w.sum() for w in each])

    def augmented(
        self, number: int, row: int, rng: np.random.Generator, instead: tuple[str, Keyframe] | None = None
    ) -> Sample:
        """A transition with one of its phrasings, augmented.

        Args:
            number: Number of the task.
            row: Number of the transition in it.
            rng: Generator of all choices; of equal ones the scene is moved and coloured in the same way.
            instead: Another instruction for this scene and its answer.
        """
        task, c = self.tasks[number], self.config
        phrasings = task.instructions[int(task.episode[row])]
        words = phrasings[int(rng.integers(len(phrasings)))]
        observation, label = self.observation(number, row, words)
        about = label.T_base_gripper[:3, 3]
        if instead is not None:
            observation, label = dataclasses.replace(observation, instruction=instead[0]), instead[1]
        motion = rigid_motion(about, self.aabb, c.augmentation, rng)
        assert observation.cloud is not None
        moved, xyz = motion @ label.T_base_gripper, observation.cloud.xyz
        rgb = recolour_surface(xyz, observation.cloud.rgb.astype(np.float32) / 255.0, about, c.augmentation, rng)
        rgb = jitter_colours(rgb, c.augmentation, rng)
        noise = rng.uniform(-c.zoom_noise_m, c.zoom_noise_m, 3)
        coarse = drop_points(len(xyz), c.points, c.augmentation, rng)
        cloud = self._pack(xyz, rgb, coarse, c.points, motion, rng)
        named_xyz, named_ids = self._named(number, int(task.frame[row]), motion)
        return Sample(
            given=self._given(observation, cloud, motion, rng),
            zoom_points=self._close(xyz, rgb, label.T_base_gripper[:3, 3], motion, rng),
            zoom_centre=points.normalise(moved[:3, 3] + noise, self.aabb),
            target=points.normalise(moved[:3, 3], self.aabb),
            target_rotation=moved[:3, :3].astype(np.float32),
            target_open=label.gripper_open,
            target_ignore=label.ignore_collisions,
            named_xyz=named_xyz,
            named_ids=named_ids,
            other=np.full(3, np.nan, dtype=np.float32),
            task=number,
        )

    def _given(self, observation: Observation, cloud: Array, motion: Array, rng: np.random.Generator) -> Given:
        """What the network is given, its memory augmented, too."""
        c = self.config
        memory = observation.memory
        assert memory is not None
        first = np.zeros((0, 6), dtype=np.float32)
        if c.first_points and memory.first.cloud is not None:
            xyz, colours = memory.first.cloud.xyz, memory.first.cloud.rgb
            # Thinned before it is coloured: it is a second cloud in every sample.
            kept = drop_points(len(xyz), c.first_points, c.augmentation, rng)
            rgb = jitter_colours(colours[kept].astype(np.float32) / 255.0, c.augmentation, rng)
            first = self._pack(xyz[kept], rgb, np.arange(len(kept)), c.first_points, motion, rng)
        seen = dataclasses.replace(observation, memory=blur_memory(memory, c.augmentation, rng))
        return forget(given(seen, cloud, first, self.aabb, motion), c.augmentation, rng)

    def _named(self, number: int, frame: int, motion: Array) -> tuple[Array, Array]:
        """Named points of a frame after a motion, normalised, and their ids among all names; -1 outside."""
        if self.named is None:
            return np.zeros((0, 3), dtype=np.float32), np.zeros(0, dtype=np.int64)
        task = self.named[number]
        xyz = points.normalise(se3.apply(motion, task.xyz[frame]), self.aabb)
        return xyz, np.where((np.abs(xyz) <= 1.0).all(axis=1), self._ids[number][task.ids[frame]], -1)

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
        start = int(task.first[frame])
        first = Observation((), task.gripper(start), instruction, cloud=self._cloud(task, start))
        memory = task.memory(frame, first)
        cloud = self._cloud(task, frame)
        seen = Observation((), task.gripper(frame), instruction, int(task.step[row]), cloud=cloud, memory=memory)
        return seen, Keyframe(task.target[row], bool(task.target_open[row]), bool(task.target_ignore[row]))

    def _cloud(self, task: TaskClouds, frame: int) -> PointCloud:
        xyz, rgb = task.cloud(frame, self.aabb)
        return PointCloud(xyz, np.ascontiguousarray(rgb))
