"""What the network is given of an observation: made here for training, evaluation, robots, bags and recordings alike.

Only which points of a cloud are taken is the caller's: training draws them and adds noise, a policy takes the same
ones every time. Coordinates are normalised: the workspace cube is ``[-1, 1]^3``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets import points as network_points
from dynarend_core.errors import ObservationError
from dynarend_core.geometry import se3
from dynarend_core.types import MEMORY, Observation, PastKeyframe

Array = np.ndarray

WIDTH_UNIT_M = 0.08
"""Widths between fingers are told in units of a Panda's opening [m]."""

PAST_SIZE = 3 + 3 + 9 + 3 + MEMORY
"""Numbers that describe a remembered keyframe: its position, that relative to the tip, its rotation (as
:func:`dynarend_core.networks.action_decoder.rotation_code` has it), gripper command, width, reached, age."""


@dataclass(frozen=True)
class Given:
    """One example. Fields as in :class:`dynarend_core.networks.network_input.NetworkInput`.

    Attributes:
        points: ``(n, 6)`` cloud.
        first: ``(m, 6)`` first cloud of the episode; m may be 0.
        instruction: What the user wants.
        gripper_open: State now.
        width: Between the fingers, in units of 8 cm.
        step: Keyframes done before.
        tip: ``(3,)`` gripper tip.
        frame: ``(5,)`` where the robot's base lies: xyz offset, cosine and sine of its yaw.
        past: ``(4, 22)`` the last keyframes, newest first.
        past_known: ``(4,)`` bool: there is such a keyframe.
    """

    points: Array
    first: Array
    instruction: str
    gripper_open: bool
    width: float
    step: int
    tip: Array
    frame: Array
    past: Array
    past_known: Array


def given(observation: Observation, points: Array, first: Array, aabb: Array, motion: Array | None = None) -> Given:
    """One example from what a robot observes.

    Args:
        observation: Its gripper, words, step and memory are read.
        points: ``(n, 6)`` network points of the cloud, after ``motion``.
        first: ``(m, 6)`` those of the first cloud, after ``motion``; none for a network that does not ask for it.
        aabb: Workspace ``(2, 3)``, base frame [m].
        motion: ``(4, 4)`` by which scene and robot were moved; None for not at all.

    Raises:
        ObservationError: The gripper pose is not finite.
    """
    T = observation.gripper.T_base_gripper
    if not np.isfinite(T).all():
        raise ObservationError(f"the gripper pose is not finite: {T.tolist()}")
    moved = np.eye(4) if motion is None else motion
    half = (aabb[1] - aabb[0]) / 2.0
    tip = network_points.normalise((moved @ T)[:3, 3], aabb)
    past = np.zeros((MEMORY, PAST_SIZE), dtype=np.float32)
    known = np.zeros(MEMORY, dtype=bool)
    for age, done in enumerate(observation.memory.past if observation.memory is not None else ()):
        past[age], known[age] = _describe(done, age, tip, aabb, moved), True
    return Given(
        points=points,
        first=first,
        instruction=observation.instruction,
        gripper_open=observation.gripper.is_open,
        width=_width(observation.gripper.width_m),
        step=observation.step,
        tip=tip,
        frame=np.array([*(moved[:3, 3] / half), moved[0, 0], moved[1, 0]], dtype=np.float32),
        past=past,
        past_known=known,
    )


def move(points: Array, motion: Array, aabb: Array) -> Array:
    """``(n, 6)`` network points after a motion of the scene ``(4, 4)`` [m], without those that leave the workspace."""
    xyz = se3.apply(motion, network_points.denormalise(points[:, :3], aabb))
    moved = np.concatenate([network_points.normalise(xyz, aabb), points[:, 3:]], axis=1).astype(np.float32)
    inside = network_points.crop(moved, np.zeros(3), 1.0)
    return moved[inside] if len(inside) else moved


def _describe(done: PastKeyframe, age: int, tip: Array, aabb: Array, motion: Array) -> Array:
    """The numbers of a remembered keyframe."""
    T = motion @ done.keyframe.T_base_gripper
    position = network_points.normalise(T[:3, 3], aabb)
    y = T[:3, 1]
    rotation = [*T[:3, 2], *np.square(y), y[0] * y[1], y[0] * y[2], y[1] * y[2]]
    flags = [float(done.keyframe.gripper_open), _width(done.width_m), float(done.reached)]
    return np.array([*position, *(position - tip), *rotation, *flags, *np.eye(MEMORY)[age]], dtype=np.float32)


def _width(width_m: float) -> float:
    """A width in units of 8 cm; that of an unknown gripper counts as half open."""
    return float(np.clip(width_m / WIDTH_UNIT_M, 0.0, 1.5)) if np.isfinite(width_m) else 0.5
