"""Stand-ins for moveit_msgs, shape_msgs and control_msgs, written from their documented fields; strict as rclpy's.

A field that the release does not have, or a value of another type, is an error, as it is for generated messages.
"""

import sys
import types
from typing import ClassVar

from geometry_msgs.msg import Pose, Quaternion
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory


class Message:
    FIELDS: ClassVar[dict] = {}

    def __init__(self, **values):
        for name, kind in self.FIELDS.items():
            object.__setattr__(self, name, [] if isinstance(kind, list) else kind())
        for name, value in values.items():
            setattr(self, name, value)

    def __setattr__(self, name, value):
        assert name in self.FIELDS, f"{type(self).__name__} has no field {name}; it has {list(self.FIELDS)}"
        kind = self.FIELDS[name]
        if isinstance(kind, list):
            assert isinstance(value, list), (name, value)
            assert all(type(v) is kind[0] for v in value), (name, [type(v) for v in value])
        else:
            assert type(value) is kind, f"{type(self).__name__}.{name} is {kind.__name__}, got {type(value).__name__}"
        object.__setattr__(self, name, value)


def message(name, constants=None, **fields):
    return type(name, (Message,), {"FIELDS": fields, **(constants or {})})


def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        setattr(made, key, value)
    sys.modules[name] = made
    return made


def install(monkeypatch, release):
    """Put the packages of a release, ``humble`` or ``jazzy``, where they are imported from."""
    for name in ("moveit_msgs", "shape_msgs", "control_msgs"):
        for part in ("", ".msg", ".srv", ".action"):
            monkeypatch.setitem(sys.modules, name + part, types.ModuleType(name + part))
    Primitive = message("SolidPrimitive", {"BOX": 1, "SPHERE": 2}, type=int, dimensions=[float])
    shapes = module("shape_msgs.msg", SolidPrimitive=Primitive)
    State = message("RobotState", joint_state=JointState, is_diff=bool)
    Volume = message("BoundingVolume", primitives=[Primitive], primitive_poses=[Pose])
    Position = message("PositionConstraint", header=Header, link_name=str, constraint_region=Volume, weight=float)
    tolerances = {f"absolute_{axis}_axis_tolerance": float for axis in "xyz"}
    Orientation = message(
        "OrientationConstraint", header=Header, orientation=Quaternion, link_name=str, weight=float, **tolerances
    )
    Constraints = message("Constraints", position_constraints=[Position], orientation_constraints=[Orientation])
    speed = "cartesian_speed_end_effector_link" if release == "humble" else "cartesian_speed_limited_link"
    Request = message(
        "MotionPlanRequest",
        start_state=State,
        goal_constraints=[Constraints],
        pipeline_id=str,
        planner_id=str,
        group_name=str,
        num_planning_attempts=int,
        allowed_planning_time=float,
        max_velocity_scaling_factor=float,
        max_acceleration_scaling_factor=float,
        **{speed: str},
    )
    Object = message(
        "CollisionObject",
        {"ADD": b"\x00", "REMOVE": b"\x01"},
        header=Header,
        pose=Pose,
        id=str,
        primitives=[Primitive],
        primitive_poses=[Pose],
        operation=bytes,
    )
    World = message("PlanningSceneWorld", collision_objects=[Object])
    Scene = message("PlanningScene", is_diff=bool, robot_state=State, world=World)
    Options = message("PlanningOptions", plan_only=bool, replan=bool, planning_scene_diff=Scene)
    Trajectory = message("RobotTrajectory", joint_trajectory=JointTrajectory)
    msg = module(
        "moveit_msgs.msg",
        **{
            k.__name__: k
            for k in (State, Volume, Position, Orientation, Constraints, Request, Object, Scene, Trajectory)
        },
        PlanningOptions=Options,
    )
    controllers = {} if release == "humble" else {"controller_names": [str]}
    module(
        "moveit_msgs.action",
        MoveGroup=types.SimpleNamespace(Goal=message("Goal", request=Request, planning_options=Options)),
        ExecuteTrajectory=types.SimpleNamespace(Goal=message("Goal", trajectory=Trajectory, **controllers)),
    )
    newer = {"max_velocity_scaling_factor": float, "max_acceleration_scaling_factor": float}
    cartesian = message(
        "Request",
        header=Header,
        start_state=State,
        group_name=str,
        link_name=str,
        waypoints=[Pose],
        max_step=float,
        jump_threshold=float,
        avoid_collisions=bool,
        **({} if release == "humble" else newer),
    )
    module(
        "moveit_msgs.srv",
        GetCartesianPath=types.SimpleNamespace(Request=cartesian),
        ApplyPlanningScene=types.SimpleNamespace(Request=message("Request", scene=Scene)),
    )
    Command = message("GripperCommandMsg", position=float, max_effort=float)
    actions = {"GripperCommand": types.SimpleNamespace(Goal=message("Goal", command=Command))}
    actions["ParallelGripperCommand"] = types.SimpleNamespace(Goal=message("Goal", command=JointState))
    module("control_msgs.action", **actions)
    return types.SimpleNamespace(msg=msg, shapes=shapes)


