"""Backend ``ompl``: the embedded planner, and joint trajectories on the controller's topic."""

from __future__ import annotations

import contextlib

import numpy as np

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.planner import MotionPlanner, MotionPlannerConfig
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import Keyframe
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.backends.interface import MotionRequest
from dynarend_ros.handover import Handover

Array = np.ndarray


class OmplBackend:
    """IK, straight lines and RRT-Connect for arms with the Panda's chain (Panda, FR3).

    Args:
        robot: The arm.
        config: The planner's settings.
        commands: For stops.
        handover: How motions reach the controller; closed with this.

    Raises:
        ConfigurationError: the robot has another chain than the Panda.
    """

    def __init__(self, robot: Robot, config: MotionPlannerConfig, commands: ArmCommands, handover: Handover) -> None:
        _check_chain(robot)
        self._commands, self._handover = commands, handover
        self._planner = MotionPlanner(config)
        self._warm_up(robot.home)
        handover.start()

    def plan(self, request: MotionRequest) -> JointTrajectory:
        """Straight where possible, else around what the cameras see."""
        keyframe = Keyframe(request.T_base_tip, gripper_open=True, ignore_collisions=request.ignore_collisions)
        return self._planner.plan(request.q_start, keyframe, request.points, request.straight, request.seed)

    def begin(self, trajectory: JointTrajectory) -> None:
        """Hand it over, piece by piece."""
        self._handover.begin(trajectory)

    def let_run_out(self) -> None:
        """Hand over no more of it."""
        self._handover.let_run_out()

    def problem(self) -> str | None:
        """A topic gives no answers; that the arm does not follow is seen in its joint states."""
        return None

    def settled(self) -> bool:
        """A controller that follows a topic takes the next motion at any time."""
        return True

    def finish(self) -> None:
        """Nothing is left to end."""

    def stop(self) -> None:
        """Brake and hold."""
        self._commands.hold()

    def close(self) -> None:
        """What was handed over runs out."""
        self._handover.close()

    def _warm_up(self, home: Array) -> None:
        """Compile and import what planning needs before the first keyframe waits for it."""
        T = self._planner.kinematics.forward(home)
        T[2, 3] -= 0.05
        points = np.random.default_rng(0).uniform([0.4, -0.3, 0.0], [0.6, 0.3, 0.01], (2000, 3))
        with contextlib.suppress(DynaRendError):
            self.plan(MotionRequest(home, T, points=points))


def _check_chain(robot: Robot) -> None:
    """Refuse an arm that the embedded kinematics do not describe."""
    text = f"backend ompl knows the Panda's chain only, {robot.name!r} has another; use backend moveit or move_group"
    if len(robot.joints) != 7:
        raise ConfigurationError(text)
    kinematics = ArmKinematics()
    for q in (HOME_Q, np.zeros(7), np.linspace(-1.0, 1.0, 7)):
        if np.abs(robot.forward(q) - kinematics.forward(q)).max() > 1e-3:
            raise ConfigurationError(text)
