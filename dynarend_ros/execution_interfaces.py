"""What the execution of keyframes is lent: a gripper, eyes, and a judge of its plans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.types import PointCloud


class Gripping(Protocol):
    """What the execution needs of a gripper."""

    def command(self, is_open: bool) -> None:
        """Open or close; returns at once."""
        ...

    def problem(self) -> str | None:
        """Why the last command was refused, if it was."""
        ...

    def busy(self) -> bool:
        """Whether the last command is still being carried out, as far as the gripper tells."""
        ...


Clouds = Callable[[], PointCloud | None]
"""Gives the newest cloud, None where nothing is planned around; raises ExecutionError if it is too old."""

Gate = Callable[[JointTrajectory, Callable[[], None], Callable[[], None]], JointTrajectory]
"""Judges a planned motion before it moves. Its second argument raises when the keyframe was cancelled, its third when
something has come into the motion's way since it was planned."""
