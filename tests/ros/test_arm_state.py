"""What is believed of the arm: old positions under new stamps are no news; and how long a width stays known."""

import numpy as np
import pytest

from dynarend_core.errors import ObservationError
from dynarend_core.planning.panda import HOME_Q, JOINT_NAMES
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.robots import find_robot

ARM = dict(zip(JOINT_NAMES, HOME_Q, strict=True))
FINGERS = {"left": 0.03, "right": 0.03}


@pytest.mark.parametrize(("max_age_s", "known_s"), [(0.2, 1.0), (5.0, 5.0)])
def test_the_width_of_a_gripper_that_fell_silent_is_forgotten(max_age_s, known_s):
    now = [10.0]
    arm = ArmState(JOINT_NAMES, tuple(FINGERS), max_age_s, clock=lambda: now[0])
    arm.update(Joints(ARM, 1))
    assert np.isnan(arm.latest()[2])
    arm.update(Joints(FINGERS, 2))  # a driver of its own
    arm.update(Joints(ARM, 3))
    assert arm.latest()[2] == pytest.approx(0.06)
    now[0] += known_s - 0.01
    arm.update(Joints(ARM, 4))
    assert arm.latest()[2] == pytest.approx(0.06)
    now[0] += 0.02
    arm.update(Joints(ARM, 5))
    assert np.isnan(arm.latest()[2])
    arm.update(Joints(FINGERS, 6))
    arm.update(Joints(ARM, 7))
    assert arm.latest()[2] == pytest.approx(0.06)


class Seen:
    """An arm that is told to move all joints alike, and what is published of it; times from the moment it is told.

    ``delay_s`` later it begins; what is published is ``quantum`` coarse and follows a source of ``source_hz``, dead
    after ``dies_s``, through one that puts new stamps on it, ``republished_hz``.
    """

    SPEED, SECONDS = 0.25, 4.0

    def __init__(self, max_age_s=0.2, speed=SPEED, seconds=SECONDS):
        self.now, self.told_s, self.heard = 100.0, None, (-1.0, HOME_Q)
        self.arm = ArmState(JOINT_NAMES, (), max_age_s, clock=lambda: self.now)
        times = np.linspace(0.0, seconds, 81)
        ramp = np.clip(np.minimum(times, seconds - times) / 0.2, 0.0, 1.0) * speed
        way = np.concatenate([[0.0], np.cumsum(np.diff(times) * (ramp[1:] + ramp[:-1]) / 2)])
        self.path = JointTrajectory(times, HOME_Q + way[:, None], np.repeat(ramp[:, None], 7, axis=1))
        self.ages = []

    def tell(self):
        self.told_s = self.now
        self.arm.follows(self.path)

    def go(self, seconds, source_hz=500.0, republished_hz=30.0, delay_s=0.0, dies_s=np.inf, quantum=0.0, stands=False):
        for _ in range(round(seconds * republished_hz)):
            self.now += 1.0 / republished_hz
            since_s = 0.0 if self.told_s is None or stands else self.now - self.told_s - delay_s
            tick = np.floor(min(since_s, dies_s) * source_hz + 1e-6) / source_hz
            q = self.path.sample(tick)[0]
            q = np.round(q / quantum) * quantum if quantum else q
            self.arm.update(Joints(dict(zip(JOINT_NAMES, q, strict=True)), int(1e9 * self.now)))
            self.ages.append(self.arm.age_s())
        return q


def test_positions_republished_from_a_dead_source_grow_stale_in_mid_motion():
    seen = Seen()
    seen.go(1.0)
    seen.tell()
    seen.go(2.0)
    assert seen.arm.latest()[1] == pytest.approx(seen.path.sample(2.0)[0], abs=0.02)
    seen.go(0.5, dies_s=2.0)
    assert seen.arm.age_s() == pytest.approx(0.5, abs=0.08)
    with pytest.raises(ObservationError, match=r"stale.*old ones under new stamps"):
        seen.arm.latest()
    assert seen.arm.motion()[1] == pytest.approx(np.full(7, Seen.SPEED), rel=0.1)
    seen.arm.halts()
    seen.go(1.0, dies_s=2.0)  # a stop makes them no truer
    assert seen.arm.age_s() > 1.4
    seen.go(0.1)  # it is heard again
    assert seen.arm.age_s() < 0.04


