"""What the closed gripper holds.

Grasp rule: while the gripper closes and both fingers touch the same graspable body, that body is welded to the hand
where it is (RLBench attaches grasped objects too); opening releases it. Everything else is contact and friction.
"""

from __future__ import annotations

import mujoco

from dynarend_core.geometry import rotations, se3
from dynarend_core.sim.mujoco.scene import FINGER_BODIES, HAND_BODY
from dynarend_core.types import Array

_PREFIX = "hold_"


class Grasp:
    """The welds between hand and graspable bodies of one scene.

    Attributes:
        held: Name of the held body, or None.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, graspable: tuple[str, ...]) -> None:
        self._model, self._data, self._graspable = model, data, graspable
        self._fingers = [model.body(name).id for name in FINGER_BODIES]
        self.held: str | None = None

    @staticmethod
    def add_welds(spec: mujoco.MjSpec, graspable: tuple[str, ...]) -> None:
        """Add one inactive weld per graspable body to a scene that is not compiled yet."""
        for name in graspable:
            weld = spec.add_equality(
                name=_PREFIX + name, type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY,
                name1=HAND_BODY, name2=name, active=False,
            )  # fmt: skip
            weld.solref = [0.004, 1.0]

    def update(self) -> None:
        """Hold the first graspable body that both fingers touch, if nothing is held yet."""
        if self.held is not None or not self._graspable:
            return
        touched: list[set[str]] = [set(), set()]
        for contact in self._data.contact:
            bodies = self._model.geom_bodyid[contact.geom]
            for side, finger in enumerate(self._fingers):
                if finger in bodies:
                    touched[side].update(self._model.body(b).name for b in bodies if b != finger)
        for name in self._graspable:
            if name in touched[0] and name in touched[1]:
                self._weld(name)
                return

    def release(self) -> None:
        """Let go."""
        if self.held is not None:
            self._data.eq_active[self._model.equality(_PREFIX + self.held).id] = 0
            self.held = None

    def carry(self, T_world_move: Array) -> None:
        """Move the held body kinematically by ``(4, 4)`` ``T_world_move``; nothing held: nothing happens."""
        if self.held is None:
            return
        moved = T_world_move @ body_pose(self._data, self.held)
        adr = self._model.joint(self._model.body(self.held).jntadr[0]).qposadr[0]
        self._data.qpos[adr : adr + 3] = moved[:3, 3]
        self._data.qpos[adr + 3 : adr + 7] = rotations.quat_wxyz_from_matrix(moved[:3, :3])

    def _weld(self, name: str) -> None:
        equality = self._model.equality(_PREFIX + name).id
        relative = se3.inverse(body_pose(self._data, HAND_BODY)) @ body_pose(self._data, name)
        values = self._model.eq_data[equality]
        values[0:3] = 0.0
        values[3:6] = relative[:3, 3]
        values[6:10] = rotations.quat_wxyz_from_matrix(relative[:3, :3])
        self._data.eq_active[equality] = 1
        self.held = name


def body_pose(data: mujoco.MjData, name: str) -> Array:
    """``(4, 4)`` pose of a body in the simulator's world frame."""
    body = data.body(name)
    return se3.make(body.xmat.reshape(3, 3), body.xpos)
