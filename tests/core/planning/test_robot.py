"""Robots as data: the shipped files agree with what is known of the arms; broken ones are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from dynarend_core.errors import ConfigurationError, InvalidInputError
from dynarend_core.planning import panda
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.limiter import LimiterConfig, TrajectoryLimiter
from dynarend_core.planning.limiter_outcome import MeasuredState, Rule
from dynarend_core.planning.robot_file import load_robot
from dynarend_core.planning.trajectory import JointTrajectory

FOLDER = Path(__file__).parents[3] / "config" / "robots"
NAMES = ("panda", "fr3", "ur5e", "xarm7")


def robot(name):
    return load_robot(FOLDER / f"{name}.yaml")


def move(robot, joint, by_rad, seconds=20.0):
    n = 120
    share = (1 - np.cos(np.linspace(0, np.pi, n))) / 2
    q = robot.home + by_rad * share[:, None] * np.eye(len(robot.joints))[joint]
    times = np.linspace(0, seconds, n)
    qd = np.gradient(q, times, axis=0)
    qd[[0, -1]] = 0.0
    return JointTrajectory(times, q, qd)


def test_every_shipped_file_is_a_robot():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(NAMES)


def test_the_panda_file_says_what_the_planner_knows():
    r, kinematics, rng = robot("panda"), ArmKinematics(), np.random.default_rng(0)
    for q in rng.uniform(panda.JOINT_LIMITS[:, 0], panda.JOINT_LIMITS[:, 1], (50, 7)):
        np.testing.assert_allclose(r.forward(q), kinematics.forward(q), atol=1e-12)
    np.testing.assert_array_equal(r.joint_range, panda.JOINT_LIMITS)
    np.testing.assert_array_equal(r.joint_speeds, panda.VELOCITY_LIMITS)
    np.testing.assert_array_equal(r.joint_accelerations, panda.ACCELERATION_LIMITS)
    assert r.joints == panda.JOINT_NAMES


def test_the_ur5e_stands_where_its_data_sheet_says():
    flange = robot("ur5e").forward(np.zeros(6)) @ np.linalg.inv(robot("ur5e").T_last_tip)
    # Stretched out along x: a2 + a3, d4 + d6, d1 - d5.
    np.testing.assert_allclose(flange[:3, 3], [0.8172, 0.2329, 0.0628], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_limiter_judges_every_robot_by_its_own_limits(name):
    r = robot(name)
    limiter = TrajectoryLimiter(LimiterConfig.for_robot(r, velocity_factor=0.1))
    assert limiter.config.workspace_aabb[0, 0] <= r.forward(r.home)[0, 3] <= limiter.config.workspace_aabb[1, 0]
    here = MeasuredState(r.home, 0.0)
    assert limiter.check(move(r, 0, 0.3), here).violation is None
    outside = limiter.check(move(r, len(r.joints) - 1, 9.0, 60.0), here)
    assert outside.violation.rule is Rule.JOINT_MARGIN
    away = limiter.check(move(r, 0, 0.3), MeasuredState(r.home + 0.1, 0.0))
    assert away.violation.rule is Rule.START_STATE
    tip = r.forward(r.home)[:3, 3]
    boxed = LimiterConfig.for_robot(r, keep_out=np.array([[tip - 0.02, tip + 0.02]]))
    assert TrajectoryLimiter(boxed).check(move(r, 0, 0.3), here).violation.rule is Rule.KEEP_OUT
    fast = limiter.check(move(r, 0, 0.3, 0.2), here)
    speed = np.abs(fast.trajectory.velocities).max(axis=0)
    assert fast.slowdown > 1.0
    assert (speed <= 0.1 * r.joint_speeds + 1e-9).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["arm"].pop("home"), r"missing entries \['arm.home'\]"),
        (lambda d: d["arm"].update(homes=1), r"unknown entries \['arm.homes'\]"),
        (lambda d: d["arm"].update(lower=[0.0]), "arm"),
        (lambda d: d["arm"].update(lower="low"), "arm.lower must be numbers, got 'low'"),
        (lambda d: d["arm"]["home"].__setitem__(3, 1.0), "outside the joint range"),
        (lambda d: d["arm"]["speeds"].__setitem__(0, float("nan")), "arm.speeds must be a list of finite numbers"),
        (lambda d: d["arm"]["origins"].__setitem__(0, [1, 2]), "arm.origins must be rows of 6 numbers"),
        (lambda d: d["gripper"].update(kind="magnet"), "magnet.*gripper_command"),
        (lambda d: d["gripper"].update(names=["a"]), "needs one of the entries gripper.name and gripper.names"),
        (lambda d: d["gripper"].pop("name"), "needs one of the entries gripper.name and gripper.names"),
        (lambda d: d["gripper"].update(closed=0.04), "open position that is not the closed one"),
        (lambda d: d.update(workspace=[1, 1, 1, 0, 0, 0]), "minimum before maximum"),
        (lambda d: d.update(driver="kuka"), "kuka.*none, ur, franka"),
        (lambda d: d["moveit"].update(line=["LIN"]), r"moveit.line must be \[pipeline, planner\]"),
        (lambda d: d.pop("moveit"), "moveit"),
    ],
)
def test_a_broken_file_is_refused_with_file_entry_and_remedy(tmp_path, change, message):
    data = yaml.safe_load((FOLDER / "panda.yaml").read_text())
    change(data)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigurationError, match=message) as error:
        load_robot(path)
    assert "mine.yaml" in str(error.value)


def test_missing_and_unreadable_files_are_configuration_errors(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_robot(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigurationError, match="not YAML"):
        load_robot(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(ConfigurationError, match="must hold entries"):
        load_robot(tmp_path / "list.yaml")


def test_gripper_widths_and_goals_of_the_tool_link():
    r = robot("panda")
    assert r.gripper.width(np.array([0.04, 0.04])) == pytest.approx(0.08)
    assert robot("fr3").gripper.names == ("/franka_gripper/gripper_action", "/fr3_gripper/gripper_action")
    assert robot("xarm7").gripper.width(np.array([0.85])) == pytest.approx(0.0)
    T = r.forward(r.home)
    np.testing.assert_allclose(r.tool_goal(T) @ r.T_tool_tip, T, atol=1e-12)
    with pytest.raises(InvalidInputError, match="7 finite numbers"):
        r.forward(np.zeros(6))
