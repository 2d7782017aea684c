"""A joint_trajectory_controller and the arm behind it, as strict as the real one and without ROS."""

from dataclasses import dataclass, field

import numpy as np

from dynarend_ros.controller_rules import accepted


@dataclass
class Controller:
    """Follows messages at its own clock [s]; the arm follows the set points ``lag_s`` later.

    Attributes:
        names: The arm's joints.
        q: ``(n,)`` where the arm stands [rad].
        from_measured: Begin commands at the measured state (Humble, Jazzy, Kilted), not at the last set point.
        lag_s: The arm's lag behind the set points [s].
    """

    names: tuple[str, ...]
    q: np.ndarray
    from_measured: bool = True
    lag_s: float = 0.0
    history: list = field(default_factory=list)

    def __post_init__(self):
        self.trajectory, self.start_s = None, 0.0
        self.set_q, self.set_qd = np.array(self.q, float), np.zeros(len(self.q))
        self.qd = np.zeros(len(self.q))
        self.pending = None

    def receive(self, message, now_s):
        """Take a message.

        Raises:
            InvalidInputError: a controller ignores it, and goes on with what it does.
        """
        self.pending = accepted(message, self.names, round(1e9 * now_s))

    def step(self, now_s):
        """Set point and arm at a moment later than the last."""
        if self.pending is not None:
            trajectory, start_ns = self.pending
            q, qd = (self.q, self.qd) if self.from_measured else (self.set_q, self.set_qd)
            self.start_s = 1e-9 * start_ns
            self.trajectory, self.pending = trajectory.joined(now_s - self.start_s, q, qd), None
        if self.trajectory is not None:
            self.set_q, self.set_qd = self.trajectory.sample(now_s - self.start_s)
        self.history.append((now_s, self.set_q, self.set_qd))
        while len(self.history) > 1 and self.history[1][0] <= now_s - self.lag_s + 1e-9:
            self.history.pop(0)
        _, self.q, self.qd = self.history[0]
