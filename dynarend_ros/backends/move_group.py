"""Backend ``move_group``: MoveIt in its own process, by its actions and services. Needs no moveit_py; any release.

Planning by ``move_action`` (plan only, so that it can be cancelled) or, for straight lines, ``compute_cartesian_path``;
motion by ``execute_trajectory``, after our limiter has seen it; the scene by ``apply_planning_scene``.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.node import Node
from std_msgs.msg import Header, String

from dynarend_core.errors import PlanningError
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.planning.voxel_boxes import voxel_boxes
from dynarend_core.types import FailureReason
from dynarend_ros import qos, topics
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.backends import moveit_messages
from dynarend_ros.backends.action_call import ActionCall, action_client, status_name
from dynarend_ros.backends.error_codes import SUCCESS, check_code, error_name
from dynarend_ros.backends.interface import MotionRequest
from dynarend_ros.backends.optional_messages import messages

LINE_STEP_M = 0.005
SERVICE_TIMEOUT_S = 2.0


class MoveGroupBackend:
    """Plans and moves through a running ``move_group``.

    Args:
        node: Whose clients they are; somebody else spins it while ``plan`` waits.
        robot: The arm.
        velocity_factor: Share of the joint speed limits, in (0, 1].
        commands: The controller's topic, for stops.

    Raises:
        MissingDependencyError: moveit_msgs is not installed.
    """

    def __init__(self, node: Node, robot: Robot, velocity_factor: float, commands: ArmCommands) -> None:
        actions, services = messages("moveit_msgs.action"), messages("moveit_msgs.srv")
        self._robot, self._factor, self._commands = robot, velocity_factor, commands
        self._plan_goal, self._execute_goal = actions.MoveGroup.Goal, actions.ExecuteTrajectory.Goal
        self._planning = ActionCall(action_client(node, actions.MoveGroup, "move_action"), "move_action")
        execute = action_client(node, actions.ExecuteTrajectory, "execute_trajectory")
        self._motion = ActionCall(execute, "execute_trajectory", too_late=self._halt)
        self._line_request = services.GetCartesianPath.Request
        self._line = node.create_client(services.GetCartesianPath, "compute_cartesian_path")
        self._scene_request = services.ApplyPlanningScene.Request
        self._scene = node.create_client(services.ApplyPlanningScene, "apply_planning_scene")
        self._event = node.create_publisher(String, topics.EXECUTION_EVENT, qos.RELIABLE)
        self._cloud_there = True  # perhaps: left by one who used this move_group before

    def plan(self, request: MotionRequest) -> JointTrajectory:
        """Tell MoveIt what is in the way, then plan around it."""
        self._update_scene(request)
        planned = self._plan_line(request) if request.straight else self._plan_free(request)
        return moveit_messages.trajectory_from_moveit(self._robot, planned, self._factor)

    def begin(self, trajectory: JointTrajectory) -> None:
        """Have MoveIt execute it."""
        self._motion.start(self._execute_goal(trajectory=moveit_messages.trajectory_to_moveit(self._robot, trajectory)))

    def let_run_out(self) -> None:
        """MoveIt has all of the motion already."""

    def problem(self) -> str | None:
        """Refused, aborted, or ended with another code than success."""
        if self._motion.refusal() is not None:
            return self._motion.refusal()
        outcome = self._motion.outcome()
        if outcome is None:
            return None
        code = outcome.result.error_code.val
        if outcome.status == GoalStatus.STATUS_SUCCEEDED and code == SUCCESS:
            return None
        return f"execute_trajectory {status_name(outcome.status)}: {error_name(code)}"

    def settled(self) -> bool:
        """Whether the action has ended; MoveIt takes no motion before."""
        return not self._motion.pending()

    def finish(self) -> None:
        """Cancel the action; a controller that never meets its goal would keep it."""
        self._motion.cancel()
        self._event.publish(String(data="stop"))

    def stop(self) -> None:
        """Cancel planning and motion, tell MoveIt to stop, and the controller to brake."""
        self._planning.cancel()
        self._motion.cancel()
        self._halt()

    def _halt(self) -> None:
        self._event.publish(String(data="stop"))
        self._commands.hold()

    def close(self) -> None:
        """Nothing is held."""

    def _plan_free(self, request: MotionRequest) -> Any:
        goal = self._plan_goal(request=moveit_messages.plan_request(self._robot, request, self._factor))
        goal.planning_options.plan_only = True
        goal.planning_options.planning_scene_diff.is_diff = True
        goal.planning_options.planning_scene_diff.robot_state.is_diff = True
        self._planning.start(goal)
        outcome = self._planning.wait(request.timeout_s)
        if outcome is None:
            self._planning.cancel()
            refusal = self._planning.refusal()
            if refusal is not None:
                raise PlanningError(refusal, FailureReason.CONTROLLER.value)
            raise PlanningError(f"no plan within {request.timeout_s:.1f} s", FailureReason.TIMEOUT.value)
        check_code(outcome.result.error_code.val, "no plan")
        return outcome.result.planned_trajectory

    def _plan_line(self, request: MotionRequest) -> Any:
        wanted = self._line_request(
            header=Header(frame_id=self._robot.base_frame),
            start_state=moveit_messages.robot_state(self._robot, request.q_start),
            group_name=self._robot.moveit.group,
            link_name=self._robot.moveit.tool_link,
            waypoints=[moveit_messages.tool_pose(self._robot, request.T_base_tip)],
            max_step=LINE_STEP_M,
            avoid_collisions=not request.ignore_collisions,
        )
        for name in ("max_velocity_scaling_factor", "max_acceleration_scaling_factor"):  # not in Humble
            if hasattr(wanted, name):
                setattr(wanted, name, float(self._factor))
        answer = self._ask(self._line, wanted, "compute_cartesian_path", request.timeout_s)
        check_code(answer.error_code.val, "no straight line")
        if answer.fraction < 1.0 - 1e-3:
            text = f"only {100.0 * answer.fraction:.0f} % of the straight line can be followed"
            raise PlanningError(text, FailureReason.PLANNING.value)
        return answer.solution

    def _update_scene(self, request: MotionRequest) -> None:
        """Boxes where the cloud is; none before contact is intended, or the goal would be in collision."""
        centres, edge_m = np.zeros((0, 3)), 0.0
        if request.points is not None and not request.ignore_collisions:
            centres, edge_m = voxel_boxes(request.points, self._robot, request.q_start, request.T_base_tip)
        cloud, *others = moveit_messages.scene_objects(self._robot, centres, edge_m)
        if len(centres):
            self._cloud_there = True  # also where no answer comes
            taken = self._apply([cloud, *others])
        else:
            # MoveIt refuses to remove what is not there, as after its restart; then nothing is left to remove.
            taken = (self._cloud_there and self._apply([cloud, *others])) or self._apply(others)
            self._cloud_there = False
        if not taken:
            raise PlanningError("move_group did not take the planning scene", FailureReason.PLANNING.value)

    def _apply(self, objects: list[Any]) -> bool:
        if not objects:
            return True
        wanted = self._scene_request(scene=moveit_messages.scene_diff(objects))
        return bool(self._ask(self._scene, wanted, "apply_planning_scene", SERVICE_TIMEOUT_S).success)

    def _ask(self, client: Any, request: Any, name: str, timeout_s: float) -> Any:
        if not client.service_is_ready():
            text = f"service {name} is not offered: is move_group running?"
            raise PlanningError(text, FailureReason.CONTROLLER.value)
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout_s):
            raise PlanningError(f"{name}: no answer within {timeout_s:.1f} s", FailureReason.TIMEOUT.value)
        return future.result()
