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
        self.now, self.sent, self.errors = 100.0, [], []
        self.arm = ArmState(JOINT_NAMES, (), 0.2, clock=lambda: self.now)
        self.commands = ArmCommands(self, "topic", ROBOT, self.arm, clock=lambda: self.now)
        path = np.stack([ROBOT.home, ROBOT.home + 0.8])
        self.motion = time_parametrise(path, ROBOT.joint_speeds, ROBOT.joint_accelerations, 0.2)

    def create_publisher(self, kind, topic, profile):
        return self

    def get_logger(self):
        return self

    def error(self, text):
        self.errors.append(text)

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


def hold_at(q):
    return trajectory_to_message(JointTrajectory(np.array([0.1]), q[None], np.zeros((1, 7))), JOINT_NAMES)


def peak_speed(q, qd, end, seconds):
    cubic = JointTrajectory(np.array([0.0, seconds]), np.stack([q, end]), np.stack([qd, np.zeros(7)]))
    return max(np.abs(cubic.sample(t)[1]).max() for t in np.linspace(0.0, seconds, 60))


@pytest.mark.parametrize("lag_s", [0.0, 0.1, 0.25])
def test_with_stale_joint_states_an_arm_behind_the_clock_is_not_made_to_catch_up(lag_s):
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.follow(bench.motion)
    seen = bench.drive_to(1.0)
    bench.now += 0.25 + lag_s  # the clock goes on, the arm may not have gone on with it
    bench.commands.hold()
    end, seconds = bench.hold_point()
    velocity = bench.motion.sample(1.0)[1]
    limit = np.abs(bench.motion.velocities).max()
    assert peak_speed(seen, velocity, end, seconds) < 1.1 * limit
    assert np.abs(bench.motion.positions - end).max(axis=1).min() < 0.02  # on the way that was judged


def test_old_positions_with_new_stamps_do_not_bring_the_arm_back():
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.follow(bench.motion)
    seen = bench.drive_to(1.0)
    bench.see(seen, count=24)  # a republisher whose source is dead, for half a second
    bench.commands.hold()
    end, seconds = bench.hold_point()
    q, qd = bench.motion.sample(1.5)  # there it is
    limit = np.abs(bench.motion.velocities).max()
    assert peak_speed(q, qd, end, seconds) < 1.1 * limit
    assert ((end - q) * qd > 0.0).all()
    assert np.abs(bench.motion.positions - end).max(axis=1).min() < 0.02


def test_a_safety_node_that_only_heard_of_the_motion_brakes_on_it_too():
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.heard(trajectory_to_message(bench.motion, JOINT_NAMES))
    bench.drive_to(bench.motion.duration_s - 0.1)
    bench.now += 0.4
    bench.commands.hold()
    np.testing.assert_allclose(bench.hold_point()[0], bench.motion.positions[-1], atol=1e-9)  # and not beyond its end
    bench.commands.heard(Message())  # what makes no sense is ignored


def test_a_stop_thought_out_from_the_same_last_sight_is_not_moved_on_by_a_second_one():
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.heard(trajectory_to_message(bench.motion, JOINT_NAMES))
    bench.drive_to(1.0)
    bench.now += 0.2
    bench.commands.heard(hold_at(bench.motion.sample(1.3)[0]))  # the executor's
    bench.now += 0.1
    bench.commands.hold()
    assert bench.sent == []
    bench.see(bench.motion.sample(1.2)[0])
    bench.commands.hold()  # seen again: a new one is a better one, but goes no farther
    assert len(bench.sent) == 1
    assert np.abs(bench.hold_point()[0] - ROBOT.home).max() <= np.abs(bench.motion.sample(1.3)[0] - ROBOT.home).max()


def test_an_arm_not_seen_for_long_brakes_on_the_motion_that_is_known():
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.follow(bench.motion)
    bench.drive_to(0.5)
    bench.now += 2.0
    bench.commands.hold()
    assert np.abs(bench.motion.positions - bench.hold_point()[0]).max(axis=1).min() < 0.02


