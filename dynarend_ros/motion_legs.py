"""A keyframe as one to three motions: back off, go there, approach straight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.types import Keyframe

Array = np.ndarray


@dataclass(frozen=True)
class Leg:
    """One motion of a keyframe.

    Attributes:
        T_base_tip: ``(4, 4)`` where it ends.
        straight: Along a straight line.
        ignore_collisions: Contact is intended.
        required: Without it the keyframe has failed; another leg is left out where it cannot be planned.
    """

    T_base_tip: Array
    straight: bool
    ignore_collisions: bool
    required: bool = True


def legs(T_base_tip: Array, keyframe: Keyframe, approach_m: float, retreat_m: float, gripped: bool) -> list[Leg]:
    """Motions that lead from the present tip pose to the keyframe.

    Args:
        T_base_tip: ``(4, 4)`` tip now.
        keyframe: Where to go.
        approach_m: The last stretch along the tool's axis, straight [m]; 0: none.
        retreat_m: The first stretch back along the tool's axis after the gripper acted [m]; 0: none.
        gripped: Whether the gripper has acted where the tip is now.
    """
    target = keyframe.T_base_gripper
    distance = float(np.linalg.norm(target[:3, 3] - T_base_tip[:3, 3]))
    out: list[Leg] = []
    if gripped and retreat_m > 0.0 and not keyframe.ignore_collisions and distance > retreat_m:
        out.append(Leg(_behind(T_base_tip, retreat_m), straight=True, ignore_collisions=False, required=False))
    approaches = approach_m > 0.0 and not keyframe.ignore_collisions and distance > approach_m
    if approaches:
        out.append(Leg(_behind(target, approach_m), straight=False, ignore_collisions=False))
    out.append(Leg(target, straight=approaches, ignore_collisions=keyframe.ignore_collisions))
    return out


def _behind(T: Array, distance_m: float) -> Array:
    return T @ se3.make(t=np.array([0.0, 0.0, -distance_m]))
