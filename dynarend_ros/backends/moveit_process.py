"""The process that holds moveit_py: plans, executes, stops; speaks through a pipe."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from dynarend_core.errors import DynaRendError, MissingDependencyError, PlanningError
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.planning.voxel_boxes import voxel_boxes
from dynarend_core.types import FailureReason
from dynarend_ros.backends import moveit_messages
from dynarend_ros.backends.error_codes import check_code
from dynarend_ros.backends.interface import MotionRequest

NODE_NAME = "dynarend_moveit"
STOP_AGAIN_S = 0.05


class MoveItArm:
    """One arm in moveit_py.

    Args:
        robot: The arm.
        velocity_factor: Share of the joint speed limits, in (0, 1]; moveit_py's own default is full speed.
    """

    def __init__(self, robot: Robot, velocity_factor: float) -> None:
        from moveit.core.robot_state import RobotState
        from moveit.planning import MoveItPy, PlanRequestParameters

        self._robot, self._factor = robot, velocity_factor
        self._state_type, self._parameters_type = RobotState, PlanRequestParameters
        # No planning service of its own: a move_group beside it keeps its scene.
        self._moveit = MoveItPy(
            node_name=NODE_NAME, config_dict=_configuration(robot, velocity_factor), provide_planning_service=False
        )
        self._component = self._moveit.get_planning_component(robot.moveit.group)
        self._monitor = self._moveit.get_planning_scene_monitor()

    def plan(self, request: MotionRequest) -> JointTrajectory:
        """One plan; straight ones with the robot's line planner."""
        self._update_scene(request)
        state = self._state(request.q_start)
        self._component.set_start_state(robot_state=state)
        goal = moveit_messages.goal_constraints(self._robot, request.T_base_tip)
        self._component.set_goal_state(motion_plan_constraints=[goal])
        response = self._component.plan(single_plan_parameters=self._parameters(request))
        check_code(response.error_code.val, "no plan")
        message = response.trajectory.get_robot_trajectory_msg()
        return moveit_messages.trajectory_from_moveit(self._robot, message, self._factor)

    def execute(self, trajectory: JointTrajectory) -> str:
        """Execute, blocking; returns MoveIt's status. Both generations of ``MoveItPy.execute``."""
        from moveit.core.robot_trajectory import RobotTrajectory

        motion = RobotTrajectory(self._moveit.get_robot_model())
        motion.joint_model_group_name = self._robot.moveit.group
        message = moveit_messages.trajectory_to_moveit(self._robot, trajectory)
        motion.set_robot_trajectory_msg(self._state(trajectory.positions[0]), message)
        try:
            status = self._moveit.execute(motion, controllers=[])
        except TypeError:  # Humble: the group first
            status = self._moveit.execute(self._robot.moveit.group, motion, blocking=True)
        return "SUCCEEDED" if bool(status) else str(getattr(status, "status", status))

    def stop(self) -> None:
        """Stop what is executed."""
        self._moveit.get_trajectory_execution_manager().stop_execution()

    def _state(self, q: np.ndarray) -> Any:
        state = self._state_type(self._moveit.get_robot_model())
        state.joint_positions = dict(zip(self._robot.joints, (float(v) for v in q), strict=True))
        state.update()
        return state

    def _parameters(self, request: MotionRequest) -> Any:
        parameters = self._parameters_type(self._moveit, "")
        pipeline, planner = self._robot.moveit.line if request.straight else self._robot.moveit.free
        parameters.planning_pipeline = pipeline
        parameters.planner_id = planner
        parameters.planning_attempts = 1
        # It holds Python's lock meanwhile; a little less than the caller waits.
        parameters.planning_time = float(moveit_messages.PLANNING_SHARE * request.timeout_s)
        parameters.max_velocity_scaling_factor = float(self._factor)
        parameters.max_acceleration_scaling_factor = float(self._factor)
        return parameters

    def _update_scene(self, request: MotionRequest) -> None:
        """Boxes where the cloud is; none before contact is intended, or the goal would be in collision."""
        centres, edge_m = np.zeros((0, 3)), 0.0
        if request.points is not None and not request.ignore_collisions:
            centres, edge_m = voxel_boxes(request.points, self._robot, request.q_start, request.T_base_tip)
        with self._monitor.read_write() as scene:
            for item in moveit_messages.scene_objects(self._robot, centres, edge_m):
                scene.apply_collision_object(item)


