"""The next keyframe with a thing that is taken and put somewhere, in whatever state the world is.

A task gives its plain plan for a thing that stands where it stood at the start: above it, grasp, lift, then one or more
keyframes on the way to its place, the last of which lets go. From where hand and thing are, what is held and the turns
under which the thing looks the same, this module derives which of them comes next, and where: at a thing that was
moved, with a thing that is held otherwise than planned, back from a grasp that missed. All poses are in the base
frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.types import Array, Keyframe

if TYPE_CHECKING:
    from dynarend_core.sim.mujoco.world import MujocoWorld

NEAR_M, NEAR_RAD = 0.015, np.deg2rad(12.0)
"""A hand no farther from a keyframe has reached it."""

UPRIGHT = float(np.cos(np.deg2rad(20.0)))
"""Cosine of the largest tilt at which a thing can still be taken as planned."""

IK_SEEDS = 20
UNMOVED_M, UNMOVED_RAD = 0.002, np.deg2rad(2.0)
RETREAT_M = 0.10
LET_GO_UP_M = 0.002
LOWERED_M = 0.03
"""How much lower than its lifted pose a hand still counts as lifted [m]."""

HALF_TURN = se3.make(rotations.rotation_z(np.pi))


def turns(count: int) -> tuple[Array, ...]:
    """``count`` rotations ``(3, 3)`` about z that make a full turn."""
    return tuple(rotations.rotation_z(2 * np.pi * k / count) for k in range(count))


def cube_turns() -> tuple[Array, ...]:
    """The 24 rotations ``(3, 3)`` under which a cube looks the same."""
    tips = [rotations.rotation_x(a) for a in np.arange(4) * np.pi / 2] + [
        rotations.rotation_y(a) for a in (np.pi / 2, -np.pi / 2)
    ]
    return tuple(tip @ turn for tip in tips for turn in turns(4))


ANY: tuple[Array, ...] = ()
"""Instead of turns: a round thing, or one that may be put down at any turn."""


@dataclass(frozen=True)
class Carry:
    """A plan to take a thing and put it somewhere.

    Attributes:
        thing: Body.
        frames: Plain keyframes for the thing at its start: above, grasp, lift, then to its place.
        taken: Turns ``(3, 3)`` of the thing that look the same to the grasp; ``ANY`` if it is round.
        put: The same for the place.
        lets_go: Whether the thing is let go; else the last keyframe is the use that is made of it.
    """

    thing: str
    frames: list[Keyframe]
    taken: tuple[Array, ...] = turns(1)
    put: tuple[Array, ...] = turns(1)
    lets_go: bool = True

    @property
    def last(self) -> int:
        """Number of the keyframe that lets go, or of the last one."""
        opens = (i for i, frame in enumerate(self.frames) if i > 1 and frame.gripper_open)
        return next(opens) if self.lets_go else len(self.frames) - 1


def next_of(world: MujocoWorld, carries: Sequence[Carry], done: Sequence[Carry] = ()) -> Keyframe | None:
    """The next keyframe, or None if there is no way on.

    Args:
        world: The scene as it is.
        carries: What remains to be done, in the order of the demonstrations.
        done: What has been done: a hand that has just let go moves away first.
    """
    if world.held is not None:
        own = next((carry for carry in carries if carry.thing == world.held), None)
        return _carry_on(world, own) if own else put_back(world)
    for carry in (*done, *carries):
        if up := _up(world, carry):
            return up
    for carry in carries:
        if keyframe := _take(world, carry):
            return keyframe
    return None


def is_near(T: Array, other: Array, distance_m: float = NEAR_M, angle_rad: float = NEAR_RAD) -> bool:
    """Whether two poses ``(4, 4)`` of the hand are the same, up to a half turn about its axis."""
    R = rotations.nearer_half_turn(other[:3, :3], T[:3, :3])
    close = np.linalg.norm(T[:3, 3] - other[:3, 3]) < distance_m
    return bool(close and rotations.rotation_angle(T[:3, :3], R) < angle_rad)


def back_off(T: Array, distance_m: float = RETREAT_M) -> Keyframe:
    """Open the gripper a way back along its axis from ``(4, 4)`` ``T``."""
    return Keyframe(T @ se3.make(t=np.array([0.0, 0.0, -distance_m])), True, True)


def put_back(world: MujocoWorld) -> Keyframe | None:
    """The next keyframe to put what is held where it stood at the start, None if the arm cannot."""
    thing, T = str(world.held), world.gripper().T_base_gripper
    home = world.start_pose(thing)
    away = world.pose(thing)[:3, 3] - home[:3, 3]
    if np.linalg.norm(away) < 0.03:
        return Keyframe(T, True, True)
    down, above = np.array(T), np.array(T)
    down[:3, 3] -= away
    down[2, 3] += LET_GO_UP_M
    above[:3, 3] = down[:3, 3] + [0.0, 0.0, RETREAT_M]
    if np.linalg.norm(away[:2]) < NEAR_M:
        return _if_reachable(world, Keyframe(down, True, True))
    if away[2] > RETREAT_M - LOWERED_M:
        return _if_reachable(world, Keyframe(above, False, False))
    up = np.array(T)
    up[2, 3] += RETREAT_M - away[2]
    return _if_reachable(world, Keyframe(up, False, True))


def _if_reachable(world: MujocoWorld, keyframe: Keyframe) -> Keyframe | None:
    return keyframe if _reaches(world, keyframe) else None


def _reaches(world: MujocoWorld, keyframe: Keyframe) -> bool:
    """Whether the arm can be there: looked for as thoroughly as the planner does."""
    return bool(world.kinematics.solutions(keyframe.T_base_gripper, world.q, IK_SEEDS, np.random.default_rng(0)))


def _up(world: MujocoWorld, carry: Carry) -> Keyframe | None:
    """The plan's way off from the thing that has just been let go where it belongs."""
    last, T = carry.last, world.gripper().T_base_gripper
    if not carry.lets_go or last + 1 >= len(carry.frames) or not world.gripper().is_open:
        return None
    return like_hand(carry.frames[last + 1], T) if is_near(T, carry.frames[last].T_base_gripper) else None


