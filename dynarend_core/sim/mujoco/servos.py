"""The robot's servos: the arm follows trajectories and brakes, the fingers open and close."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.planning.panda import FINGER_MAX
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.sim.mujoco.scene import PANDA_PREFIX
from dynarend_core.types import Array

CONTROL_STEPS = 2
"""Physics steps between two set points of the servos."""

FINGER_SPEED = 0.15
"""Speed of a finger [m/s]. Faster ones hit hard enough to pass through a handle."""

GRIPPER_SETTLE_S = 0.1
GRIPPER_TIMEOUT_S = 1.2
TRACKING_TOLERANCE = 1e-3
SETTLE_TIMEOUT_S = 0.4
OPEN_SHARE = 0.9


class Servos:
    """Set points of one scene's arm and fingers. They start with the arm at rest at ``q`` and the fingers open.

    Args:
        model: Compiled scene.
        data: Its state; the arm is placed there.
        q: ``(7,)`` joint positions to start from [rad].

    Attributes:
        q_address: Where the arm's joints are in ``data.qpos``, ``(7,)``.
        open_command: The last command of the gripper.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, q: Array) -> None:
        self._model, self._data = model, data
        arm = [model.joint(f"{PANDA_PREFIX}joint{i}") for i in range(1, 8)]
        fingers = [model.joint(f"{PANDA_PREFIX}finger_joint{i}") for i in (1, 2)]
        self.q_address = np.array([j.qposadr[0] for j in arm])
        self._v_address = np.array([j.dofadr[0] for j in arm])
        self._finger_address = np.array([j.qposadr[0] for j in fingers])
        self._finger_v_address = np.array([j.dofadr[0] for j in fingers])
        self._servo_lead = -model.actuator_biasprm[:7, 2] / model.actuator_gainprm[:7, 0]
        data.qpos[self.q_address] = q
        data.qpos[self._finger_address] = FINGER_MAX
        self._trajectory: JointTrajectory | None = None
        self._start_s = 0.0
        self._target_q = np.array(q, dtype=np.float64)
        self.open_command, self._finger_target = True, FINGER_MAX
        self._gripper_since = -np.inf

    @property
    def q(self) -> Array:
        """Joint positions ``(7,)`` [rad]."""
        return self._data.qpos[self.q_address].copy()

    @property
    def qd(self) -> Array:
        """Joint velocities ``(7,)`` [rad/s]."""
        return self._data.qvel[self._v_address].copy()

    @property
    def fingers(self) -> Array:
        """Positions ``(2,)`` of the fingers, 0 closed [m]."""
        return self._data.qpos[self._finger_address].copy()

    @property
    def is_open(self) -> bool:
        """Whether both fingers are (nearly) fully open."""
        return bool((self.fingers > OPEN_SHARE * FINGER_MAX).all())

    @property
    def arm_moving(self) -> bool:
        """Whether a trajectory runs, or the arm has not come to rest at its end (for at most a short while)."""
        if self._trajectory is None:
            return False
        late = self._data.time - self._start_s - self._trajectory.duration_s
        if late < 0:
            return True
        at_rest = np.abs(self.q - self._target_q).max() < TRACKING_TOLERANCE and np.abs(self.qd).max() < 0.01
        return not at_rest and late < SETTLE_TIMEOUT_S

    @property
    def gripper_moving(self) -> bool:
        """Whether the fingers still move after the last command (for at most a short while)."""
        since = self._data.time - self._gripper_since
        still = np.abs(self._data.qvel[self._finger_v_address]).max() < 2e-3
        return since < GRIPPER_SETTLE_S or (not still and since < GRIPPER_TIMEOUT_S)

    def follow(self, trajectory: JointTrajectory, start_s: float | None = None) -> None:
        """Follow a motion from ``start_s`` [s] on, by default from now; it replaces the one under way.

        As a joint_trajectory_controller: the way to a first point that is still to come begins with the present state.
        """
        now_s = float(self._data.time)
        self._start_s = now_s if start_s is None else start_s
        self._trajectory = trajectory.joined(now_s - self._start_s, self.q, self.qd)
        self._target_q = trajectory.positions[-1].copy()

    def place(self, q: Array) -> None:
        """Put the arm at rest at ``q`` ``(7,)`` [rad], at once and through everything."""
        self._data.qpos[self.q_address], self._data.qvel[self._v_address] = q, 0.0
        self._trajectory, self._target_q = None, np.array(q, dtype=np.float64)

    def command_gripper(self, open_gripper: bool) -> bool:
        """Open or close the fingers; True if that is another command than the last one."""
        if open_gripper == self.open_command:
            return False
        self.open_command, self._gripper_since = open_gripper, float(self._data.time)
        # From where the fingers are: what they hold may have stopped them far from their last set point.
        self._finger_target = float(self.fingers.mean())
        return True

    def control(self) -> None:
        """Write the set points of the next ``CONTROL_STEPS`` physics steps."""
        q, qd = self._target_q, np.zeros(7)
        if self._trajectory is not None:
            q, qd = self._trajectory.sample(self._data.time - self._start_s)
        self._data.ctrl[:7] = q + self._servo_lead * qd  # the servo damps absolute velocity; lead cancels its lag
        target = FINGER_MAX if self.open_command else 0.0
        stride = FINGER_SPEED * CONTROL_STEPS * self._model.opt.timestep
        self._finger_target += float(np.clip(target - self._finger_target, -stride, stride))
        self._data.ctrl[7] = 255.0 * self._finger_target / FINGER_MAX
