"""Parameters of the executor node, and the limits they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.planning.limiter import LimiterConfig
from dynarend_core.planning.limits import WORKSPACE_AABB_BASE
from dynarend_core.planning.panda import FINGER_MAX, JOINT_NAMES
from dynarend_ros.parameters import parameter

_AABB = tuple(float(v) for v in WORKSPACE_AABB_BASE.reshape(-1).round(6))
_FINGERS = ("panda_finger_joint1", "panda_finger_joint2")


@dataclass(frozen=True)
class ExecutorParameters:
    """Parameters of the executor node."""

    backend: str = parameter("ompl", "How motions are planned and sent.", choices=("ompl",))
    arm_joints: tuple[str, ...] = parameter(JOINT_NAMES, "Arm joints, base to wrist, as in joint_states.")
    finger_joints: tuple[str, ...] = parameter(_FINGERS, "Finger joints, as in joint_states.")
    finger_open_m: float = parameter(FINGER_MAX, "Finger position when open [m].", low=0.0, high=0.2)
    workspace: tuple[float, ...] = parameter(_AABB, "x y z minimum, x y z maximum of the tip, base frame [m].")
    base_frame: str = parameter("panda_link0", "Frame of keyframes and clouds; those in another one are refused.")
    cloud_max_age_s: float = parameter(
        2.0,
        "Refuse to plan around a cloud that arrived earlier [s, steady]; 0: without clouds, around nothing.",
        low=0.0,
        high=60.0,
    )
    velocity_factor: float = parameter(0.1, "Share of the joint speed limits.", low=0.01, high=1.0)
    max_tool_speed: float = parameter(0.25, "Speed limit of the tip [m/s]; faster is slowed.", low=0.005, high=3.0)
    joint_margin_rad: float = parameter(0.02, "Distance to keep from joint limits [rad].", low=0.0, high=0.5)
    max_joint_jump_rad: float = parameter(0.2, "Joint travel between waypoints [rad].", low=0.01, high=1.0)
    start_tolerance_rad: float = parameter(0.01, "Distance of a motion's start from the arm [rad].", low=1e-4, high=0.2)
    keep_out: tuple[float, ...] = parameter(
        (0.0,) * 6, "Boxes no part of the tool may enter, as `workspace`, one after another [m]; all 0: none."
    )
    require_safety: bool = parameter(False, "Move only while safety_state says ARMED or RUNNING.")
    safety_max_age_s: float = parameter(0.5, "Older safety_state forbids motion [s, steady].", low=0.1, high=5.0)
    dry_run: bool = parameter(False, "Plan, judge and show every motion; move nothing.")
    confirm: bool = parameter(False, "Wait for the service `confirm` before every motion.")
    confirm_timeout_s: float = parameter(60.0, "How long to wait for it [s].", low=1.0, high=3600.0)
    joint_state_max_age_s: float = parameter(0.5, "Refuse older joint states [s, steady].", low=0.01, high=10.0)
    goal_tolerance_rad: float = parameter(0.05, "Joint error at the end of a motion [rad].", low=1e-4, high=1.0)
    contact_tolerance_rad: float = parameter(0.35, "The same where contact is intended [rad].", low=1e-4, high=2.0)
    overtime_s: float = parameter(3.0, "Time allowed beyond the planned duration [s].", low=0.1, high=60.0)
    gripper_timeout_s: float = parameter(2.0, "Time allowed for the gripper [s].", low=0.1, high=30.0)

    def __post_init__(self) -> None:
        box = np.array(self.workspace)
        if box.shape != (6,) or (box[3:] <= box[:3]).any():
            raise ConfigurationError(f"workspace must be 6 numbers, minimum before maximum, got {self.workspace}")
        if len(self.keep_out) % 6:
            raise ConfigurationError(f"keep_out must be 6 numbers a box, got {len(self.keep_out)}")
        if len(self.arm_joints) != 7:
            raise ConfigurationError(f"arm_joints must name 7 joints, got {list(self.arm_joints)}")


def limiter_config(p: ExecutorParameters) -> LimiterConfig:
    """Limits every trajectory must keep, from the node's parameters."""
    boxes = np.array(p.keep_out).reshape(-1, 2, 3)
    return LimiterConfig(
        workspace_aabb=np.array(p.workspace).reshape(2, 3),
        keep_out=boxes[boxes.any(axis=(1, 2))],
        joint_margin_rad=p.joint_margin_rad,
        max_joint_jump_rad=p.max_joint_jump_rad,
        velocity_factor=p.velocity_factor,
        max_tool_speed=p.max_tool_speed,
        start_tolerance_rad=p.start_tolerance_rad,
        max_state_age_s=p.joint_state_max_age_s,
    )
