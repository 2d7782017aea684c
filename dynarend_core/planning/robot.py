"""A robot as data: joints, kinematic chain, limits, gripper, controllers and the names MoveIt knows it by."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import ConfigurationError, InvalidInputError
from dynarend_core.geometry import se3
from dynarend_core.planning import _serial_chain

Array = np.ndarray

GRIPPER_KINDS = ("auto", "gripper_command", "parallel_gripper", "joint_trajectory", "topic")
"""What is there under its name, ``control_msgs/GripperCommand`` action, ``control_msgs/ParallelGripperCommand`` action,
``JointTrajectory`` topic, ``std_msgs/Float64MultiArray`` topic of a forward command controller."""

DRIVERS = ("none", "ur", "franka")
"""Drivers whose own state (protective stop, reflex) can be read."""


@dataclass(frozen=True)
class GripperData:
    """The gripper.

    Attributes:
        kind: How it is commanded, one of :data:`GRIPPER_KINDS`.
        name: Topic or action, as on the robot.
        joints: Joints in ``joint_states`` that tell its opening.
        open_position: Their position when open [m or rad].
        closed_position: Their position when closed [m or rad].
        width_m: Opening between the fingers when open [m].
        max_effort: Effort of a grasp [N], for the actions.
        other_names: Names it has in other releases of its driver, tried after ``name``.
    """

    kind: str
    name: str
    joints: tuple[str, ...]
    open_position: float
    closed_position: float
    width_m: float
    max_effort: float = 20.0
    other_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in GRIPPER_KINDS:
            raise ConfigurationError(f"gripper.kind {self.kind!r} is not one of {', '.join(GRIPPER_KINDS)}")
        if not self.joints or self.open_position == self.closed_position:
            raise ConfigurationError("gripper needs joints, and an open position that is not the closed one")
        if not 0.0 < self.width_m < 0.5:
            raise ConfigurationError(f"gripper.width_m must be in (0, 0.5), got {self.width_m}")

    @property
    def names(self) -> tuple[str, ...]:
        """All names it may have, first things first."""
        return (self.name, *self.other_names)

    def width(self, positions: Array) -> float:
        """Opening [m] at the positions of ``joints``."""
        share = (np.asarray(positions) - self.closed_position) / (self.open_position - self.closed_position)
        return float(self.width_m * share.mean())

    def position(self, is_open: bool) -> float:
        """Commanded position of a finger joint [m or rad]."""
        return self.open_position if is_open else self.closed_position


@dataclass(frozen=True)
class MoveItNames:
    """What MoveIt calls things.

    Attributes:
        config_package: Package with the robot's MoveIt configuration.
        robot_name: Name given to ``MoveItConfigsBuilder``.
        group: Planning group of the arm.
        tool_link: Link whose pose is the goal.
        free: Pipeline and planner of free motions.
        line: Pipeline and planner of straight motions.
    """

    config_package: str
    robot_name: str
    group: str
    tool_link: str
    free: tuple[str, str] = ("ompl", "RRTConnectkConfigDefault")
    line: tuple[str, str] = ("pilz_industrial_motion_planner", "LIN")


@dataclass(frozen=True)
class Robot:
    """One robot. Arrays follow the order of ``joints``, base to wrist.

    Attributes:
        name: Name of its file.
        base_frame: Frame everything is expressed in.
        joints: Arm joints, as in ``joint_states``.
        origins: ``(n, 4, 4)`` frame of each joint in the frame of the one before, at position 0; it turns about its z.
        T_last_tool: ``(4, 4)`` MoveIt's tool link in the last joint's frame.
        T_tool_tip: ``(4, 4)`` tip frame (between the finger tips, z forward, fingers open along y) in the tool link.
        tool_points: ``(p, 3)`` points of the tool that keep-out boxes are checked with, tip frame [m].
        joint_range: ``(n, 2)`` [rad].
        joint_speeds: ``(n,)`` [rad/s].
        joint_accelerations: ``(n,)`` [rad/s^2].
        home: ``(n,)`` [rad].
        workspace: ``(2, 3)`` box of the tip, base frame [m].
        keep_out: ``(k, 2, 3)`` boxes the tool must not enter, base frame [m].
        controller: joint_trajectory_controller of the arm.
        gripper: The gripper.
        moveit: Names MoveIt uses.
        driver: Whose state is read, one of :data:`DRIVERS`.
    """

    name: str
    base_frame: str
    joints: tuple[str, ...]
    origins: Array
    T_last_tool: Array
    T_tool_tip: Array
    tool_points: Array
    joint_range: Array
    joint_speeds: Array
    joint_accelerations: Array
    home: Array
    workspace: Array
    controller: str
    gripper: GripperData
    moveit: MoveItNames
    keep_out: Array = field(default_factory=lambda: np.zeros((0, 2, 3)))
    driver: str = "none"

    def __post_init__(self) -> None:
        n = len(self.joints)
        if n < 2 or len(set(self.joints)) != n:
            raise ConfigurationError(f"arm.joints must be two or more different names, got {list(self.joints)}")
        shapes = {"origins": (n, 4, 4), "joint_range": (n, 2), "home": (n,)}
        shapes |= {"joint_speeds": (n,), "joint_accelerations": (n,), "workspace": (2, 3)}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ConfigurationError(f"{name} must be {shape} finite numbers for {n} joints, got {value.shape}")
        if not (self.joint_range[:, 0] < self.joint_range[:, 1]).all():
            raise ConfigurationError(f"joint_range must rise, got {self.joint_range.tolist()}")
        if min(self.joint_speeds.min(), self.joint_accelerations.min()) <= 0.0:
            raise ConfigurationError("joint speeds and accelerations must be positive")
        if not ((self.home >= self.joint_range[:, 0]) & (self.home <= self.joint_range[:, 1])).all():
            raise ConfigurationError(f"home {self.home.tolist()} lies outside the joint range")
        for box in (self.workspace, *self.keep_out):
            if not (np.isfinite(box).all() and (box[0] < box[1]).all()):
                raise ConfigurationError(f"a box is minimum before maximum, got {box.tolist()}")
        if self.driver not in DRIVERS:
            raise ConfigurationError(f"driver {self.driver!r} is not one of {', '.join(DRIVERS)}")

    @property
    def T_last_tip(self) -> Array:
        """``(4, 4)`` tip frame in the last joint's frame."""
        return np.ascontiguousarray(self.T_last_tool @ self.T_tool_tip)

    def forward(self, q: Array) -> Array:
        """Tip frame in the base frame, ``(4, 4)``, at joint positions ``(n,)`` [rad].

        Raises:
            InvalidInputError: not ``n`` finite numbers.
        """
        q = np.array(q, dtype=np.float64)
        if q.shape != (len(self.joints),) or not np.isfinite(q).all():
            raise InvalidInputError(f"joint positions must be {len(self.joints)} finite numbers [rad], got {q!r}")
        return _serial_chain.frames(self.origins, self.T_last_tip, q)[-1]

    def tool_goal(self, T_base_tip: Array) -> Array:
        """Pose of MoveIt's tool link ``(4, 4)`` that puts the tip where it is wanted."""
        return T_base_tip @ se3.inverse(self.T_tool_tip)
