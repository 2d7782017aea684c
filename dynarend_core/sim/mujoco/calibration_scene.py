"""The simulator with a calibration board and a camera whose true place is known."""

from __future__ import annotations

import mujoco
import numpy as np

from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.perception.calibration.boards import Board
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.planning.panda import T_HAND_TIP
from dynarend_core.sim.mujoco.cameras import OPTICAL_TO_MUJOCO, SCENE_GROUP, RgbdRenderer
from dynarend_core.sim.mujoco.scene import HAND_BODY, PANDA_PREFIX, base_spec
from dynarend_core.types import Array

_CAMERA, _CAMERA_BODY = "calibration", "calibration_camera"
_TEXTURE_PX_PER_M = 5000.0
_PLATE_M = 0.004
_RIM_M = 0.006
_SUPERSAMPLE = 2
_ARM = tuple(f"{PANDA_PREFIX}joint{i}" for i in range(1, 8))


class CalibrationScene:
    """Panda, table, a board and a camera; rendered at any joint positions.

    Args:
        board: The board as it is really printed.
        set_up: Who carries the camera; the other side carries the board.
        T_parent_camera: ``(4, 4)`` optical frame in the tip frame (eye-in-hand) or base frame (eye-to-hand).
        T_carrier_board: ``(4, 4)`` board in the base frame (eye-in-hand) or tip frame (eye-to-hand).
        fov_y_deg: Vertical field of view.
        image_size: (width, height) [px], at most 640 x 480 (rendered at twice the size).
    """

    def __init__(
        self,
        board: Board,
        set_up: SetUp,
        T_parent_camera: Array,
        T_carrier_board: Array,
        fov_y_deg: float,
        image_size: tuple[int, int],
    ) -> None:
        spec = base_spec()
        self._in_hand = set_up is SetUp.EYE_IN_HAND
        hand, world = spec.body(HAND_BODY), spec.worldbody
        camera_parent, board_parent = (hand, world) if self._in_hand else (world, hand)
        self._to_body = {True: T_HAND_TIP, False: T_WORLD_BASE}
        # The camera sits on a body of its own, so that it can slip while the session runs.
        holder = camera_parent.add_body(name=_CAMERA_BODY)
        holder.add_camera(name=_CAMERA, fovy=fov_y_deg, quat=rotations.quat_wxyz_from_matrix(OPTICAL_TO_MUJOCO))
        _add_board(spec, board_parent, board, self._to_body[not self._in_hand] @ T_carrier_board)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        self.place_camera(T_parent_camera)
        self._address = [self._model.joint(name).qposadr[0] for name in _ARM]
        self._size = image_size
        self._renderer = RgbdRenderer(_SUPERSAMPLE * image_size[0], _SUPERSAMPLE * image_size[1])
        self._renderer.load(self._model)

    def place_camera(self, T_parent_camera: Array) -> None:
        """Put the camera elsewhere: what happens when somebody bumps into it."""
        T = self._to_body[self._in_hand] @ T_parent_camera
        body = self._model.body(_CAMERA_BODY)
        body.pos[:], body.quat[:] = T[:3, 3], rotations.quat_wxyz_from_matrix(T[:3, :3])

    def render(self, q: Array) -> tuple[Array, Array]:
        """RGB ``(h, w, 3)`` uint8 without noise and depth ``(h, w)`` float32 [m] at joint positions ``(7,)`` [rad]."""
        self._data.qpos[self._address] = q
        mujoco.mj_forward(self._model, self._data)
        rgb, depth_m = self._renderer.render(self._data, _CAMERA)
        return _pooled(rgb).round().astype(np.uint8), _pooled(depth_m).astype(np.float32)

    def close(self) -> None:
        """Free the renderer."""
        self._renderer.close()


def _pooled(image: Array) -> Array:
    """Mean over squares of pixels: anti-aliasing, and mixed depths at edges as real cameras give them."""
    s = _SUPERSAMPLE
    h, w = image.shape[0] // s, image.shape[1] // s
    return image.reshape(h, s, w, s, -1).mean(axis=(1, 3)).reshape(h, w, *image.shape[2:])


def _add_board(spec: mujoco.MjSpec, parent: mujoco.MjsBody, board: Board, T_parent_board: Array) -> None:
    """A white plate whose front (towards -z of the board's frame) carries the pattern."""
    pattern = board.draw(_TEXTURE_PX_PER_M, _RIM_M)
    x, y = board.size_m / 2 + _RIM_M
    rgb = np.repeat(pattern[:, :, None], 3, axis=2)
    texture = spec.add_texture(name="board", type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.width, texture.height, texture.nchannel = rgb.shape[1], rgb.shape[0], 3
    texture.data = rgb.tobytes()
    material = spec.add_material(name="board", specular=0.0, shininess=0.0)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "board"
    corners = [-x, -y, 0, x, -y, 0, x, y, 0, -x, y, 0]
    spec.add_mesh(
        name="board", uservert=corners, userface=[0, 2, 1, 0, 3, 2], usertexcoord=[0, 0, 1, 0, 1, 1, 0, 1],
        inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL,
    )  # fmt: skip
    body = parent.add_body(
        name="board", pos=T_parent_board[:3, 3], quat=rotations.quat_wxyz_from_matrix(T_parent_board[:3, :3])
    )
    seen = {"group": SCENE_GROUP, "contype": 0, "conaffinity": 0, "mass": 0.0}
    body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="board", material="board", **seen)
    behind = se3.make(t=np.array([0.0, 0.0, _PLATE_M / 2 + 5e-4]))[:3, 3]
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX, size=[x, y, _PLATE_M / 2], pos=behind, rgba=[0.9, 0.9, 0.9, 1.0], **seen
    )
