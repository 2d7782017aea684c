"""Carrying out one keyframe: plan, send, watch, grip. Knows no ROS; the executor node lends it backend and eyes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np

from dynarend_core.errors import ObservationError, PlanningError
from dynarend_core.planning.newcomers import came_in_the_way
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason, Keyframe, PointCloud
from dynarend_ros.arm_state import ArmState
from dynarend_ros.backends.deadline import DeadlinePlanner
from dynarend_ros.backends.interface import MotionBackend, MotionRequest
from dynarend_ros.execution_interfaces import Clouds, Gate, Gripping
from dynarend_ros.execution_limits import ExecutionError, ExecutionLimits
from dynarend_ros.motion_legs import Leg, legs

Array = np.ndarray


class KeyframeExecution:
    """Runs keyframes one at a time on the caller's thread; :meth:`cancel` may come from any other."""

    POLL_S = 0.05
    JUMP_BACK_S = 0.05
    AGREES_S = 1.0
    """Longer than an arm that was moved is doubted."""
    SETTLES_S = 0.5
    """So long an arm that rests at its goal may be under somebody's command still, before that is ended."""
    FOUND_S = 2.0
    """So long controllers are looked for before a keyframe is refused for want of them."""
    RETRIED = (FailureReason.PLANNING.value, FailureReason.IK.value)

    def __init__(
        self,
        robot: Robot,
        backend: MotionBackend,
        gripper: Gripping,
        arm: ArmState,
        limits: ExecutionLimits,
        gate: Gate,
        missing: Callable[[], str] = lambda: "",
    ) -> None:
        self._robot = robot
        self._backend = backend
        self._planner = DeadlinePlanner(backend)
        self._gripper = gripper
        self._arm = arm
        self._limits = limits
        self._gate = gate
        self._missing = missing
        self._cancelled: ExecutionError | None = None
        self._lock = threading.Lock()
        self._gripped = self._began = False
        self.active = False

    def reserve(self) -> bool:
        """Claim the arm for a keyframe, at once when it arrives; False if another one is under way."""
        with self._lock:
            if self.active:
                return False
            self.active, self._cancelled = True, None
            return True

    def release(self) -> None:
        """The keyframe of :meth:`reserve` is done with."""
        with self._lock:
            self.active = False

    @property
    def commanding(self) -> bool:
        """Whether a keyframe is under way that nobody has cancelled."""
        return self.active and self._cancelled is None

    def cancel(self, reason: str, wanted: bool = True) -> bool:
        """Give up the keyframe under way; returns whether there was one that nobody had cancelled before.

        After this call no command of that keyframe leaves any more, so a hold sent now is the last word.

        Args:
            reason: Why.
            wanted: Somebody asked for it; otherwise the keyframe counts as failed.
        """
        with self._lock:
            if not self.commanding:
                return False
            self._cancelled = ExecutionError(reason, FailureReason.STOPPED, cancelled=wanted)
            self._backend.let_run_out()
            self._arm.halts()
            return True

    def run(self, keyframe: Keyframe, clouds: Clouds) -> str:
        """Carry out the keyframe the arm was reserved for; returns a sentence about how it ended.

        Args:
            keyframe: Where to go.
            clouds: What each of its motions is planned around.

        Raises:
            ExecutionError: refused, failed or cancelled; if the arm was moving it has been told to hold.
        """
        seconds, self._began = 0.0, False
        q = self._standing()
        self._await_equipment()
        c = self._limits
        try:
            for leg in legs(self._robot.forward(q), keyframe, c.approach_m, c.retreat_m, self._gripped):
                seconds += self._carry_out(leg, clouds)
                self._gripped = False
            self._grip(keyframe.gripper_open)
        except BaseException:
            if self._began:  # an arm that was not moved is not commanded, not even to stay
                self._backend.stop()
                self._arm.halts()
            raise
        self._gripped = True
        return f"reached in {seconds:.2f} s"

    def _await_equipment(self) -> None:
        """Give controllers that have just started the time to be found; a command to nobody is lost without a word."""
        deadline_s = time.monotonic() + self.FOUND_S
        while missing := self._missing():
            self._check_cancelled()
            if time.monotonic() > deadline_s:
                raise ExecutionError(missing, FailureReason.CONTROLLER)
            time.sleep(self.POLL_S)

    def _carry_out(self, leg: Leg, clouds: Clouds) -> float:
        """Plan one leg, have it judged, follow it; returns its duration [s], 0 if it was left out."""
        cloud = clouds()
        try:
            planned = self._plan(leg, cloud)
        except ExecutionError as error:
            if leg.required or error.reason not in (FailureReason.PLANNING, FailureReason.IK):
                raise
            return 0.0
        trajectory = self._gate(planned, self._check_cancelled, lambda: self._look_again(planned, cloud, clouds))
        self._check_cancelled()
        self._move(trajectory, leg.ignore_collisions)
        return trajectory.duration_s

    def _look_again(self, planned: JointTrajectory, cloud: PointCloud | None, clouds: Clouds) -> None:
        if cloud is None or (newest := clouds()) is None:
            return
        if came_in_the_way(self._robot, planned.positions, cloud.xyz, newest.xyz):
            text = "something came into the way while the motion waited for its confirmation"
            raise ExecutionError(text, FailureReason.PLANNING)

    def _plan(self, leg: Leg, cloud: PointCloud | None) -> JointTrajectory:
        points = None if cloud is None or leg.ignore_collisions else cloud.xyz
        for attempt in range(self._limits.plan_attempts):
            request = MotionRequest(
                self._standing(),
                leg.T_base_tip,
                leg.ignore_collisions,
                leg.straight,
                points,
                attempt,
                self._limits.plan_timeout_s,
            )
            try:
                return self._planner.plan(request, self._check_cancelled)
            except PlanningError as error:
                if error.cause in self.RETRIED and attempt + 1 < self._limits.plan_attempts:
                    continue
                raise ExecutionError(str(error), FailureReason(error.cause)) from error
        raise AssertionError("plan_attempts is at least 1")

    def _standing(self) -> Array:
        """Where the arm stands before a motion is planned ``(n,)`` [rad]."""
        self._check_cancelled()
        self._await_agreement()
        try:
            return self._arm.latest()[1]
        except ObservationError as error:
            raise ExecutionError(str(error), FailureReason.START_STATE) from error

    def _await_agreement(self) -> None:
        """Wait until it is clear where the arm stands: one that was moved while it rested is believed after a while."""
        deadline_s = time.monotonic() + self.AGREES_S
        while self._arm.disputed:
            if time.monotonic() > deadline_s:
                raise ExecutionError(
                    "joint_states tell of places the arm cannot have reached: more than one source publishes them?",
                    FailureReason.START_STATE,
                )
            self._check_cancelled()
            self._arm.wait(self.POLL_S)

    def _latest(self) -> tuple[int, Array, float]:
        self._check_cancelled()
        try:
            return self._arm.latest()
        except ObservationError as error:
            raise ExecutionError(str(error), FailureReason.CONTROLLER) from error

    def _check_cancelled(self) -> None:
        if self._cancelled is not None:
            raise self._cancelled

    def _command(self, send: Callable[[], None]) -> None:
        """Send a command unless somebody has cancelled; never after :meth:`cancel` has returned."""
        with self._lock:
            self._check_cancelled()
            send()

    def _elapsed_s(self, start_ns: int, stamp_ns: int) -> float:
        elapsed_s = 1e-9 * (stamp_ns - start_ns)
        if elapsed_s < -self.JUMP_BACK_S:
            raise ExecutionError(
                f"the stamps of joint_states jumped back by {-elapsed_s:.2f} s", FailureReason.CONTROLLER
            )
        return elapsed_s

    def _still(self) -> bool:
        return self._arm.at_rest(self._limits.rest_window_s, self._limits.rest_tolerance_rad)

    def _move(self, trajectory: JointTrajectory, touches: bool) -> None:
        """Send the motion and wait, in the time of the joint-state stamps, until the arm rests at its end."""
        limits = self._limits
        tolerance = limits.contact_tolerance_rad if touches else limits.goal_tolerance_rad
        start_ns, _, _ = self._latest()
        self._began = True
        self._arm.follows(trajectory)
        self._command(lambda: self._backend.begin(trajectory))
        while True:
            self._arm.wait(self.POLL_S)
            stamp_ns, q, _ = self._latest()
            elapsed_s = self._elapsed_s(start_ns, stamp_ns)
            if (problem := self._backend.problem()) is not None:
                raise ExecutionError(problem, FailureReason.CONTROLLER)
            error = float(np.abs(q - trajectory.positions[-1]).max())
            if elapsed_s >= trajectory.duration_s and self._still() and error <= tolerance:
                self._settle()
                return
            if elapsed_s > trajectory.duration_s + limits.overtime_s:
                raise ExecutionError(
                    f"the arm is {error:.3f} rad from the goal {limits.overtime_s:.1f} s after the motion's end "
                    f"(tolerance {tolerance:.3f} rad)",
                    FailureReason.TIMEOUT,
                )

    def _settle(self) -> None:
        """Wait, at the goal, until nobody executes the motion any more, or the next one would be refused.

        What the controller says of its end does not count here: pressing on something it may never be content.
        """
        arrived_ns, _, _ = self._latest()
        limit_s, ended = self.SETTLES_S + self._limits.overtime_s, False
        while not self._backend.settled():
            self._arm.wait(self.POLL_S)
            elapsed_s = self._elapsed_s(arrived_ns, self._latest()[0])
            if elapsed_s > self.SETTLES_S and not ended:
                self._command(self._backend.finish)
                ended = True
            if elapsed_s > limit_s:
                text = f"the arm rests at the goal, but its motion is still being executed {elapsed_s:.1f} s later"
                raise ExecutionError(text, FailureReason.CONTROLLER)

    def _grip(self, is_open: bool) -> None:
        """Command the gripper and wait until its action has ended and the fingers rest (on an object counts)."""
        start_ns, _, _ = self._latest()
        self._command(lambda: self._gripper.command(is_open))
        minimum_s = 2.0 * self._limits.rest_window_s
        while True:
            self._arm.wait(self.POLL_S)
            stamp_ns, _, _ = self._latest()
            elapsed_s = self._elapsed_s(start_ns, stamp_ns)
            if (problem := self._gripper.problem()) is not None:
                raise ExecutionError(problem, FailureReason.CONTROLLER)
            busy = self._gripper.busy()  # a gripper may begin late: fingers that rest need not be at their goal
            if elapsed_s >= minimum_s and self._still() and not busy:
                return
            if elapsed_s > self._limits.gripper_timeout_s:
                if not busy:
                    return
                text = f"the gripper's action has not ended after {elapsed_s:.1f} s"
                raise ExecutionError(text, FailureReason.CONTROLLER)
