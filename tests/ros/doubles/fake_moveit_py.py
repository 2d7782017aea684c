"""Stand-ins for moveit_py and moveit_configs_utils, written from the signatures of their bindings, two generations.

Arguments that a release does not have, that are positional only, or of another type are errors, as pybind makes them.
"""

import contextlib
import sys
import types

from fake_moveit_messages import module


class Log:
    """What was called; ``answer`` is what plan() returns."""

    def __init__(self):
        self.calls, self.answer, self.status, self.objects = [], None, "SUCCEEDED", []


def install(monkeypatch, release, log):
    """Put the modules of a release, ``humble`` or ``jazzy``, where they are imported from."""
    msg = sys.modules["moveit_msgs.msg"]
    for name in ("moveit", "moveit.core", "moveit.core.robot_state", "moveit.core.robot_trajectory", "moveit.planning"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "moveit_configs_utils", types.ModuleType("moveit_configs_utils"))

    class RobotState:
        def __init__(self, robot_model):
            assert robot_model == "model"
            self._positions = {}

        @property
        def joint_positions(self):
            return self._positions

        @joint_positions.setter
        def joint_positions(self, values):
            assert all(type(k) is str and type(v) is float for k, v in values.items())
            self._positions = values

        def update(self, force=False, type="all"):
            assert type in ("all", "links_only", "collisions_only")

    class RobotTrajectory:
        def __init__(self, robot_model):
            assert robot_model == "model"
            self.joint_model_group_name, self.message = "", None

        def set_robot_trajectory_msg(self, robot_state, msg_):
            assert type(robot_state) is RobotState
            assert type(msg_) is msg.RobotTrajectory
            self.message = msg_

        def get_robot_trajectory_msg(self, joint_filter=()):
            return self.message

    class PlanRequestParameters:
        def __init__(self, *args):
            moveit_py, namespace = args
            assert type(moveit_py) is MoveItPy
            assert namespace == ""
            self.max_velocity_scaling_factor = self.max_acceleration_scaling_factor = 1.0

        def __setattr__(self, name, value):
            kinds = {"planner_id": str, "planning_pipeline": str, "planning_attempts": int, "planning_time": float}
            kinds |= {"max_velocity_scaling_factor": float, "max_acceleration_scaling_factor": float}
            assert type(value) is kinds[name], (name, value)
            object.__setattr__(self, name, value)

    class PlanningComponent:
        def set_start_state(self, configuration_name=None, robot_state=None):
            assert configuration_name is None
            assert type(robot_state) is RobotState
            log.calls.append(("start", robot_state.joint_positions))
            return True

        def set_goal_state(
            self,
            configuration_name=None,
            robot_state=None,
            pose_stamped_msg=None,
            pose_link=None,
            motion_plan_constraints=None,
        ):
            kinds = (configuration_name, robot_state, pose_stamped_msg, motion_plan_constraints)
            assert sum(k is not None for k in kinds) == 1
            assert all(type(c) is msg.Constraints for c in motion_plan_constraints)
            log.calls.append(("goal", motion_plan_constraints))
            return True

        def plan(
            self,
            single_plan_parameters=None,
            multi_plan_parameters=None,
            planning_scene=None,
            solution_selection_function=None,
            stopping_criterion_callback=None,
        ):
            assert type(single_plan_parameters) is PlanRequestParameters
            log.calls.append(("plan", single_plan_parameters))
            return log.answer

    class Scene:
        def apply_collision_object(self, collision_object_msg, color_msg=None):
            assert type(collision_object_msg) is msg.CollisionObject
            log.objects.append(collision_object_msg)

    class Monitor:
        @contextlib.contextmanager
        def read_write(self):
            yield Scene()

    class Manager:
        def stop_execution(self, auto_clear=True):
            log.calls.append(("stop", auto_clear))

    class Status:
        def __init__(self):
            self.status = log.status

        def __bool__(self):
            return self.status == "SUCCEEDED"

    class MoveItPy:
        def __init__(
            self,
            node_name="moveit_py",
            name_space="",
            launch_params_filepaths=(),
            config_dict=None,
            provide_planning_service=True,
            **newer,
        ):
            assert not newer
            assert name_space == ""
            log.calls.append(("init", node_name, config_dict, provide_planning_service))

        def get_planning_component(self, planning_component_name):
            log.calls.append(("component", planning_component_name))
            return PlanningComponent()

        def get_planning_scene_monitor(self):
            return Monitor()

        def get_trajectory_execution_manager(self):
            return Manager()

        def get_robot_model(self):
            return "model"

        def execute(self, *args, **kwargs):
            humble = release == "humble"
            names = ("group_name", "robot_trajectory", "blocking") if humble else ("robot_trajectory", "controllers")
            given = {**dict(zip(names, args, strict=False)), **kwargs}
            required = set(names) - {"blocking"}
            if not required <= set(given) <= set(names):
                raise TypeError("execute(): incompatible function arguments")
            if type(given["robot_trajectory"]) is not RobotTrajectory:
                raise TypeError("execute(): incompatible function arguments")
            log.calls.append(("execute", given))
            return Status() if not humble else log.status == "SUCCEEDED"

    class Configs:
        def to_dict(self):
            return {"robot_description": "<robot/>", "planning_pipelines": ["ompl"]}

    class MoveItConfigsBuilder:
        def __init__(self, robot_name, robot_description="robot_description", package_name=None):
            log.calls.append(("configs", robot_name, package_name))

        def to_moveit_configs(self):
            return Configs()

    module("moveit.core.robot_state", RobotState=RobotState)
    module("moveit.core.robot_trajectory", RobotTrajectory=RobotTrajectory)
    module("moveit.planning", MoveItPy=MoveItPy, PlanRequestParameters=PlanRequestParameters)
    module("moveit_configs_utils", MoveItConfigsBuilder=MoveItConfigsBuilder)
    return RobotTrajectory
