"""Commands to the arm, with clocks that stand still: where a stop is placed, and that it is said again."""

import numpy as np
import pytest
from trajectory_msgs.msg import JointTrajectory as Message

from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory, time_parametrise
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions import seconds_from_duration, trajectory_to_message
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.robots import find_robot

ROBOT = find_robot("panda")


class Bench:
    """A controller's topic, and an arm that is seen when the test says so."""

    def __init__(self):
        self.now, self.sent = 100.0, []
        self.arm = ArmState(JOINT_NAMES, (), 0.2, clock=lambda: self.now)
        self.commands = ArmCommands(self, "topic", ROBOT, self.arm, clock=lambda: self.now)
        path = np.stack([ROBOT.home, ROBOT.home + 0.8])
        self.motion = time_parametrise(path, ROBOT.joint_speeds, ROBOT.joint_accelerations, 0.2)

    def create_publisher(self, kind, topic, profile):
        return self

    def publish(self, message):
        self.sent.append(message)

    def see(self, q, count=5, step_s=0.02, speed=0.0):
        for i in range(count):
            self.now += step_s
            self.arm.update(Joints(dict(zip(JOINT_NAMES, q + i * step_s * speed, strict=True)), int(1e9 * self.now)))

    def drive_to(self, end_s):
        """Follow the motion and be seen on it up to a moment; returns where that was."""
        start_s = self.now
        while self.now < start_s + end_s:
            self.now += 0.02
            q = self.motion.sample(self.now - start_s)[0]
            self.arm.update(Joints(dict(zip(JOINT_NAMES, q, strict=True)), int(1e9 * self.now)))
        return q

    def hold_point(self):
        (point,) = self.sent[-1].points
        return np.array(point.positions), seconds_from_duration(point.time_from_start)


def peak_speed(q, qd, end, seconds):
    cubic = JointTrajectory(np.array([0.0, seconds]), np.stack([q, end]), np.stack([qd, np.zeros(7)]))
    return max(np.abs(cubic.sample(t)[1]).max() for t in np.linspace(0.0, seconds, 60))


@pytest.mark.parametrize("lag_s", [0.0, 0.1, 0.25])
def test_with_stale_joint_states_an_arm_behind_the_clock_is_not_made_to_catch_up(lag_s):
    bench = Bench()
    bench.commands.follow(bench.motion)
    seen = bench.drive_to(1.0)
    bench.now += 0.25 + lag_s  # the clock goes on, the arm may not have gone on with it
    bench.commands.hold()
    end, seconds = bench.hold_point()
    velocity = bench.motion.sample(1.0)[1]
    limit = np.abs(bench.motion.velocities).max()
    assert peak_speed(seen, velocity, end, seconds) < 1.1 * limit
    assert np.abs(bench.motion.positions - end).max(axis=1).min() < 0.02  # on the way that was judged


def test_a_safety_node_that_only_heard_of_the_motion_brakes_on_it_too():
    bench = Bench()
    bench.commands.heard(trajectory_to_message(bench.motion, JOINT_NAMES))
    bench.drive_to(bench.motion.duration_s - 0.1)
    bench.now += 0.4
    bench.commands.hold()
    np.testing.assert_allclose(bench.hold_point()[0], bench.motion.positions[-1], atol=1e-9)  # and not beyond its end
    bench.commands.heard(Message())  # what makes no sense is ignored


def test_a_stop_thought_out_from_the_same_last_sight_is_not_moved_on_by_a_second_one():
    bench = Bench()
    bench.commands.heard(trajectory_to_message(bench.motion, JOINT_NAMES))
    bench.drive_to(1.0)
    bench.now += 0.2
    bench.commands.heard(trajectory_to_message(None, JOINT_NAMES))  # the executor's
    bench.now += 0.1
    bench.commands.hold()
    assert bench.sent == []
    bench.see(bench.motion.sample(1.2)[0])
    bench.commands.hold()  # seen again: a new one is a better one
    assert len(bench.sent) == 1


def test_an_arm_not_seen_for_long_is_told_to_stop_without_being_told_where():
    bench = Bench()
    bench.commands.hold()
    assert not bench.sent[-1].points
    bench.commands.follow(bench.motion)
    bench.drive_to(0.5)
    bench.now += 2.0
    bench.commands.hold()
    assert not bench.sent[-1].points


def test_a_stop_is_said_again_while_the_arm_moves_and_not_once_it_rests():
    bench = Bench()
    bench.see(ROBOT.home, speed=0.3)
    assert not bench.commands.insist()  # nobody said stop
    bench.commands.hold()
    bench.see(ROBOT.home, speed=0.3)
    assert not bench.commands.insist()  # it takes a moment
    bench.see(ROBOT.home, count=30, speed=0.3)
    assert bench.commands.insist()
    assert len(bench.sent) == 2
    bench.see(ROBOT.home, count=30)
    assert not bench.commands.insist()
    bench.see(ROBOT.home, count=5, speed=0.3)
    assert bench.commands.insist()
    bench.commands.follow(bench.motion)
    bench.see(ROBOT.home, count=50, speed=0.3)
    assert not bench.commands.insist()  # a new motion was wanted
