"""What one demonstration holds in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.types import CameraView, GripperState, Keyframe, Observation

Array = np.ndarray

FRAME_KINDS = ("start", "keyframe", "displaced")

ORIGINS = ("plain", "recovery", "policy")
"""Who drove: the expert alone, the expert with mishaps made on purpose, or a policy with the expert beside it."""


@dataclass(frozen=True)
class FrameRecord:
    """One moment: every camera, the gripper, the arm.

    Attributes:
        views: Camera images; every frame of an episode has the same cameras and image sizes.
        gripper: Gripper state.
        q: ``(7,)`` arm joint positions [rad].
        stamp_ns: Simulation or clock time [ns].
        kind: ``"start"``, ``"keyframe"`` (the arm rests at a keyframe) or ``"displaced"`` (disturbed copy).
        targets: Views that only serve as rendering targets; a policy never sees them.
        object_ids: ``(h, w)`` uint8, one for each of ``views + targets``, or empty where not known: 0 for nothing
            that has a name, i + 1 for ``EpisodeRecord.object_names[i]``.
    """

    views: tuple[CameraView, ...]
    gripper: GripperState
    q: Array
    stamp_ns: int = 0
    kind: str = "keyframe"
    targets: tuple[CameraView, ...] = ()
    object_ids: tuple[Array, ...] = ()

    def __post_init__(self) -> None:
        pictured = (*self.views, *self.targets)
        if self.object_ids and len(self.object_ids) != len(pictured):
            raise InvalidInputError(f"{len(self.object_ids)} object maps for {len(pictured)} views; one each, or none")
        for view, ids in zip(pictured, self.object_ids, strict=False):
            if ids.shape != view.depth_m.shape or ids.dtype != np.uint8:
                raise InvalidInputError(
                    f"camera {view.name!r}: objects must be uint8 {view.depth_m.shape}, got {ids.dtype} {ids.shape}"
                )
        if self.kind not in FRAME_KINDS:
            raise InvalidInputError(f"frame kind {self.kind!r} is not one of {', '.join(FRAME_KINDS)}")


@dataclass(frozen=True)
class Transition:
    """One training example: what is seen in a frame, and the keyframe to reach from there.

    Attributes:
        frame_index: Frame that is observed.
        target_index: Frame at which the keyframe is reached.
        keyframe: The label; ``ignore_collisions`` is the flag of the motion that leads to the target.
        step: Number of keyframes done before.
    """

    frame_index: int
    target_index: int
    keyframe: Keyframe
    step: int


@dataclass(frozen=True)
class Alternative:
    """What the expert would do next in a frame if it had been told something else.

    Attributes:
        instructions: All phrasings of that other instruction, those for training.
        keyframe: The next keyframe under it.
    """

    instructions: tuple[str, ...]
    keyframe: Keyframe


@dataclass(frozen=True)
class EpisodeRecord:
    """One demonstration: frames stored once, and transitions that point into them.

    Attributes:
        task: Task name.
        variation: Variation of the task.
        seed: Seed that reproduces the scene.
        instructions: All phrasings of the instruction.
        instruction_used: The phrasing the episode was recorded with.
        frames: Frames in the order of recording.
        transitions: Training examples.
        object_names: What is in the scene, as a person would say it: "maroon button", "robot arm", "table".
        origin: Who drove, one of ``ORIGINS``.
        alternatives: By frame: the answers to other instructions about the same scene.
        executed: By frame: the keyframe that led to the next one, where it is not the label.
    """

    task: str
    variation: int
    seed: int
    instructions: tuple[str, ...]
    instruction_used: str
    frames: tuple[FrameRecord, ...]
    transitions: tuple[Transition, ...]
    object_names: tuple[str, ...] = field(default=())
    origin: str = "plain"
    alternatives: Mapping[int, tuple[Alternative, ...]] = field(default_factory=dict)
    executed: Mapping[int, Keyframe] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.frames)
        if self.origin not in ORIGINS:
            raise InvalidInputError(f"episode origin {self.origin!r} is not one of {', '.join(ORIGINS)}")
        if beyond := [i for i in (*self.alternatives, *self.executed) if not 0 <= i < n]:
            raise InvalidInputError(
                f"alternatives or executed keyframes of frames {beyond}; there are {n} (0 to {n - 1})"
            )
        largest = max((int(ids.max(initial=0)) for f in self.frames for ids in f.object_ids), default=0)
        if largest > len(self.object_names):
            raise InvalidInputError(
                f"an object map says {largest}, but only {len(self.object_names)} objects are named"
            )
        for t in self.transitions:
            if not (0 <= t.frame_index < n and 0 <= t.target_index < n):
                raise InvalidInputError(
                    f"transition {t.frame_index} -> {t.target_index} leaves the episode's {n} frames (0 to {n - 1})"
                )

    def observation(self, transition: Transition, instruction: str | None = None) -> Observation:
        """What the policy sees in ``transition``, told ``instruction`` (default: the one used in the recording)."""
        frame = self.frames[transition.frame_index]
        words = self.instruction_used if instruction is None else instruction
        return Observation(frame.views, frame.gripper, words, transition.step, frame.q, frame.stamp_ns)
