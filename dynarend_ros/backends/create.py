"""The backend of a name."""

from __future__ import annotations

from rclpy.node import Node

from dynarend_core.planning.robot import Robot
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.backends.interface import MotionBackend
from dynarend_ros.backends.move_group import MoveGroupBackend
from dynarend_ros.backends.moveit import MoveItBackend
from dynarend_ros.backends.moveit_process import serve
from dynarend_ros.backends.ompl import OmplBackend
from dynarend_ros.executor_parameters import ExecutorParameters, planner_config
from dynarend_ros.handover import Handover


def create_backend(
    node: Node, robot: Robot, p: ExecutorParameters, commands: ArmCommands, arm: ArmState
) -> MotionBackend:
    """The backend ``p.backend``; what it needs is imported only where it is chosen.

    Raises:
        ConfigurationError: the backend cannot drive this robot.
        MissingDependencyError: what it needs is not installed.
        PlanningError: MoveIt did not start.
    """
    if p.backend == "move_group":
        return MoveGroupBackend(node, robot, p.velocity_factor, commands)
    if p.backend == "moveit":
        return MoveItBackend(robot, p.velocity_factor, commands, serve)
    simulated = bool(node.get_parameter("use_sim_time").value)
    handover = Handover(commands, arm, robot.joint_accelerations, p.handover_s, simulated)
    return OmplBackend(robot, planner_config(robot, p), commands, handover)
