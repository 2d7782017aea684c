"""Parameters of the executor node, and the limits they make."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.planning.limiter import LimiterConfig
from dynarend_core.planning.planner import MotionPlannerConfig
from dynarend_core.planning.robot import GRIPPER_KINDS, Robot
from dynarend_core.planning.scene import SceneConfig
from dynarend_ros.execution_limits import ExecutionLimits
from dynarend_ros.handover import HANDOVER_S
from dynarend_ros.parameters import if_changed, if_higher, if_higher_or_off, if_lower, parameter

BACKENDS = ("ompl", "moveit", "move_group")
_NONE = (0.0,) * 6

ROUNDING_RAD = 0.005
"""A cubic through waypoints may go a little beyond them."""


@dataclass(frozen=True)
class ExecutorParameters:
    """Parameters of the executor node."""

    robot: str = parameter("panda", "Robot of config/robots, or the path of such a file.")
    backend: str = parameter("ompl", "How motions are planned and sent.", choices=BACKENDS)
    arm_topic: str = parameter("", "Topic of the arm's controller; empty: the robot's.")
    gripper_kind: str = parameter("", "How the gripper is commanded; empty: the robot's.", choices=("", *GRIPPER_KINDS))
    gripper_name: str = parameter("", "Topic or action of the gripper; empty: the robot's.")
    workspace: tuple[float, ...] = parameter(
        _NONE, "x y z minimum, x y z maximum of the tip, base frame [m]; all 0: the robot's."
    )
    keep_out: tuple[float, ...] = parameter(
        _NONE, "More boxes no part of the tool may enter, as `workspace`, one after another [m]; all 0: none."
    )
    cloud_max_age_s: float = parameter(
        2.0,
        "Refuse to plan around a cloud that arrived earlier [s, steady]; 0: without clouds, around nothing.",
        low=0.0,
        high=60.0,
        relaxed=if_higher_or_off,
    )
    own_points_m: float = parameter(
        0.03, "Points this near to the arm when a motion is planned are the arm [m]; clouds without it allow 0.005.",
        low=0.0, high=0.1, relaxed=if_higher,
    )  # fmt: skip
    velocity_factor: float = parameter(0.1, "Share of the joint speed limits.", low=0.01, high=1.0, relaxed=if_higher)
    max_tool_speed: float = parameter(
        0.25, "Speed limit of the tip [m/s]; faster is slowed.", low=0.005, high=3.0, relaxed=if_higher
    )
    handover_s: float = parameter(
        HANDOVER_S,
        "So much of a motion is handed to the controller beyond the present, then a brake [s]; 0: all of it at once.",
        low=0.0,
        high=10.0,
        relaxed=if_higher_or_off,
    )
    joint_margin_rad: float = parameter(
        0.02, "Distance to keep from joint limits [rad].", low=0.0, high=0.5, relaxed=if_lower
    )
    max_joint_jump_rad: float = parameter(
        0.2, "Joint travel between waypoints [rad].", low=0.01, high=1.0, relaxed=if_higher
    )
    start_tolerance_rad: float = parameter(
        0.01, "Distance of a motion's start from the arm [rad].", low=1e-4, high=0.2, relaxed=if_higher
    )
    plan_timeout_s: float = parameter(10.0, "Time allowed for one try of the planner [s].", low=0.1, high=120.0)
    plan_attempts: int = parameter(3, "Tries of the planner, each with another seed.", low=1, high=20)
    approach_m: float = parameter(0.0, "Last stretch of a free motion, straight [m]; 0: none.", low=0.0, high=0.3)
    retreat_m: float = parameter(0.0, "First stretch back after the gripper acted [m]; 0: none.", low=0.0, high=0.3)
    require_safety: bool = parameter(True, "Move only while safety_state says ARMED or RUNNING.", relaxed=if_changed)
    safety_max_age_s: float = parameter(
        0.25, "Older safety_state forbids motion [s, steady].", low=0.1, high=5.0, relaxed=if_higher
    )
    safety_lease_s: float = parameter(
        0.15, "Silence of the safety node's process that is its end [s].", low=0.1, high=10.0, relaxed=if_higher
    )
    dry_run: bool = parameter(True, "Plan, judge and show every motion; move nothing.", relaxed=if_changed)
    confirm: bool = parameter(True, "Wait for the service `confirm` before every motion.", relaxed=if_changed)
    confirm_timeout_s: float = parameter(60.0, "How long to wait for it [s].", low=1.0, high=3600.0)
    joint_state_max_age_s: float = parameter(
        0.2, "Refuse older joint states [s, steady].", low=0.01, high=10.0, relaxed=if_higher
    )
    goal_tolerance_rad: float = parameter(
        0.05, "Joint error at the end of a motion [rad].", low=1e-4, high=1.0, relaxed=if_higher
    )
    contact_tolerance_rad: float = parameter(
        0.1, "The same where contact is intended [rad].", low=1e-4, high=2.0, relaxed=if_higher
    )
    overtime_s: float = parameter(3.0, "Time allowed beyond the planned duration [s].", low=0.1, high=60.0)
    gripper_timeout_s: float = parameter(
        5.0, "Time allowed for the gripper; an action that goes on is an error [s].", low=0.1, high=30.0
    )

    def __post_init__(self) -> None:
        box = np.array(self.workspace)
        if box.shape != (6,) or (box.any() and (box[3:] <= box[:3]).any()):
            raise ConfigurationError(f"workspace must be 6 numbers, minimum before maximum, got {self.workspace}")
        if len(self.keep_out) % 6:
            raise ConfigurationError(f"keep_out must be 6 numbers a box, got {len(self.keep_out)}")
        if bool(self.gripper_kind) != bool(self.gripper_name):
            raise ConfigurationError("gripper_kind and gripper_name go together: give both or none")


def configured(robot: Robot, p: ExecutorParameters) -> Robot:
    """The robot with what the parameters say instead of its file."""
    box = np.array(p.workspace).reshape(2, 3)
    extra = np.array(p.keep_out).reshape(-1, 2, 3)
    gripper = robot.gripper
    if p.gripper_kind:
        gripper = replace(gripper, kind=p.gripper_kind, name=p.gripper_name, other_names=())
    return replace(
        robot,
        workspace=box if box.any() else robot.workspace,
        keep_out=np.concatenate([robot.keep_out, extra[extra.any(axis=(1, 2))]]),
        gripper=gripper,
    )


def limiter_config(robot: Robot, p: ExecutorParameters) -> LimiterConfig:
    """Limits every trajectory must keep."""
    return LimiterConfig.for_robot(
        robot,
        joint_margin_rad=p.joint_margin_rad,
        max_joint_jump_rad=p.max_joint_jump_rad,
        velocity_factor=p.velocity_factor,
        max_tool_speed=p.max_tool_speed,
        start_tolerance_rad=p.start_tolerance_rad,
        max_state_age_s=p.joint_state_max_age_s,
    )


def planner_config(robot: Robot, p: ExecutorParameters) -> MotionPlannerConfig:
    """Settings of the embedded planner; it keeps the limiter's margins, or that would refuse what it plans."""
    margin = p.joint_margin_rad + ROUNDING_RAD
    return MotionPlannerConfig(
        velocity_factor=p.velocity_factor,
        workspace_aabb=robot.workspace,
        scene=SceneConfig(own_points_m=p.own_points_m),
        joint_range=robot.joint_range + np.array([margin, -margin]),
        joint_speeds=robot.joint_speeds,
        joint_accelerations=robot.joint_accelerations,
    )


def execution_limits(p: ExecutorParameters) -> ExecutionLimits:
    """When a motion counts as finished or failed."""
    return ExecutionLimits(
        goal_tolerance_rad=p.goal_tolerance_rad,
        contact_tolerance_rad=p.contact_tolerance_rad,
        overtime_s=p.overtime_s,
        gripper_timeout_s=p.gripper_timeout_s,
        plan_timeout_s=p.plan_timeout_s,
        plan_attempts=p.plan_attempts,
        approach_m=p.approach_m,
        retreat_m=p.retreat_m,
    )
