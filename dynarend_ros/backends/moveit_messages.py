"""Messages for MoveIt: goals, states, scenes; and trajectories back. Knows the differences between releases."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Pose
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from dynarend_core.errors import PlanningError
from dynarend_core.geometry import se3
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise
from dynarend_core.types import FailureReason
from dynarend_ros.backends.interface import MotionRequest
from dynarend_ros.backends.optional_messages import messages
from dynarend_ros.conversions import trajectory_from_message, trajectory_to_message
from dynarend_ros.conversions.poses import fill_pose

Array = np.ndarray

POSITION_TOLERANCE_M = 1e-3
ROTATION_TOLERANCE_RAD = 1e-2
PLANNING_SHARE = 0.8
"""Share of a request's time that MoveIt may plan; the rest is for its answer, or a failed plan looks like silence."""
CLOUD_ID, KEEP_OUT_ID = "dynarend_cloud", "dynarend_keep_out"


def tool_pose(robot: Robot, T_base_tip: Array) -> Pose:
    """Where MoveIt's tool link must be for the tip to be there."""
    return fill_pose(Pose(), robot.tool_goal(T_base_tip))


def robot_state(robot: Robot, q: Array) -> Any:
    """The arm at ``q``, the rest as MoveIt knows it."""
    msg = messages("moveit_msgs.msg")
    state = msg.RobotState(joint_state=JointState(name=list(robot.joints), position=[float(v) for v in q]))
    state.is_diff = True
    return state


def goal_constraints(robot: Robot, T_base_tip: Array) -> Any:
    """The tool link in a sphere of a millimetre around the goal, turned by no more than a hundredth of a radian."""
    msg, shapes = messages("moveit_msgs.msg"), messages("shape_msgs.msg")
    header, pose = Header(frame_id=robot.base_frame), tool_pose(robot, T_base_tip)
    sphere = shapes.SolidPrimitive(type=shapes.SolidPrimitive.SPHERE, dimensions=[POSITION_TOLERANCE_M])
    centre = Pose(position=pose.position)
    centre.orientation.w = 1.0
    region = msg.BoundingVolume(primitives=[sphere], primitive_poses=[centre])
    position = msg.PositionConstraint(
        header=header, link_name=robot.moveit.tool_link, constraint_region=region, weight=1.0
    )
    orientation = msg.OrientationConstraint(
        header=header, orientation=pose.orientation, link_name=robot.moveit.tool_link, weight=1.0
    )
    for axis in "xyz":
        setattr(orientation, f"absolute_{axis}_axis_tolerance", ROTATION_TOLERANCE_RAD)
    return msg.Constraints(position_constraints=[position], orientation_constraints=[orientation])


def plan_request(robot: Robot, request: MotionRequest, velocity_factor: float) -> Any:
    """A ``MotionPlanRequest``. Factors outside (0, 1] would mean full speed to MoveIt: the caller has checked them."""
    msg = messages("moveit_msgs.msg")
    pipeline, planner = robot.moveit.line if request.straight else robot.moveit.free
    return msg.MotionPlanRequest(
        start_state=robot_state(robot, request.q_start),
        goal_constraints=[goal_constraints(robot, request.T_base_tip)],
        pipeline_id=pipeline,
        planner_id=planner,
        group_name=robot.moveit.group,
        num_planning_attempts=1,
        allowed_planning_time=float(PLANNING_SHARE * request.timeout_s),
        max_velocity_scaling_factor=float(velocity_factor),
        max_acceleration_scaling_factor=float(velocity_factor),
    )


def scene_objects(robot: Robot, centres: Array, edge_m: float) -> list[Any]:
    """Collision objects: the boxes of the cloud, or its removal where there are none, and the keep-out boxes."""
    cloud = _boxes(CLOUD_ID, robot, [(centre, np.full(3, edge_m)) for centre in centres])
    keep_out = [(box.mean(axis=0), box[1] - box[0]) for box in robot.keep_out]
    return [cloud, *([_boxes(KEEP_OUT_ID, robot, keep_out)] if keep_out else [])]


def _boxes(name: str, robot: Robot, boxes: list[tuple[Array, Array]]) -> Any:
    msg, shapes = messages("moveit_msgs.msg"), messages("shape_msgs.msg")
    item = msg.CollisionObject(header=Header(frame_id=robot.base_frame), id=name)
    item.pose.orientation.w = 1.0
    item.operation = msg.CollisionObject.ADD if boxes else msg.CollisionObject.REMOVE
    for centre, size in boxes:
        edges = [float(v) for v in size]
        item.primitives.append(shapes.SolidPrimitive(type=shapes.SolidPrimitive.BOX, dimensions=edges))
        item.primitive_poses.append(fill_pose(Pose(), se3.make(t=centre)))
    return item


def scene_diff(objects: list[Any]) -> Any:
    """A planning scene that changes these objects only."""
    msg = messages("moveit_msgs.msg")
    scene = msg.PlanningScene(is_diff=True)
    scene.robot_state.is_diff = True
    scene.world.collision_objects = objects
    return scene


def trajectory_from_moveit(robot: Robot, message: Any, velocity_factor: float) -> JointTrajectory:
    """The arm's motion out of a ``RobotTrajectory``; one without times gets them from our limits.

    Raises:
        PlanningError: cause ``planning``; it is empty, or not of this arm.
    """
    joints = message.joint_trajectory
    points = joints.points
    if len(points) < 2 or sorted(joints.joint_names) != sorted(robot.joints):
        text = f"MoveIt planned {len(points)} points of {list(joints.joint_names)}, the arm has {list(robot.joints)}"
        raise PlanningError(text, FailureReason.PLANNING.value)
    last = points[-1].time_from_start
    if last.sec == 0 and last.nanosec == 0:
        order = [list(joints.joint_names).index(name) for name in robot.joints]
        path = np.array([point.positions for point in points], dtype=np.float64)[:, order]
        return time_parametrise(path, robot.joint_speeds, robot.joint_accelerations, velocity_factor)
    trajectory = trajectory_from_message(joints, robot.joints)
    assert trajectory is not None
    return trajectory


def trajectory_to_moveit(robot: Robot, trajectory: JointTrajectory) -> Any:
    """A ``RobotTrajectory`` of the arm."""
    msg = messages("moveit_msgs.msg")
    return msg.RobotTrajectory(joint_trajectory=trajectory_to_message(trajectory, robot.joints))
