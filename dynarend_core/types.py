"""The vocabulary of DynaRend: what travels between cameras, policy, planner and simulator.

Conventions (``docs/conventions.md``): ``T_base_camera`` maps camera coordinates to the robot's base frame.
Camera axes are optical (x right, y down, z forward). Metres, radians, seconds, nanosecond stamps.
The gripper frame is RLBench's tip frame: origin between the finger tips, z forward out of the gripper,
fingers open along y.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

import numpy as np

from dynarend_core.errors import InvalidInputError

Array = np.ndarray

MEMORY = 4
"""Keyframes that are remembered."""

REACHED_M, REACHED_DEG = 0.03, 15.0
"""An arm that rests farther than this from its keyframe did not reach it."""


class FailureReason(str, enum.Enum):
    """Why a step or an episode did not succeed."""

    NONE = "none"
    IK = "ik"
    PLANNING = "planning"
    LIMITS = "limits"
    START_STATE = "start_state"
    CONTROLLER = "controller"
    TIMEOUT = "timeout"
    STOPPED = "stopped"
    WRONG_OBJECT = "wrong_object"
    DROPPED = "dropped"
    OUT_OF_BOUNDS = "out_of_bounds"
    SIMULATOR = "simulator"
    POLICY = "policy"


@dataclass(frozen=True)
class CameraView:
    """One calibrated RGB-D image.

    Attributes:
        name: Camera name, e.g. ``"front"``.
        rgb: ``(h, w, 3)`` uint8.
        depth_m: ``(h, w)`` float32, distance along the optical axis [m]; NaN where invalid.
        K: ``(3, 3)`` pinhole matrix [px], pixel centres at integer coordinates + 0.5.
        T_base_camera: ``(4, 4)`` optical camera frame to base frame.
        stamp_ns: Time of exposure [ns].
    """

    name: str
    rgb: Array
    depth_m: Array
    K: Array
    T_base_camera: Array
    stamp_ns: int = 0

    def __post_init__(self) -> None:
        h, w = self.depth_m.shape[:2]
        if self.rgb.shape != (h, w, 3):
            raise InvalidInputError(
                f"camera {self.name!r}: rgb {self.rgb.shape} does not match depth {self.depth_m.shape}; "
                "align depth to colour first"
            )
        if self.K.shape != (3, 3) or self.T_base_camera.shape != (4, 4):
            raise InvalidInputError(
                f"camera {self.name!r}: K must be (3, 3) and T_base_camera (4, 4), "
                f"got {self.K.shape} and {self.T_base_camera.shape}"
            )


@dataclass(frozen=True)
class PointCloud:
    """A coloured cloud in the base frame: ``xyz`` ``(n, 3)`` float32 [m], ``rgb`` ``(n, 3)`` uint8.

    ``normals`` ``(n, 3)`` float32, if asked for: of unit length, towards a camera that sees the point; NaN where its
    surroundings are too few.
    """

    xyz: Array
    rgb: Array
    stamp_ns: int = 0
    normals: Array | None = None

    def __len__(self) -> int:
        return len(self.xyz)


@dataclass(frozen=True)
class GripperState:
    """Where the gripper is and what it does.

    Attributes:
        T_base_gripper: ``(4, 4)`` tip frame in the base frame.
        is_open: True if both fingers are (nearly) fully open.
        width_m: Distance between the fingers [m].
    """

    T_base_gripper: Array
    is_open: bool
    width_m: float = 0.08


@dataclass(frozen=True)
class Observation:
    """Everything the policy may look at before it chooses the next keyframe.

    Attributes:
        views: Calibrated RGB-D views, in any order and number.
        gripper: Current gripper state.
        instruction: What the user wants, in words.
        step: Number of keyframes executed since the instruction was given.
        q: ``(7,)`` arm joint positions [rad], the robot's own order.
        stamp_ns: Time of the newest image [ns].
        cloud: Already fused cloud; when given, ``views`` may be empty.
        memory: What was done and seen since the instruction was given; None at the first observation.
    """

    views: tuple[CameraView, ...]
    gripper: GripperState
    instruction: str
    step: int = 0
    q: Array = field(default_factory=lambda: np.zeros(7))
    stamp_ns: int = 0
    cloud: PointCloud | None = None
    memory: EpisodeMemory | None = None


@dataclass(frozen=True)
class Keyframe:
    """The paper's action: the next end-effector state to reach.

    Attributes:
        T_base_gripper: ``(4, 4)`` target of the tip frame.
        gripper_open: Command applied after the pose is reached.
        ignore_collisions: Plan without regard to the scene (contact is intended).
    """

    T_base_gripper: Array
    gripper_open: bool
    ignore_collisions: bool = False


@dataclass(frozen=True)
class PastKeyframe:
    """A keyframe that was tried.

    Attributes:
        keyframe: What was asked for.
        width_m: Distance between the fingers afterwards [m]: closed on nothing or on something.
        reached: Whether the arm came to rest within 3 cm and 15 degrees of it.
    """

    keyframe: Keyframe
    width_m: float
    reached: bool


@dataclass(frozen=True)
class EpisodeMemory:
    """What is known of an episode beside the newest observation.

    Attributes:
        first: The first observation after the instruction, before the arm hid anything.
        past: The last keyframes, newest first, at most :data:`MEMORY`.
    """

    first: Observation
    past: tuple[PastKeyframe, ...] = ()

    @classmethod
    def begin(cls, observation: Observation) -> EpisodeMemory:
        """Memory of an episode that begins with ``observation``."""
        return cls(replace(observation, memory=None))

    def after(self, keyframe: Keyframe, observation: Observation) -> EpisodeMemory:
        """Memory once ``keyframe`` was executed and ``observation`` made."""
        gripper = observation.gripper
        done = PastKeyframe(keyframe, gripper.width_m, _reached(keyframe, gripper))
        return EpisodeMemory(self.first, (done, *self.past)[:MEMORY])

    def recalled(self, observation: Observation) -> Observation:
        """The observation with this memory: what a policy is asked."""
        return replace(observation, memory=self)


def _reached(keyframe: Keyframe, gripper: GripperState) -> bool:
    """Whether the gripper is where it was sent; turned by half a turn about its approach axis it is the same."""
    asked, found = keyframe.T_base_gripper, gripper.T_base_gripper
    cosines = np.sum(asked[:3, 1:3] * found[:3, 1:3], axis=0)
    near = np.linalg.norm(asked[:3, 3] - found[:3, 3]) <= REACHED_M
    return bool(near and min(abs(cosines[0]), cosines[1]) >= np.cos(np.deg2rad(REACHED_DEG)))


@dataclass(frozen=True)
class ValueMap:
    """Action values over one cube: softmax probabilities of the translation.

    Attributes:
        probability: ``(n, n, n)`` float32 over x, y, z cells, sums to 1.
        aabb_base: ``(2, 3)`` min and max corner in the base frame [m].
    """

    probability: Array
    aabb_base: Array


@dataclass(frozen=True)
class Prediction:
    """What the policy answers.

    Attributes:
        keyframe: Next keyframe.
        confidence: Probability mass within one coarse cell of the chosen position, in [0, 1]; times the share of looks
            that agree, if the policy looks several times.
        value_maps: Coarse map over the workspace, then the zoomed map around its maximum; of the first look.
        latency_s: Wall time of the prediction [s].
    """

    keyframe: Keyframe
    confidence: float
    value_maps: tuple[ValueMap, ...]
    latency_s: float = 0.0


@dataclass(frozen=True)
class StepResult:
    """Outcome of executing one keyframe in an environment."""

    observation: Observation
    success: bool
    failure_reason: FailureReason = FailureReason.NONE
    message: str = ""
