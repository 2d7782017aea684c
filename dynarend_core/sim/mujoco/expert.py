"""The scripted expert: solves a task by its own keyframes and records what a policy would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.records import Alternative, EpisodeRecord, FrameRecord, Transition
from dynarend_core.errors import PlanningError
from dynarend_core.geometry import rotations
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.alternatives import alternatives
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.world import MujocoWorld, random_offset
from dynarend_core.types import Array, CameraView, FailureReason, GripperState, Keyframe, Observation

DISPLACED_M, DISPLACED_RAD = 0.02, np.deg2rad(10.0)
"""Largest displacement of the arm in a displaced copy of an observation."""

MISSED_M, MISSED_RAD = 0.01, np.deg2rad(3.0)
"""An arm that stops farther than this from its keyframe leaned on something that the expert did not mean.

The servos are stiff: a button on its stop, a handle or a tap that is meant to be touched holds the tip back by at most
3 mm and half a degree, while a link on a cabinet or a rack holds it back by 13 mm and more.
"""

FALL_S = 0.5
"""How long what was let go last may fall before the scene is judged [s]."""


@dataclass(frozen=True)
class ExpertResult:
    """What became of one demonstration; ``episode`` is None if the task was not solved."""

    episode: EpisodeRecord | None
    failure_reason: FailureReason
    message: str


def demonstrate(
    environment: MujocoEnvironment,
    task: str,
    seed: int,
    displaced: int = 1,
    target_views: int = 0,
    masks: bool = True,
    perturbation: str = UNDISTURBED,
) -> ExpertResult:
    """Solve one scene and record it; deterministic by its arguments.

    The variation cycles with the seed, every other demonstration starts from a disturbed arm pose, and only
    phrasings meant for training are used. A scene solved by an arm that missed a keyframe does not count, because its
    label would say what the arm did not do. The failure's cause is then ``controller``.

    Args:
        environment: Simulator to use.
        task: Task name.
        seed: Scene seed.
        displaced: Displaced copies per observation: the arm up to 2 cm and 10 degrees off, same label.
        target_views: Extra views a frame for rendering, each from another place on an orbit (geometry/orbit.py).
        masks: Record which object each pixel shows.
        perturbation: How the scene differs from the usual one (docs/tasks.md).

    Raises:
        ConfigurationError: unknown task or perturbation, or one that makes no sense for the task.
        SimulationError: no placement found.
    """
    variation = seed % environment.variation_count(task)
    rng = np.random.default_rng([seed, 1])
    world = environment.world
    observation = environment.reset(
        task, variation, seed, phrasing=0, disturb_start=bool(seed % 2), perturbation=perturbation
    )
    instructions = tuple(world.task.instructions()[:-1])
    recorder = _Recorder(world, target_views, masks, np.random.default_rng([seed, 2]))
    recorder.add(observation.views, observation.gripper, observation.q, "start")
    others = alternatives(world)
    targets = world.task.waypoints(world)
    for step, target in enumerate(targets):
        recorder.begin_step(target, step, displaced, rng)
        if step == 0:
            recorder.note_alternatives(others)
        result = environment.step(target, observation)
        observation = result.observation
        if result.failure_reason is not FailureReason.NONE:
            return ExpertResult(None, result.failure_reason, f"keyframe {step + 1}: {result.message}")
        missed = _missed(target, observation.gripper.T_base_gripper)
        if missed:
            return ExpertResult(None, FailureReason.CONTROLLER, f"keyframe {step + 1}: {missed}")
        recorder.end_step(observation)
    if not world.success():
        world.advance(FALL_S)
    if not world.success():
        return ExpertResult(None, FailureReason.TIMEOUT, "the expert's keyframes did not solve the task")
    episode = EpisodeRecord(
        task=task, variation=variation, seed=seed, instructions=instructions, instruction_used=instructions[0],
        frames=tuple(recorder.frames), transitions=tuple(recorder.transitions), object_names=world.object_names,
        alternatives=recorder.alternatives,
    )  # fmt: skip
    return ExpertResult(episode, FailureReason.NONE, "")


def _missed(target: Keyframe, T_base_gripper: Array) -> str:
    """By how much the arm at ``(4, 4)`` missed a keyframe; empty if it is there."""
    T = target.T_base_gripper
    distance = float(np.linalg.norm(T_base_gripper[:3, 3] - T[:3, 3]))
    angle = rotations.rotation_angle(T_base_gripper[:3, :3], T[:3, :3])
    if distance <= MISSED_M and angle <= MISSED_RAD:
        return ""
    return f"the arm stopped {100 * distance:.1f} cm and {np.degrees(angle):.0f} degrees from it"


class _Recorder:
    """Collects frames once each, and the transitions that point into them."""

    def __init__(self, world: MujocoWorld, target_views: int, masks: bool, rng: np.random.Generator) -> None:
        self._world, self._target_views, self._masks, self._rng = world, target_views, masks, rng
        self.frames: list[FrameRecord] = []
        self.transitions: list[Transition] = []
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

    def end_step(self, observation: Observation) -> None:
        """The target is reached: close the pending transitions."""
        self._current = self.add(observation.views, observation.gripper, observation.q, "keyframe")
        self.transitions += [Transition(frame, self._current, target, step) for frame, target, step in self._pending]
