"""The moveit backend: its calls of moveit_py against strict fakes, and the process that holds it against real ones."""

import os
import sys
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

import fake_moveit_messages
import fake_moveit_py
import toy_planner_process as toy

from dynarend_core.errors import MissingDependencyError, PlanningError
from dynarend_core.geometry import se3
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.backends import moveit_messages, moveit_process
from dynarend_ros.backends.interface import MotionRequest
from dynarend_ros.backends.moveit import MoveItBackend
from dynarend_ros.robots import find_robot

DOWN = se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.1, 0.3]))
ROBOT = find_robot("panda")


def motion():
    q = ROBOT.home + np.linspace(0, 0.2, 5)[:, None]
    return JointTrajectory(np.linspace(0, 2, 5), q, np.zeros_like(q))


class Bench:
    def __init__(self, monkeypatch, release):
        fake_moveit_messages.install(monkeypatch, release)
        self.release, self.log = release, fake_moveit_py.Log()
        trajectory = fake_moveit_py.install(monkeypatch, release, self.log)("model")
        trajectory.message = moveit_messages.trajectory_to_moveit(ROBOT, motion())
        self.code = types.SimpleNamespace(val=1)
        self.log.answer = types.SimpleNamespace(error_code=self.code, trajectory=trajectory)
        self.arm = moveit_process.MoveItArm(ROBOT, 0.1)

    def last(self, kind):
        return next(call for call in reversed(self.log.calls) if call[0] == kind)


@pytest.fixture(params=["humble", "jazzy"])
def bench(request, monkeypatch):
    return Bench(monkeypatch, request.param)


def test_it_is_configured_slow_with_both_pipelines_and_beside_a_move_group(bench):
    _, name, configuration, service = bench.last("init")
    assert (name, service) == ("dynarend_moveit", False)
    assert configuration["planning_pipelines"] == {"pipeline_names": ["ompl", "pilz_industrial_motion_planner"]}
    assert configuration["plan_request_params"]["max_velocity_scaling_factor"] == 0.1
    assert configuration["planning_scene_monitor_options"]["wait_for_initial_state_timeout"] > 0.0
    assert bench.last("configs") == ("configs", "moveit_resources_panda", "moveit_resources_panda_moveit_config")
    assert bench.last("component") == ("component", "panda_arm")


def test_free_and_straight_plans_name_their_planners_and_never_full_speed(bench):
    planned = bench.arm.plan(MotionRequest(ROBOT.home, DOWN, timeout_s=2.0))
    np.testing.assert_allclose(planned.positions, motion().positions)
    parameters = bench.last("plan")[1]
    assert (parameters.planning_pipeline, parameters.max_velocity_scaling_factor) == ("ompl", 0.1)
    assert parameters.planning_time == moveit_messages.PLANNING_SHARE * 2.0 < 2.0
    assert bench.last("start")[1] == dict(zip(ROBOT.joints, ROBOT.home, strict=True))
    bench.arm.plan(MotionRequest(ROBOT.home, DOWN, straight=True))
    parameters = bench.last("plan")[1]
    assert (parameters.planning_pipeline, parameters.planner_id) == ("pilz_industrial_motion_planner", "LIN")
    bench.code.val = -31
    with pytest.raises(PlanningError, match="NO_IK_SOLUTION") as error:
        bench.arm.plan(MotionRequest(ROBOT.home, DOWN))
    assert error.value.cause == "ik"


def test_the_scene_is_filled_and_cleared(bench):
    points = np.random.default_rng(0).uniform([0.3, -0.4, 0.0], [0.4, -0.3, 0.1], (3000, 3))
    bench.arm.plan(MotionRequest(ROBOT.home, DOWN, points=points))
    bench.arm.plan(MotionRequest(ROBOT.home, DOWN, points=points, ignore_collisions=True))
    filled, cleared = bench.log.objects
    assert len(filled.primitives) > 50
    assert (cleared.id, cleared.operation) == (filled.id, type(cleared).REMOVE)


