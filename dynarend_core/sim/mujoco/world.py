"""A Panda and a task in MuJoCo: physics, controllers, cameras. Driven by the environment and by ROS alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import mujoco
import numpy as np

from dynarend_core.errors import ConfigurationError, PlanningError, SimulationError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.geometry.orbit import random_orbit
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.building import SceneRequest, build_scene
from dynarend_core.sim.mujoco.cameras import FIXED_CAMERAS, camera_pose
from dynarend_core.sim.mujoco.grasp import Grasp, body_pose
from dynarend_core.sim.mujoco.looking import Looker
from dynarend_core.sim.mujoco.naming import name_scene
from dynarend_core.sim.mujoco.servos import CONTROL_STEPS, Servos
from dynarend_core.types import Array, CameraView, FailureReason, GripperState

_T_BASE_WORLD = se3.inverse(T_WORLD_BASE)
_DIVERGED = (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)


class MujocoWorld:
    """A running scene. All poses that enter or leave are in the robot's base frame."""

    def __init__(self, image_size: int = 128) -> None:
        self.image_size = image_size
        self.kinematics = ArmKinematics()
        self._looker = Looker()

    def reset(
        self,
        task: str,
        variation: int,
        seed: int,
        *,
        phrasing: int | None = None,
        disturb_start: bool = False,
        perturbation: str = UNDISTURBED,
    ) -> None:
        """Build the scene; equal arguments give equal scenes.

        Args:
            task: Task name.
            variation: Variation index.
            seed: Seed of placement, phrasing, start disturbance and perturbation.
            phrasing: Index into the task's phrasings; None draws one.
            disturb_start: Start the arm up to about 10 cm and 15 degrees off its home pose.
            perturbation: What else than usual the scene is to be (docs/tasks.md).

        Raises:
            ConfigurationError: unknown task, variation, phrasing or perturbation, or a negative seed.
            SimulationError: no placement within reach, or the physics diverged.
        """
        request = SceneRequest(task, variation, seed, perturbation)
        self.task, self.model, rng = build_scene(request)
        self.data = mujoco.MjData(self.model)
        self._names = name_scene(self.model, self.task.semantic_names())
        self._grasp = Grasp(self.model, self.data, self.task.graspable)
        self._looker.watch(self.model, self.data, lambda: build_scene(request, visual_meshes=True)[1])
        words = self.task.instructions()
        self.phrasing = int(rng.integers(len(words))) if phrasing is None else phrasing
        if not 0 <= self.phrasing < len(words):
            raise ConfigurationError(f"{task} has phrasings 0 to {len(words) - 1}, got {phrasing}")
        self.instruction = words[self.phrasing]
        self._servos = Servos(self.model, self.data, self._disturbed_home(rng) if disturb_start else HOME_Q)
        mujoco.mj_forward(self.model, self.data)
        self.advance(0.3)
        self.data.time = 0.0
        self._start_poses = {name: self.pose(name) for name in self.task.graspable}

    def _disturbed_home(self, rng: np.random.Generator) -> Array:
        home = self.kinematics.forward(HOME_Q)
        for _ in range(20):
            offset = random_offset(rng, 0.08, np.deg2rad(12.0))
            try:
                return self.kinematics.inverse(home @ offset, HOME_Q)
            except PlanningError:
                continue
        return HOME_Q

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def time_s(self) -> float:
        """Simulated time since the reset [s]."""
        return float(self.data.time)

    @property
    def q(self) -> Array:
        """Arm joint positions ``(7,)`` [rad]."""
        return self._servos.q

    @property
    def qd(self) -> Array:
        """Arm joint velocities ``(7,)`` [rad/s]."""
        return self._servos.qd

    def gripper(self) -> GripperState:
        """Pose, opening and width of the gripper."""
        width_m = float(self._servos.fingers.sum())
        return GripperState(self.kinematics.forward(self.q), self._servos.is_open, width_m)

    @property
    def held(self) -> str | None:
        """Name of the body in the gripper (see :mod:`dynarend_core.sim.mujoco.grasp`)."""
        return self._grasp.held

    def joint(self, name: str) -> float:
        """Position of a task joint [m] or [rad]."""
        return float(self.data.joint(name).qpos[0])

    def body_position(self, name: str) -> Array:
        """Position ``(3,)`` of a task body in the simulator's world frame [m]."""
        return self.data.body(name).xpos.copy()

    def pose(self, name: str) -> Array:
        """Pose ``(4, 4)`` of a task body in the base frame."""
        return _T_BASE_WORLD @ body_pose(self.data, name)

    def start_pose(self, name: str) -> Array:
        """Pose ``(4, 4)`` of a graspable body at the start of the episode, base frame."""
        return self._start_poses[name]

    @property
    def object_names(self) -> tuple[str, ...]:
        """Phrases for everything in the scene: "maroon button", "robot arm", "table"."""
        return self._names.names

    @property
    def moving(self) -> bool:
        """Whether a trajectory or the gripper is still under way."""
        return self._servos.arm_moving or self._servos.gripper_moving

    def success(self) -> bool:
        """Whether the task is solved now."""
        return self.task.success(self)

    def failure(self) -> FailureReason:
        """What ends the episode as a failure, if anything; see :meth:`Task.failure`."""
        return self.task.failure(self)

    # -- commands ------------------------------------------------------------------------------------------------

    def follow(self, trajectory: JointTrajectory, start_s: float | None = None) -> None:
        """Follow a motion from ``start_s`` on [s of :attr:`time_s`], by default from now, not the present one."""
        self._servos.follow(trajectory, start_s)

    def place(self, q: Array) -> None:
        """Put the arm, and what it holds, at rest at ``q`` ``(7,)`` [rad], at once and through everything."""
        self._carry(self.gripper().T_base_gripper, self.kinematics.forward(q))
        self._servos.place(q)
        mujoco.mj_forward(self.model, self.data)

    def _carry(self, before: Array, after: Array) -> None:
        """Move what is held along with the tip, from one pose in the base frame to another."""
        self._grasp.carry(T_WORLD_BASE @ after @ se3.inverse(T_WORLD_BASE @ before))

    def command_gripper(self, open_gripper: bool) -> None:
        """Open or close the fingers; opening releases a held object."""
        if self._servos.command_gripper(open_gripper) and open_gripper:
            self._grasp.release()

    def advance(self, duration_s: float) -> None:
        """Run physics for ``duration_s`` [s].

        Raises:
            SimulationError: the state became non-finite.
        """
        end = self.time_s + duration_s - 1e-9
        while self.time_s < end:
            self._servos.control()
            mujoco.mj_step(self.model, self.data, CONTROL_STEPS)
            # Only while it closes: a closed gripper that presses on something must not pick it up.
            if not self._servos.open_command and self._servos.gripper_moving:
                self._grasp.update()
            self.task.update(self)
        # MuJoCo puts a diverged state back to its start, with a warning: finite numbers alone prove nothing.
        if not np.isfinite(self.data.qpos).all() or any(self.data.warning[w].number for w in _DIVERGED):
            raise SimulationError(f"{self.task.name}: the physics state became non-finite at {self.time_s:.2f} s")

    # -- cameras -------------------------------------------------------------------------------------------------

    def views(
        self, names: Sequence[str] | None = None, size: int | tuple[int, int] | None = None, visual: bool = False
    ) -> tuple[CameraView, ...]:
        """Calibrated RGB-D views of the present state.

        Args:
            names: Camera names; None means all.
            size: Edge of square images, or (width, height) [px]; None means the world's image size.
            visual: Draw the robot's fine meshes instead of its collision hulls: for pictures, fifteen times slower.

        Raises:
            ConfigurationError: no camera of that name.
        """
        return self._looker.views(names, self.image_size if size is None else size, visual)

    def object_ids(self) -> tuple[Array, ...]:
        """For each of :meth:`views`: ``(h, w)`` uint8, i + 1 where ``object_names[i]`` is seen, 0 for nothing."""
        return self._looker.object_ids(self.image_size, self._names.id_of_geom)

    def orbit_view(self, name: str, rng: np.random.Generator) -> tuple[CameraView, Array]:
        """A random fixed camera turned at random about the workspace (geometry/orbit.py), and its object ids."""
        base = FIXED_CAMERAS[rng.integers(len(FIXED_CAMERAS))]
        T = random_orbit(camera_pose(self.data, base), rng)
        return self._looker.orbit(name, base, T, self.image_size, self._names.id_of_geom)

    @contextmanager
    def displaced(self, T_tip_displaced: Array) -> Iterator[tuple[GripperState, Array]]:
        """While the context is open the arm stands displaced; gives its gripper and joint positions.

        Args:
            T_tip_displaced: ``(4, 4)`` displaced tip pose in the present tip frame. A held object moves along.

        Raises:
            PlanningError: the displaced pose is out of reach.
        """
        before = self.gripper().T_base_gripper
        q = self.kinematics.inverse(before @ T_tip_displaced, self.q)
        saved = self.data.qpos.copy()
        self._carry(before, before @ T_tip_displaced)
        self.data.qpos[self._servos.q_address] = q
        try:
            yield self.gripper(), q
        finally:
            self.data.qpos[:] = saved
            mujoco.mj_forward(self.model, self.data)

    def close(self) -> None:
        """Free the renderers; safe to call twice."""
        self._looker.close()


def random_offset(rng: np.random.Generator, max_m: float, max_rad: float) -> Array:
    """``(4, 4)`` random displacement, uniform in a cube of half edge ``max_m`` and in angle about a random axis."""
    axis = rng.normal(size=3)
    rotvec = axis / np.linalg.norm(axis) * rng.uniform(0.0, max_rad)
    return se3.make(rotations.matrix_from_rotation_vector(rotvec), rng.uniform(-max_m, max_m, size=3))
