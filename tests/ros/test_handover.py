"""Motions in pieces against a simulated controller, on a clock of the test's own."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

from controller import Controller

from dynarend_core.planning.braking import LONGEST_S
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_core.planning.pieces import progress
from dynarend_core.planning.trajectory import time_parametrise
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.arm_state import ArmState
from dynarend_ros.conversions.motion import Joints
from dynarend_ros.handover import HANDOVER_S, Handover
from dynarend_ros.robots import find_robot

ROBOT = find_robot("panda")
STEP_S = 0.008
BOTH = pytest.mark.parametrize("from_measured", [True, False])


def motion(rng, factor=None, corners=None):
    path = ROBOT.home + np.cumsum(rng.uniform(-0.3, 0.3, (corners or rng.integers(1, 4), 7)), axis=0)
    factor = factor or rng.uniform(0.1, 1.0)
    return time_parametrise(np.vstack([ROBOT.home, path]), ROBOT.joint_speeds, ROBOT.joint_accelerations, factor)


class Cell:
    """A controller and its arm, joint states as a republisher makes them, and one who hands over."""

    def __init__(self, from_measured=True, lag_s=0.0, horizon_s=HANDOVER_S, delay_s=0.002, rng=None):
        self.now, self.rng, self.delay_s = 1_000_000.0, rng or np.random.default_rng(0), delay_s
        self.controller = Controller(JOINT_NAMES, ROBOT.home.copy(), from_measured, lag_s)
        self.arm = ArmState(JOINT_NAMES, (), 0.5, clock=lambda: self.now)
        self.commands = ArmCommands(self, "topic", ROBOT, self.arm, clock=lambda: self.now)
        accelerations = ROBOT.joint_accelerations
        self.handover = Handover(self.commands, self.arm, accelerations, horizon_s, clock=lambda: self.now)
        self.horizon_s = horizon_s
        self.on_the_way, self.sent, self.set_points, self.errors = [], [], [], []
        self.looks_s = self.states_s = self.now
        self.source_dead = self.silent = self.killed = False
        self.blocked = None
        self.first_s = self.now + STEP_S
        self.step()

    def create_publisher(self, kind, topic, profile):
        return self

    def get_logger(self):
        return self

    def error(self, text):
        self.errors.append(text)

    def publish(self, message):
        self.sent.append((self.now, message))
        self.on_the_way.append((self.now + self.delay_s, message))

    def see(self):
        if not self.source_dead:
            self.seen = self.controller.q if self.blocked is None else self.blocked
        self.arm.update(Joints(dict(zip(JOINT_NAMES, self.seen, strict=True)), round(1e9 * self.now)))

    def step(self):
        self.now += STEP_S
        while self.on_the_way and self.on_the_way[0][0] <= self.now:
            self.controller.receive(self.on_the_way.pop(0)[1], self.now)
        self.controller.step(self.now)
        self.set_points.append(self.controller.set_q)
        if self.now >= self.states_s and not self.silent:
            self.states_s += 1.0 / 30.0
            self.see()
        if self.now >= self.looks_s and not self.killed:
            self.looks_s = self.now + 0.25 * self.horizon_s * self.rng.uniform(0.7, 1.3)
            self.handover.look()

    def run(self, seconds):
        for _ in range(round(seconds / STEP_S)):
            self.step()

    def speeds(self, since=0):
        return np.diff(np.array(self.set_points[since:]), axis=0) / STEP_S

    def off(self, trajectory, since=0):
        """Distance of the set points from the chords between the motion's points [rad]."""
        return max(progress(trajectory, q, 0.0, np.inf)[1] for q in self.set_points[since:])


@BOTH
@pytest.mark.parametrize("seed", range(12))
def test_pieces_make_the_motion_that_was_judged_without_a_seam(seed, from_measured):
    rng = np.random.default_rng(seed)
    trajectory = motion(rng)
    cell = Cell(from_measured, rng.uniform(0.0, 0.08), delay_s=rng.uniform(0.0, 0.04), rng=rng)
    begun_s = cell.now
    cell.handover.begin(trajectory)
    cell.run(trajectory.duration_s + 0.4)
    np.testing.assert_allclose(cell.controller.q, trajectory.positions[-1], atol=1e-9)
    assert cell.handover.resumed == 0
    start_s = cell.sent[0][1].header.stamp.sec + 1e-9 * cell.sent[0][1].header.stamp.nanosec
    for i, q in enumerate(cell.set_points):
        np.testing.assert_allclose(q, trajectory.sample(cell.first_s + i * STEP_S - start_s)[0], atol=1e-6)
    fastest = np.abs(trajectory.velocities).max(axis=0)
    assert (np.abs(cell.speeds()) <= 1.01 * fastest + 5e-3).all()
    for sent_s, message in cell.sent:
        last = message.points[-1].time_from_start
        stamp = message.header.stamp
        end_s = stamp.sec + last.sec + 1e-9 * (stamp.nanosec + last.nanosec)
        assert end_s <= sent_s + HANDOVER_S + LONGEST_S + Handover.LEAD_S + 1e-6
        assert end_s - begun_s <= trajectory.duration_s + Handover.LEAD_S + 0.5 * LONGEST_S + 1e-6