def test_execution_speaks_both_generations(bench):
    assert bench.arm.execute(motion()) == "SUCCEEDED"
    given = bench.last("execute")[1]
    assert given["robot_trajectory"].joint_model_group_name == "panda_arm"
    assert ("group_name" in given) == (bench.release == "humble")
    bench.log.status = "ABORTED"
    assert bench.arm.execute(motion()) != "SUCCEEDED"
    bench.arm.stop()
    assert bench.last("stop") == ("stop", True)


class Commands:
    def __init__(self):
        self.did = []

    def hold(self):
        self.did.append("hold")


@pytest.fixture
def backend():
    made = MoveItBackend(ROBOT, 0.1, Commands(), toy.serve)
    yield made
    made.close()


def request(x=0.5, timeout_s=5.0):
    return MotionRequest(ROBOT.home, se3.make(t=np.array([x, 0.0, 0.3])), timeout_s=timeout_s)


def test_a_planner_that_never_returns_is_killed_and_started_again(backend):
    np.testing.assert_allclose(backend.plan(request()).positions[0], ROBOT.home)
    begin_s = time.monotonic()
    with pytest.raises(PlanningError, match="its process was ended") as error:
        backend.plan(request(toy.HANGS_AT_X, timeout_s=0.5))
    assert error.value.cause == "timeout"
    assert time.monotonic() - begin_s < 5.0
    with pytest.raises(PlanningError, match="did not answer"):
        backend.plan(request(toy.CRASHES_AT_X))
    with pytest.raises(PlanningError, match="out of reach") as error:
        backend.plan(request(toy.FAILS_AT_X))
    assert error.value.cause == "ik"
    assert len(backend.plan(request()).positions) == 2


def test_motions_are_watched_and_stopped_and_a_lost_process_is_a_problem(backend):
    trajectory = backend.plan(request())
    backend.begin(trajectory)
    wait_for(lambda: not backend._moving or backend.problem())
    assert backend.problem() is None
    slow = JointTrajectory(np.array([0.0, 60.0]), trajectory.positions, trajectory.velocities)
    backend.begin(slow)
    backend.stop()
    assert backend._commands.did == ["hold"]
    wait_for(lambda: backend.problem() is not None)
    assert "PREEMPTED" in backend.problem()
    backend.begin(slow)
    os.kill(backend._process.pid, 9)
    wait_for(lambda: backend.problem() is not None)
    assert "process that runs MoveIt ended" in backend.problem()


def test_what_is_heard_of_an_earlier_motion_says_nothing_of_this_one(backend):
    trajectory = backend.plan(request())
    slow = JointTrajectory(np.array([0.0, 60.0]), trajectory.positions, trajectory.velocities)
    backend.begin(slow)
    backend.begin(slow)
    backend._note("executed", (1, "PREEMPTED"))
    assert backend.problem() is None
    assert not backend.settled()
    backend.finish()
    wait_for(backend.settled)
    assert backend._commands.did == []


def test_a_stop_beside_a_large_cloud_and_its_answer_spoils_neither(backend):
    points = np.zeros((500_000, 3))
    big = MotionRequest(ROBOT.home, request().T_base_tip, points=points)
    done = threading.Event()

    def stop_all_the_time():
        while not done.is_set():
            backend.stop()

    thread = threading.Thread(target=stop_all_the_time)
    thread.start()
    try:
        for _ in range(5):
            assert len(backend.plan(big).positions) == 2
    finally:
        done.set()
        thread.join(5.0)


def wait_for(condition):
    deadline_s = time.monotonic() + 10.0
    while not condition() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert condition()


def test_without_moveit_py_the_executor_is_told_what_to_install():
    with pytest.raises((PlanningError, MissingDependencyError), match="moveit_py is not installed"):
        MoveItBackend(ROBOT, 0.1, Commands(), moveit_process.serve)
