"""The scripted expert: solves a task by its own keyframes and records what a policy would have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord
from dynarend_core.geometry import rotations
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.alternatives import alternatives
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.recording import Recorder
from dynarend_core.types import Array, FailureReason, Keyframe

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
    recorder = Recorder(world, target_views, masks, np.random.default_rng([seed, 2]))
    recorder.add(observation.views, observation.gripper, observation.q, "start")
    targets = world.task.waypoints(world)
    for step, target in enumerate(targets):
        recorder.begin_step(target, step, displaced, rng)
        recorder.note_alternatives(alternatives(world))
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
