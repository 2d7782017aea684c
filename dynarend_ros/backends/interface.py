"""What every backend does: plan one motion, begin it, say what went wrong with it, stop it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dynarend_core.planning.trajectory import JointTrajectory

Array = np.ndarray


@dataclass(frozen=True)
class MotionRequest:
    """One motion, from rest to rest.

    Attributes:
        q_start: ``(n,)`` joint positions now [rad].
        T_base_tip: ``(4, 4)`` wanted tip frame in the base frame.
        ignore_collisions: Contact with the scene is intended (the keyframe's flag).
        straight: The tip must run along a straight line.
        points: ``(n, 3)`` what the cameras see, base frame [m]; None: unknown.
        seed: Attempt number; another one makes another try.
        timeout_s: The planner gives up after so long [s].
    """

    q_start: Array
    T_base_tip: Array
    ignore_collisions: bool = False
    straight: bool = False
    points: Array | None = None
    seed: int = 0
    timeout_s: float = 5.0


class MotionBackend(Protocol):
    """Plans motions and has them carried out. ``plan`` runs on a thread of its own, the rest on the caller's."""

    def plan(self, request: MotionRequest) -> JointTrajectory:
        """A motion from ``q_start`` to the target.

        Raises:
            PlanningError: cause ``ik``, ``planning``, ``limits``, ``start_state``, ``controller`` or ``timeout``.
        """
        ...

    def begin(self, trajectory: JointTrajectory) -> None:
        """Send the motion to the arm's controller; returns at once."""
        ...

    def let_run_out(self) -> None:
        """Send no further part of the motion begun last, if it is sent in parts; never waits. A stop follows."""
        ...

    def problem(self) -> str | None:
        """What the controller said went wrong with the motion begun last, if anything."""
        ...

    def settled(self) -> bool:
        """Whether nobody executes the motion begun last any more, as far as can be known."""
        ...

    def finish(self) -> None:
        """End the motion begun last: the arm is where it should be, and rests; returns at once."""
        ...

    def stop(self) -> None:
        """Stop whatever moves and hold; never raises, never waits."""
        ...

    def close(self) -> None:
        """Free what the backend holds."""
        ...
