"""The robot's model as a calibrated camera should see it: depth and silhouette at given joint positions."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.geometry import cameras, rotations
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.sim.mujoco.cameras import OPTICAL_TO_MUJOCO, RgbdRenderer
from dynarend_core.sim.mujoco.scene import FINGER_BODIES, PANDA_PREFIX, base_spec
from dynarend_core.types import Array

_CAMERA = "overlay"
_HIDDEN_GROUP = 5
_FAR_M = 20.0
_MARGIN = 1.1
_ARM = tuple(f"{PANDA_PREFIX}joint{i}" for i in range(1, 8))


class RobotOverlay:
    """Renders the Panda alone, without fingers, for cameras with any intrinsics.

    Args:
        image_size: (width, height) [px] of the cameras' images.
    """

    def __init__(self, image_size: tuple[int, int]) -> None:
        spec = base_spec()
        hidden = [spec.worldbody, *(spec.body(name) for name in FINGER_BODIES)]  # how far they are open is not known
        for geom in (geom for body in hidden for geom in body.geoms):
            geom.group = _HIDDEN_GROUP
        spec.worldbody.add_camera(name=_CAMERA, fovy=45.0)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self._address = [self._model.joint(name).qposadr[0] for name in _ARM]
        self._size = image_size
        self._renderer = RgbdRenderer(*image_size)
        self._renderer.load(self._model)

    def depth(self, q: Array, K: Array, T_base_camera: Array) -> Array:
        """``(h, w)`` float32 depth of the robot [m], NaN where it is not seen, at joint positions ``(7,)`` [rad]."""
        width, height = self._size
        # A camera of MuJoCo looks through the middle of its image: one that sees all of ours, then looked up in it.
        reach = max(K[1, 2], height - K[1, 2]) / K[1, 1], max(K[0, 2], width - K[0, 2]) / K[0, 0] * height / width
        fov_y = 2.0 * np.arctan(_MARGIN * max(reach))
        T = T_WORLD_BASE @ T_base_camera
        camera = self._model.camera(_CAMERA)
        camera.pos[:], camera.fovy[:] = T[:3, 3], np.degrees(fov_y)
        camera.quat[:] = rotations.quat_wxyz_from_matrix(T[:3, :3] @ OPTICAL_TO_MUJOCO)
        self._data.qpos[self._address] = q
        mujoco.mj_forward(self._model, self._data)
        _, depth_m = self._renderer.render(self._data, _CAMERA)
        depth_m[depth_m > _FAR_M] = np.nan
        K_render = cameras.intrinsics_from_fov(width, height, fov_y)
        u = K_render[0, 0] * (np.arange(width) + 0.5 - K[0, 2]) / K[0, 0] + K_render[0, 2]
        v = K_render[1, 1] * (np.arange(height) + 0.5 - K[1, 2]) / K[1, 1] + K_render[1, 2]
        return depth_m[np.ix_(v.astype(int), u.astype(int))]

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()
