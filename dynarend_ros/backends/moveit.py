"""Backend ``moveit``: moveit_py in a process of its own.

``plan()`` of moveit_py holds Python's lock, its teardown crashes, and one instance shuts down ROS for all others. In a
process of its own none of that reaches the executor: a planner that does not return is killed, and started again.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from dynarend_core.errors import PlanningError
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import FailureReason
from dynarend_ros.arm_commands import ArmCommands
from dynarend_ros.backends.interface import MotionRequest

START_TIMEOUT_S = 60.0
SEND_TIMEOUT_S = 0.2
Serve = Callable[[Connection, Robot, float], None]


class MoveItBackend:
    """Talks to the process that holds MoveIt.

    Args:
        robot: The arm.
        velocity_factor: Share of the joint speed limits, in (0, 1].
        commands: The controller's topic, for stops.
        serve: What the process runs.

    Raises:
        PlanningError: MoveIt did not start; the message is its own.
    """

    def __init__(self, robot: Robot, velocity_factor: float, commands: ArmCommands, serve: Serve) -> None:
        self._arguments = (robot, velocity_factor)
        self._commands = commands
        self._serve = serve
        self._lock = threading.Lock()  # of questions and answers
        self._sending = threading.Lock()  # of its own: a stop does not wait for the answer to a plan
        self._number = 0
        self._process: Any = None
        self._problem: str | None = None
        self._moving = False
        with self._lock:
            self._start()

    def plan(self, request: MotionRequest) -> JointTrajectory:
        """Plan in the other process; kill it if it does not answer."""
        with self._lock:
            self._drain()
            self._start()
            with self._sending:
                self._connection.send(("plan", request))
            answer = self._answer("planned", request.timeout_s)
            if answer is None:
                self._kill()
                raise PlanningError(
                    f"MoveIt did not answer within {request.timeout_s:.1f} s; its process was ended",
                    FailureReason.TIMEOUT.value,
                )
        if isinstance(answer, Exception):
            raise answer
        return answer

    def begin(self, trajectory: JointTrajectory) -> None:
        """Have MoveIt execute it."""
        self._number += 1
        self._problem, self._moving = None, True
        self._send(("execute", (self._number, trajectory)))

    def let_run_out(self) -> None:
        """MoveIt has all of the motion already."""

    def problem(self) -> str | None:
        """What MoveIt said about the motion, or that its process is gone."""
        if self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()
        if self._moving and self._problem is None and (self._process is None or not self._process.is_alive()):
            self._problem = "the process that runs MoveIt ended"
        return self._problem

    def settled(self) -> bool:
        """Whether MoveIt's execution has ended, or its process."""
        return self.problem() is not None or not self._moving

    def finish(self) -> None:
        """Stop MoveIt's execution; a controller that never meets its goal would keep it."""
        self._send(("stop", None))

    def stop(self) -> None:
        """Stop MoveIt's execution, and tell the controller to brake."""
        self._moving = False
        self._send(("stop", None))
        self._commands.hold()

    def close(self) -> None:
        """End the process."""
        self._kill()

    def _start(self) -> None:
        if self._process is not None and self._process.is_alive():
            return
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=self._serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()
        answer = self._answer("ready", START_TIMEOUT_S)
        if answer is not True:
            self._kill()
            why = answer if isinstance(answer, Exception) else f"no answer within {START_TIMEOUT_S:.0f} s"
            raise PlanningError(f"MoveIt did not start: {why}", FailureReason.CONTROLLER.value)

    def _answer(self, kind: str, timeout_s: float) -> Any:
        """The next answer of that kind; None if there is none in time, or the process ended."""
        deadline_s = time.monotonic() + timeout_s
        try:
            while (left_s := deadline_s - time.monotonic()) > 0.0:
                if self._connection.poll(min(left_s, 0.1)):
                    got, value = self._connection.recv()
                    if got == kind:
                        return value
                    self._note(got, value)
                elif not self._process.is_alive():
                    return None
        except (EOFError, OSError):
            return None
        return None

    def _drain(self) -> None:
        try:
            while self._process is not None and self._connection.poll(0):
                self._note(*self._connection.recv())
        except (EOFError, OSError):
            return

    def _note(self, kind: str, value: Any) -> None:
        if kind != "executed":
            return
        number, status = value
        if number == self._number:  # what is heard of an earlier motion says nothing of this one
            self._moving = False
            if status != "SUCCEEDED":
                self._problem = f"MoveIt's execution ended: {status}"

    def _send(self, message: tuple[str, Any]) -> None:
        if not self._sending.acquire(timeout=SEND_TIMEOUT_S):
            self._problem = "the process that runs MoveIt does not read what it is sent"
            return
        try:
            if self._process is not None:
                self._connection.send(message)
        except OSError:
            self._problem = "the process that runs MoveIt ended"
        finally:
            self._sending.release()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join(2.0)
            self._connection.close()
            self._process = None