def _take(world: MujocoWorld, carry: Carry) -> Keyframe | None:
    """The next keyframe towards holding the thing."""
    unmoved = _is_same(world.pose(carry.thing), world.start_pose(carry.thing))
    ways = [carry.frames[:3]] if unmoved else _ways_to_take(world, carry)
    frames = next((way for way in ways if unmoved or all(_reaches(world, frame) for frame in way)), None)
    if frames is None:
        return None
    T = world.gripper().T_base_gripper
    if _inside(carry, T):
        return _if_reachable(world, back_off(T)) or frames[0]
    return approach(world, *frames[:2])


def _is_same(T: Array, other: Array) -> bool:
    """Whether a thing ``(4, 4)`` stands where it stood, as far as a grasp is concerned."""
    moved = np.linalg.norm(T[:3, 3] - other[:3, 3]) > UNMOVED_M
    return bool(not moved and rotations.rotation_angle(T[:3, :3], other[:3, :3]) < UNMOVED_RAD)


def approach(world: MujocoWorld, above: Keyframe, grasp: Keyframe) -> Keyframe:
    """The next keyframe towards a grasp: the way before it, the grasp, or back from beside it."""
    gripper = world.gripper()
    T, T_above, T_grasp = gripper.T_base_gripper, above.T_base_gripper, grasp.T_base_gripper
    beside, depth = _off_the_line(T, T_above)
    reach = float(np.linalg.norm(T_grasp[:3, 3] - T_above[:3, 3]))
    turned = _angle(T, T_above) > NEAR_RAD
    if gripper.is_open and not turned and beside < NEAR_M and -LOWERED_M < depth < reach + NEAR_M:
        return like_hand(grasp, T)
    deep = T[:3, 2] @ T_above[:3, 2] > 0.7 and LOWERED_M < depth < reach + 0.05
    if deep and (beside > 0.012 or turned):
        return _if_reachable(world, back_off(T, depth)) or above
    return above


def _inside(carry: Carry, T: Array) -> bool:
    """Whether a hand is where it lets go of the thing, level, as in a shelf: it must come out first."""
    place = carry.frames[carry.last].T_base_gripper
    return carry.lets_go and abs(T[2, 2]) < 0.5 and bool(np.linalg.norm(T[:3, 3] - place[:3, 3]) < 0.08)


def _off_the_line(T: Array, T_above: Array) -> tuple[float, float]:
    """How far a hand is beside the line of approach, and how far along it [m]."""
    offset, axis = T[:3, 3] - T_above[:3, 3], T_above[:3, 2]
    depth = float(offset @ axis)
    return float(np.linalg.norm(offset - depth * axis)), depth


def _angle(T: Array, other: Array) -> float:
    return float(rotations.rotation_angle(T[:3, :3], rotations.nearer_half_turn(other[:3, :3], T[:3, :3])))


def _ways_to_take(world: MujocoWorld, carry: Carry) -> list[list[Keyframe]]:
    """Plans to take the thing where it is now, that whose hand is turned most like the plain plan's first."""
    start, now = world.start_pose(carry.thing), world.pose(carry.thing)
    moves = [_move(start, now, turn) for turn in carry.taken] or _round_moves(start, now)
    plans = []
    for move in moves:
        if move is None:
            continue
        for half in (np.eye(4), HALF_TURN):
            plans.append([_moved(frame, move, half) for frame in carry.frames[:3]])
    nominal = carry.frames[1].T_base_gripper
    plans.sort(key=lambda plan: _angle_rounded(plan[1].T_base_gripper, nominal))
    return plans


def _angle_rounded(T: Array, other: Array) -> float:
    """Angle between two poses, equal where it differs by rounding only [rad]."""
    return round(float(rotations.rotation_angle(T[:3, :3], other[:3, :3])), 2)


def _round_moves(start: Array, now: Array) -> list[Array | None]:
    """How a round thing has moved; its turn does not matter, and some others may be easier for the arm."""
    if now[:3, 2] @ start[:3, 2] < UPRIGHT:
        return []
    turned = [rotations.rotation_z(a) for a in np.deg2rad([0.0, 45.0, -45.0, 90.0, -90.0])]
    return [se3.make(R, now[:3, 3] - R @ start[:3, 3]) for R in turned]