def test_a_hold_after_republished_positions_does_not_throw_the_arm_back():
    seen, sent = Seen(), []
    node = type(
        "Node", (), {"create_publisher": lambda *_: type("Topic", (), {"publish": lambda _, m: sent.append(m)})()}
    )
    commands = ArmCommands(node(), "topic", find_robot("fr3"), seen.arm, clock=lambda: seen.now)
    seen.go(1.0)
    seen.tell()
    commands.follow(seen.path)
    seen.go(1.5)
    seen.go(0.47, dies_s=1.5)
    commands.hold()
    (point,) = sent[-1].points
    really = seen.path.sample(seen.now - seen.told_s)[0]
    assert (np.array(point.positions) - really > -0.01).all()  # 0.12 rad back, when stamps were believed


def test_an_arm_at_rest_may_look_the_same_for_ever():
    seen = Seen()
    seen.go(30.0)
    seen.tell()
    seen.go(10.0)  # the motion takes four seconds
    assert max(seen.ages) < 0.2
    seen.arm.halts()
    seen.go(5.0)
    assert max(seen.ages) < 0.2
    assert seen.arm.at_rest(0.3, 0.002)
    assert seen.arm.motion()[1] == pytest.approx(np.zeros(7))


@pytest.mark.parametrize("delay_s", [0.0, 0.1, 0.3])
def test_an_arm_may_take_a_moment_to_begin(delay_s):
    seen = Seen()
    seen.go(1.0)
    seen.tell()
    seen.go(6.0, delay_s=delay_s)
    assert max(seen.ages) < 0.15


@pytest.mark.parametrize("speed", [0.01, 0.1])
def test_coarse_encoders_of_a_slow_arm_are_believed(speed):
    seen = Seen(speed=speed)
    seen.go(1.0, republished_hz=100.0, quantum=1.5e-3)
    seen.tell()
    seen.go(6.0, republished_hz=100.0, quantum=1.5e-3)
    assert max(seen.ages) < 0.2


@pytest.mark.parametrize("republished", [False, True])
def test_an_arm_that_never_moved_is_believed_again_after_a_while_unless_states_are_known_to_be_republished(republished):
    seen = Seen()
    seen.arm.republished(republished)
    seen.go(1.0)
    seen.tell()
    seen.go(1.0, stands=True)
    assert seen.arm.age_s() > 0.5
    assert seen.arm.repeats()
    seen.arm.halts()
    seen.go(2.9, stands=True)
    assert seen.arm.age_s() > 3.0
    seen.go(0.3, stands=True)
    assert (seen.arm.age_s() > 3.0) is republished
    assert bool(seen.arm.repeats()) is republished
    seen.go(0.1)  # it moves
    assert not seen.arm.repeats()


def test_the_velocity_of_a_slow_source_is_not_that_of_its_repetitions():
    seen = Seen()
    seen.go(1.0)
    seen.tell()
    speeds = []

    def run(seconds):
        for _ in range(round(seconds * 30)):
            seen.go(1 / 30, source_hz=10.0)
            speeds.append(seen.arm.motion()[1].max())

    run(1.0)
    del speeds[:20]
    run(1.0)
    seen.arm.halts()
    run(0.3)  # told to stop, it has not begun to
    assert np.array(speeds) == pytest.approx(np.full(len(speeds), Seen.SPEED), rel=0.35)


def test_the_usual_time_between_two_messages_is_known_and_a_pause_does_not_change_it():
    seen = Seen()
    assert seen.arm.period_s() == 0.0
    seen.go(3.0, republished_hz=10.0)
    seen.now += 5.0
    seen.go(0.5, republished_hz=10.0)
    assert seen.arm.period_s() == pytest.approx(0.1)


def test_pieces_of_one_motion_do_not_begin_it_anew():
    """A safety node hears a motion in pieces, several a second: positions that stand still must grow stale even so."""
    seen = Seen()
    seen.arm.update(Joints(dict(zip(JOINT_NAMES, HOME_Q, strict=True)), 1))
    for i in range(1, 60):
        if i % 6 == 1:
            seen.arm.follows(seen.path, start_ns=7)
        seen.now += 0.02
        seen.arm.update(Joints(dict(zip(JOINT_NAMES, HOME_Q, strict=True)), 1 + i * 20_000_000))
    assert seen.arm.age_s() > 0.5
    with pytest.raises(ObservationError, match="old ones under new stamps"):
        seen.arm.latest()