def _configuration(robot: Robot, velocity_factor: float) -> dict[str, Any]:
    """Parameters of moveit_py: the robot's MoveIt package, and what it does not load by itself."""
    from moveit_configs_utils import MoveItConfigsBuilder

    names = robot.moveit
    configuration: dict[str, Any] = (
        MoveItConfigsBuilder(names.robot_name, package_name=names.config_package).to_moveit_configs().to_dict()
    )
    factors = dict.fromkeys(("max_velocity_scaling_factor", "max_acceleration_scaling_factor"), velocity_factor)
    configuration |= {
        "planning_scene_monitor_options": {
            "name": "planning_scene_monitor",
            "robot_description": "robot_description",
            "wait_for_initial_state_timeout": 10.0,
        },
        "planning_pipelines": {"pipeline_names": list(dict.fromkeys([names.free[0], names.line[0]]))},
        "plan_request_params": {
            "planning_attempts": 1,
            "planning_pipeline": names.free[0],
            "planner_id": names.free[1],
            "planning_time": 2.0,
            **factors,
        },
    }
    return configuration


def serve(connection: Connection, robot: Robot, velocity_factor: float) -> None:
    """Answer until the pipe closes; then leave without moveit_py's teardown, which crashes."""
    try:
        arm = MoveItArm(robot, velocity_factor)
    except ImportError as error:
        text = (
            f"moveit_py is not installed ({error}): sudo apt install ros-$ROS_DISTRO-moveit-py, or backend move_group"
        )
        connection.send(("ready", MissingDependencyError(text)))
        return
    except Exception as error:  # whatever MoveIt dislikes about its configuration
        connection.send(("ready", PlanningError(f"{type(error).__name__}: {error}", FailureReason.CONTROLLER.value)))
        return
    connection.send(("ready", True))
    try:
        answer(connection, arm)
    finally:
        os._exit(0)


def answer(connection: Connection, arm: Any) -> None:
    """One request after the other, until the pipe closes."""
    lock = threading.Lock()

    def send(kind: str, value: Any) -> None:
        with lock:  # a Connection is not safe to write to from two threads
            connection.send((kind, value))

    motion = threading.Thread()
    while True:
        try:
            kind, value = connection.recv()
        except EOFError:
            return
        if kind == "plan":
            send("planned", _planned(arm, value))
        elif kind == "execute":
            motion = threading.Thread(target=_execute, args=(send, arm, *value), daemon=True)
            motion.start()
        elif kind == "stop":
            arm.stop()
            threading.Thread(target=_insist, args=(arm, motion), daemon=True).start()


def _insist(arm: Any, motion: threading.Thread) -> None:
    """A stop that comes before the execution has begun is lost on MoveIt: say it until the motion has ended."""
    while motion.is_alive():
        motion.join(STOP_AGAIN_S)
        if motion.is_alive():
            arm.stop()


def _planned(arm: Any, request: MotionRequest) -> JointTrajectory | Exception:
    try:
        return arm.plan(request)
    except DynaRendError as error:
        return error
    except Exception as error:  # moveit_py raises what its bindings raise
        return PlanningError(f"{type(error).__name__}: {error}", FailureReason.PLANNING.value)


def _execute(send: Callable[[str, Any], None], arm: Any, number: int, trajectory: JointTrajectory) -> None:
    try:
        status = arm.execute(trajectory)
    except Exception as error:
        status = f"{type(error).__name__}: {error}"
    send("executed", (number, status))