def test_nothing_is_sent_and_that_is_said_where_nothing_is_known():
    bench = Bench()
    bench.commands.hold()
    assert bench.sent == []
    assert "was never seen" in bench.errors[-1]
    bench.see(ROBOT.home)
    bench.now += 2.0
    bench.commands.hold()
    assert bench.sent == []
    assert "was not seen for 2.0 s" in bench.errors[-1]


def test_a_void_ticket_sends_nothing():
    bench = Bench()
    bench.see(ROBOT.home)
    ticket = bench.commands.begin()
    assert bench.commands.send(ticket, bench.motion, 1)
    bench.commands.hold()
    sent = len(bench.sent)
    assert not bench.commands.send(ticket, bench.motion, 1)
    assert len(bench.sent) == sent


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


def test_a_stop_commands_nothing_to_an_arm_that_rests_where_nobody_sent_it():
    bench = Bench()
    bench.see(ROBOT.home, count=10)
    bench.commands.hold()
    assert bench.sent == []


def test_one_state_of_a_stranger_moves_no_arm():
    """A viewer's zeros, a bag that is played, a second simulator: at rest and in mid-motion, with any stamp."""
    for stamp_s in (0.002, -30.0, 30.0):
        bench = Bench()
        bench.arm = ArmState(JOINT_NAMES, (), 0.2, clock=lambda bench=bench: bench.now, speeds=ROBOT.joint_speeds)
        bench.commands = ArmCommands(bench, "topic", ROBOT, bench.arm, clock=lambda bench=bench: bench.now)
        bench.see(ROBOT.home, count=10)
        zeros = Joints(dict(zip(JOINT_NAMES, np.zeros(7), strict=True)), int(1e9 * (bench.now + stamp_s)))
        assert not bench.arm.update(zeros)
        bench.commands.hold()
        assert bench.sent == []
        bench.commands.follow(bench.motion)
        seen = bench.drive_to(1.0)
        assert not bench.arm.update(zeros)
        bench.commands.hold()
        end, seconds = bench.hold_point()
        speed = bench.motion.sample(1.0)[1]
        assert peak_speed(seen, speed, end, seconds) < 1.1 * np.abs(bench.motion.velocities).max()


def test_an_arm_that_was_moved_while_nobody_saw_it_is_believed_after_a_while():
    bench = Bench()
    bench.arm = ArmState(JOINT_NAMES, (), 0.2, clock=lambda: bench.now, speeds=ROBOT.joint_speeds)
    bench.see(ROBOT.home, count=10)
    bench.see(ROBOT.home + 1.0, count=10)
    np.testing.assert_array_equal(bench.arm.motion()[0], ROBOT.home)
    bench.see(ROBOT.home + 1.0, count=30)
    np.testing.assert_array_equal(bench.arm.motion()[0], ROBOT.home + 1.0)


@pytest.mark.parametrize("jog_rad", [0.12, 0.4])
def test_after_a_motion_a_stop_leaves_an_arm_that_somebody_moved_where_it_is(jog_rad):
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.follow(bench.motion)
    end = bench.drive_to(bench.motion.duration_s + 1.0)
    sent = len(bench.sent)
    for share in np.linspace(0.0, 1.0, 50):
        bench.see(end - share * jog_rad, count=1)
    bench.see(end - jog_rad, count=10)
    bench.commands.hold()
    assert len(bench.sent) == sent


def test_an_arm_off_its_motion_is_not_hurried_back_to_it():
    bench = Bench()
    bench.see(ROBOT.home)
    bench.commands.follow(bench.motion)
    start_s = bench.now
    bench.drive_to(1.0)
    aside = bench.motion.sample(1.0)[0] + np.array([0.1, 0, 0, 0, 0, 0, -0.1])
    bench.now += 0.02
    bench.arm.update(Joints(dict(zip(JOINT_NAMES, aside, strict=True)), int(1e9 * bench.now)))
    assert bench.now - start_s < bench.motion.duration_s
    bench.commands.hold()
    end, seconds = bench.hold_point()
    assert np.abs(end - aside)[[0, 6]].max() / seconds < 0.1 * ROBOT.joint_speeds.max()
