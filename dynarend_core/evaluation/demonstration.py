"""How far a policy's keyframes are from those of a demonstration, without running a robot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.rlbench_reader import RLBenchEpisode
from dynarend_core.datasets.store import EpisodeRecord
from dynarend_core.errors import DatasetError
from dynarend_core.evaluation.rollout import Actor
from dynarend_core.geometry.rotations import gripper_rotation_angle
from dynarend_core.types import CameraView, EpisodeMemory, Keyframe, Observation, Prediction


@dataclass(frozen=True)
class DemonstratedStep:
    """One keyframe of a demonstration: what was seen before it, and what was done.

    Attributes:
        frame: Frame at which the keyframe was reached.
        observed_frame: Frame from which the robot set out: the previous keyframe, or the start.
        observation: What it saw there.
        keyframe: Where it went.
        after: What the same cameras saw there.
    """

    frame: int
    observed_frame: int
    observation: Observation
    keyframe: Keyframe
    after: tuple[CameraView, ...]


@dataclass(frozen=True)
class ComparedStep:
    """A prediction beside the demonstration.

    Attributes:
        step: The demonstrated step.
        prediction: What the policy said.
        position_error_cm: Distance of the tips [cm].
        rotation_error_deg: Angle between the grippers [degrees]; a gripper turned by 180 degrees is the same.
        gripper_correct: Open or closed as demonstrated.
        ignore_collisions_correct: Contact intended as demonstrated.
    """

    step: DemonstratedStep
    prediction: Prediction
    position_error_cm: float
    rotation_error_deg: float
    gripper_correct: bool
    ignore_collisions_correct: bool


def rlbench_steps(
    episode: RLBenchEpisode, cameras: tuple[str, ...] | None, instruction: str | None
) -> Iterator[DemonstratedStep]:
    """The keyframes of a recorded RLBench demonstration, seen by ``cameras`` (None: all)."""
    observed = 0
    memory: EpisodeMemory | None = None
    for step, frame in enumerate(episode.keyframes()):
        observation = episode.observation(observed, instruction, step, cameras)
        if memory is None:
            memory = EpisodeMemory.begin(observation)
        else:
            memory = memory.after(episode.label(observed), observation)
        seen = memory.recalled(observation)
        yield DemonstratedStep(frame, observed, seen, episode.label(frame), episode.views(frame, cameras))
        observed = frame


def record_steps(
    episode: EpisodeRecord, cameras: tuple[str, ...] | None, instruction: str | None
) -> Iterator[DemonstratedStep]:
    """The undisturbed transitions of an episode of our own store.

    Raises:
        DatasetError: a camera the episode does not have.
    """
    recorded = [v.name for v in episode.frames[0].views]
    unknown = [c for c in cameras or () if c not in recorded]
    if unknown:
        raise DatasetError(f"the episode has no camera {', '.join(unknown)}; it has {', '.join(recorded)}")
    memory: EpisodeMemory | None = None
    led_here: Keyframe | None = None
    for t in episode.transitions:
        frame = episode.frames[t.frame_index]
        if frame.kind == "displaced":
            continue
        views, after = (
            tuple(v for v in episode.frames[i].views if cameras is None or v.name in cameras)
            for i in (t.frame_index, t.target_index)
        )
        words = instruction or episode.instruction_used
        observation = Observation(views, frame.gripper, words, t.step, frame.q, frame.stamp_ns)
        if memory is None or led_here is None:
            memory = EpisodeMemory.begin(observation)
        else:
            memory = memory.after(led_here, observation)
        led_here = episode.executed.get(t.frame_index, t.keyframe)
        yield DemonstratedStep(t.target_index, t.frame_index, memory.recalled(observation), t.keyframe, after)


def compare(policy: Actor, steps: Iterable[DemonstratedStep]) -> Iterator[ComparedStep]:
    """Ask the policy at each demonstrated step and measure how far its answer is."""
    for step in steps:
        prediction = policy.act(step.observation)
        said, done = prediction.keyframe, step.keyframe
        offset = said.T_base_gripper[:3, 3] - done.T_base_gripper[:3, 3]
        angle = gripper_rotation_angle(said.T_base_gripper[:3, :3], done.T_base_gripper[:3, :3])
        yield ComparedStep(
            step,
            prediction,
            position_error_cm=100.0 * float(np.linalg.norm(offset)),
            rotation_error_deg=float(np.rad2deg(angle)),
            gripper_correct=said.gripper_open == done.gripper_open,
            ignore_collisions_correct=said.ignore_collisions == done.ignore_collisions,
        )