class Future:
    """Done at once, or later by ``finish``."""

    def __init__(self, value=None, done=True):
        self.value, self.is_done, self.callbacks = value, done, []

    def add_done_callback(self, callback):
        self.callbacks.append(callback)
        if self.is_done:
            callback(self)

    def finish(self, value):
        self.value, self.is_done = value, True
        for callback in self.callbacks:
            callback(self)

    def result(self):
        return self.value


class Goal:
    """A goal handle of rclpy."""

    def __init__(self, accepted):
        self.accepted, self.cancelled, self.future = accepted, False, Future(done=False)

    def get_result_async(self):
        return self.future

    def cancel_goal_async(self):
        self.cancelled = True
        return Future(True)

    def end(self, status, **result):
        self.future.finish(types.SimpleNamespace(status=status, result=types.SimpleNamespace(**result)))


class ActionClient:
    """rclpy's action client; ``answer(goal, handle)`` plays the server."""

    def __init__(self, kind, name, ready=True, accepts=True):
        self.kind, self.name, self.ready, self.accepts = kind, name, ready, accepts
        self.goals, self.handles, self.answer = [], [], lambda goal, handle: None

    def server_is_ready(self):
        return self.ready

    def send_goal_async(self, goal):
        assert type(goal) is self.kind.Goal
        handle = Goal(self.accepts)
        self.goals.append(goal)
        self.handles.append(handle)
        if self.accepts:
            self.answer(goal, handle)
        return Future(handle)


class ServiceClient:
    def __init__(self, kind, name):
        self.kind, self.name, self.ready, self.requests, self.answer = kind, name, True, [], None

    def service_is_ready(self):
        return self.ready

    def call_async(self, request):
        assert type(request) is self.kind.Request
        self.requests.append(request)
        answer = self.answer(request) if callable(self.answer) else self.answer
        return Future(answer, done=answer is not None)


class SceneServer:
    """``apply_planning_scene`` as move_group answers it: the removal of what is not there is refused."""

    def __init__(self, *there):
        self.there = set(there)

    def __call__(self, request):
        success = True
        for item in request.scene.world.collision_objects:
            if item.operation == type(item).ADD:
                self.there.add(item.id)
            elif item.id in self.there:
                self.there.remove(item.id)
            else:
                success = False
        return types.SimpleNamespace(success=success)


class Node:
    """What a backend uses of a node."""

    def __init__(self):
        self.services, self.topics = {}, {}

    def create_client(self, kind, name):
        self.services[name] = ServiceClient(kind, name)
        return self.services[name]

    def create_publisher(self, kind, name, _qos):
        sent = self.topics.setdefault(name, [])

        def publish(item):
            assert type(item) is kind
            sent.append(item)

        return types.SimpleNamespace(publish=publish)