def _yaw(R: Array) -> float:
    return float(np.arctan2(R[1, 0] - R[0, 1], R[0, 0] + R[1, 1]))


def _move(start: Array, now: Array, turn: Array) -> Array | None:
    """How the thing has moved, turned about z only; None if it lies on its side."""
    R = now[:3, :3] @ turn @ start[:3, :3].T
    if R[2, 2] < UPRIGHT:
        return None
    yaw = _yaw(R)
    R_level = rotations.rotation_z(yaw if abs(yaw) > np.deg2rad(2.0) else 0.0)
    return se3.make(R_level, now[:3, 3] - R_level @ start[:3, 3])


def _moved(frame: Keyframe, move: Array, half: Array) -> Keyframe:
    return Keyframe(move @ frame.T_base_gripper @ half, frame.gripper_open, frame.ignore_collisions)


def _carry_on(world: MujocoWorld, carry: Carry) -> Keyframe | None:
    """The next keyframe with the thing in the hand."""
    T, lift = world.gripper().T_base_gripper, carry.frames[2].T_base_gripper
    path = [_placed(world, carry, frame) for frame in carry.frames[3 : carry.last + 1]]
    steps = None if None in path else [frame for frame in path if frame is not None]
    if steps is None:
        return None
    for k in range(len(steps) - 1, 0, -1):
        used = k == len(steps) - 1 and not carry.lets_go and is_near(T, steps[k].T_base_gripper, 0.01)
        if not used and between(T, steps[k - 1].T_base_gripper, steps[k].T_base_gripper):
            return steps[k]
    if len(steps) > 1 and carry.lets_go and is_near(T, steps[-1].T_base_gripper):
        return steps[-1]
    if T[2, 3] > lift[2, 3] - LOWERED_M:
        return steps[0]
    up = np.array(T)
    up[2, 3] = lift[2, 3]
    return Keyframe(up, False, True)


def between(T: Array, start: Array, end: Array) -> bool:
    """Whether a hand is on its way from one pose to the next, or at one of them if only the turn differs."""
    way = end[:3, 3] - start[:3, 3]
    length = float(np.linalg.norm(way))
    share = np.clip((T[:3, 3] - start[:3, 3]) @ way / length**2, 0.0, 1.0) if length > 1e-6 else 0.0
    beside = np.linalg.norm(T[:3, 3] - start[:3, 3] - share * way)
    angles = [rotations.rotation_angle(T[:3, :3], pose[:3, :3]) for pose in (start, end)]
    return bool(beside < NEAR_M and min(angles) < NEAR_RAD)


def like_hand(keyframe: Keyframe, T: Array) -> Keyframe:
    """The keyframe with the half turn that is nearer to a hand at ``(4, 4)`` ``T``."""
    target = np.array(keyframe.T_base_gripper)
    target[:3, :3] = rotations.nearer_half_turn(target[:3, :3], T[:3, :3])
    return Keyframe(target, keyframe.gripper_open, keyframe.ignore_collisions)


def push_along(error: Array, aside_m: float = 0.03) -> tuple[float, float]:
    """Which way to push next, and how far, so that a thing comes to where it belongs along two axes.

    Args:
        error: ``(2,)`` where it is, from there [m].
        aside_m: How far beside its way it may be; farther, and it is pushed across first.

    Returns:
        Direction against the first axis [rad], distance [m].
    """
    across = abs(error[1]) > aside_m
    amount = float(error[1] if across else error[0])
    return (np.pi / 2 if across else 0.0) + (np.pi if amount > 0 else 0.0), abs(amount)


def _placed(world: MujocoWorld, carry: Carry, frame: Keyframe) -> Keyframe | None:
    """A keyframe of the plan for the thing as it is held now; None if the arm cannot."""
    planned, start = carry.frames[1].T_base_gripper, world.start_pose(carry.thing)
    goal = frame.T_base_gripper @ se3.inverse(planned) @ start
    held = se3.inverse(world.gripper().T_base_gripper) @ world.pose(carry.thing)
    if carry.put:
        ways = [goal @ se3.make(turn) @ se3.inverse(held) for turn in carry.put]
    else:
        nominal = frame.T_base_gripper
        ways = [se3.make(R, goal[:3, 3] - R @ held[:3, 3]) for R in (nominal[:3, :3], (nominal @ HALF_TURN)[:3, :3])]
    ways.sort(key=lambda T: _angle_rounded(T, frame.T_base_gripper))
    for T in ways:
        target = _like_plan(T, frame.T_base_gripper)
        if keyframe := _if_reachable(world, Keyframe(target, frame.gripper_open, frame.ignore_collisions)):
            return keyframe
    return None


def _like_plan(T: Array, planned: Array) -> Array:
    """The planned turn, where the thing in the hand asks for no other by more than six degrees."""
    target = np.array(T)
    if rotations.rotation_angle(T[:3, :3], planned[:3, :3]) < np.deg2rad(6.0):
        target[:3, :3] = planned[:3, :3]
    return target