@BOTH
@pytest.mark.parametrize("seed", range(12))
def test_when_all_are_killed_the_arm_rests_on_its_path_by_itself(seed, from_measured):
    rng = np.random.default_rng(seed)
    trajectory = motion(rng, 0.3, 4)
    cell = Cell(from_measured, 0.03, rng=rng)
    cell.handover.begin(trajectory)
    cell.run(rng.uniform(0.1, trajectory.duration_s - 1.0))
    cell.killed = True
    cell.run(HANDOVER_S + Handover.LEAD_S + LONGEST_S + 0.01)
    since = len(cell.set_points)
    cell.run(1.0)
    assert np.abs(cell.speeds(since)).max() < 1e-9
    assert np.abs(cell.controller.set_q - trajectory.positions[-1]).max() > 0.01  # not by the motion's end
    assert cell.off(trajectory) < 5e-4
    fastest = np.abs(trajectory.velocities).max(axis=0)
    assert (np.abs(cell.speeds()) <= 1.01 * fastest + 5e-3).all()


@BOTH
def test_after_a_gap_the_motion_goes_on_from_rest_where_it_was_interrupted(from_measured):
    trajectory = motion(np.random.default_rng(5), 0.2, 3)
    cell = Cell(from_measured, 0.03)
    cell.handover.begin(trajectory)
    cell.run(1.0)
    cell.killed = True
    cell.run(0.65)
    cell.killed = False
    cell.run(trajectory.duration_s + 2.0)
    assert cell.handover.resumed == 1
    np.testing.assert_allclose(cell.controller.q, trajectory.positions[-1], atol=1e-6)
    assert cell.off(trajectory) < 1e-4
    fastest = np.abs(trajectory.velocities).max(axis=0)
    assert (np.abs(cell.speeds()) <= 1.02 * fastest + 5e-3).all()


@pytest.mark.parametrize("trouble", ["silent", "source_dead", "blocked"])
def test_an_arm_that_is_not_seen_to_go_on_is_not_sent_on(trouble):
    trajectory = motion(np.random.default_rng(6), 0.2, 3)
    cell = Cell()
    cell.handover.begin(trajectory)
    cell.run(1.0)
    setattr(cell, trouble, cell.controller.q.copy() if trouble == "blocked" else True)
    cell.run(0.5 + HANDOVER_S + Handover.LAG_S + LONGEST_S + 0.1)
    since = len(cell.set_points)
    cell.run(1.0)
    assert np.abs(cell.speeds(since)).max() < 1e-9
    assert cell.now - cell.sent[-1][0] > 1.0
    assert cell.off(trajectory) < 5e-4


def test_after_a_hold_or_a_cancel_no_piece_leaves():
    for end in ("hold", "let_run_out", "close"):
        cell = Cell()
        cell.handover.begin(motion(np.random.default_rng(7), 0.2, 3))
        cell.run(0.8)
        (cell.commands.hold if end == "hold" else getattr(cell.handover, end))()
        sent = len(cell.sent)
        cell.run(2.0)
        assert len(cell.sent) == sent


def test_without_a_horizon_all_is_sent_at_once():
    trajectory = motion(np.random.default_rng(8), 0.2, 3)
    cell = Cell(horizon_s=0.0)
    cell.handover.begin(trajectory)
    cell.run(1.0)
    ((_, message),) = cell.sent
    assert len(message.points) == len(trajectory.times_s)


@BOTH
@pytest.mark.parametrize("seed", range(30))
def test_a_hold_from_repeated_old_positions_does_not_throw_the_arm(seed, from_measured):
    """A republisher gives the last positions new stamps after their source died; contract A1."""
    rng = np.random.default_rng(seed)
    trajectory = motion(rng, rng.uniform(0.1, 0.6), 4)
    cell = Cell(from_measured, rng.uniform(0.0, 0.06), rng=rng)
    cell.handover.begin(trajectory)
    cell.run(rng.uniform(0.2, trajectory.duration_s))
    cell.source_dead = True
    cell.run(rng.uniform(0.0, 1.0))
    since = len(cell.set_points)
    direction = trajectory.sample(progress(trajectory, cell.controller.q, 0.0, np.inf)[0])[1]
    running_out = cell.handover._motion is not None and cell.now > cell.handover._motion.start_ns * 1e-9 + (
        cell.handover._motion.until_s - 0.2
    )
    cell.commands.hold()
    cell.run(2.2)
    q = np.array(cell.set_points[since:])
    if from_measured:  # the set point itself jumps back by the lag: the arm is what counts
        q = q[round(cell.controller.lag_s / STEP_S) + 3 :]
    speeds = np.diff(q, axis=0) / STEP_S
    fastest = float(np.abs(trajectory.velocities).max())
    assert np.abs(speeds).max() <= 1.1 * fastest + 5e-3
    along = speeds @ direction / max(float(np.linalg.norm(direction)), 1e-9)
    # An arm whose last piece runs out brakes already, and may be where the hold ends.
    turned = 0.15 if running_out else 0.08
    assert along.min() >= -turned * float(np.linalg.norm(trajectory.velocities, axis=1).max()) - 5e-3
    assert np.abs(speeds[-20:]).max() < 1e-6
    assert progress(trajectory, q[-1], 0.0, np.inf)[1] < 5e-4
    cell.commands.hold()  # said again, it stays where it is
    before = cell.controller.set_q
    cell.run(1.0)
    assert np.abs(cell.controller.set_q - before).max() < 0.01
