"""What a demonstration is made of while it happens: frames once each, and the transitions that point into them."""

from __future__ import annotations

import numpy as np

from dynarend_core.datasets.records import Alternative, FrameRecord, Transition
from dynarend_core.errors import PlanningError
from dynarend_core.sim.mujoco.world import MujocoWorld, random_offset
from dynarend_core.types import Array, CameraView, GripperState, Keyframe, Observation

DISPLACED_M, DISPLACED_RAD = 0.02, np.deg2rad(10.0)
"""Largest displacement of the arm in a displaced copy of an observation."""


class Recorder:
    """Collects frames once each, and the transitions that point into them."""

    def __init__(self, world: MujocoWorld, target_views: int, masks: bool, rng: np.random.Generator) -> None:
        self._world, self._target_views, self._masks, self._rng = world, target_views, masks, rng
        self.frames: list[FrameRecord] = []
        self.transitions: list[Transition] = []
        self.executed: dict[int, Keyframe] = {}
        self.alternatives: dict[int, tuple[Alternative, ...]] = {}
        self._pending: list[tuple[int, Keyframe, int]] = []
        self._current = 0

    def add(self, views: tuple[CameraView, ...], gripper: GripperState, q: Array, kind: str) -> int:
        """Record the world as it is now; ``views`` are of now."""
        orbits = [self._world.orbit_view(f"orbit{i}", self._rng) for i in range(self._target_views)]
        targets = tuple(view for view, _ in orbits)
        ids = (*self._world.object_ids(), *(ids for _, ids in orbits)) if self._masks else ()
        stamp_ns = max(view.stamp_ns for view in views)
        self.frames.append(FrameRecord(views, gripper, q, stamp_ns, kind, targets, ids))
        return len(self.frames) - 1

    def begin_step(self, target: Keyframe, step: int, displaced: int, rng: np.random.Generator) -> None:
        """Note the observation the target follows from, and displaced copies of it."""
        self._pending = [(self._current, target, step)]
        for _ in range(displaced):
            offset = random_offset(rng, DISPLACED_M, DISPLACED_RAD)
            try:
                with self._world.displaced(offset) as (gripper, q):
                    frame = self.add(self._world.views(), gripper, q, "displaced")
            except PlanningError:
                continue
            self._pending.append((frame, target, step))

    def note_alternatives(self, others: tuple[Alternative, ...]) -> None:
        """Note the answers to other instructions in the frames of the step that has begun."""
        if others:
            self.alternatives |= {frame: others for frame, _, _ in self._pending}

    def end_step(self, observation: Observation, executed: Keyframe | None = None) -> None:
        """The next keyframe is reached: close the pending transitions.

        Args:
            observation: What is seen there.
            executed: The keyframe that led there, if not the label.
        """
        if executed is not None:
            self.executed |= {frame: executed for frame, _, _ in self._pending}
        self._current = self.add(observation.views, observation.gripper, observation.q, "keyframe")
        self.transitions += [Transition(frame, self._current, target, step) for frame, target, step in self._pending]
