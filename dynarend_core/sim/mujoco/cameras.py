"""RLBench's four policy cameras in MuJoCo: poses, fields of view, and RGB-D rendering in one pass."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from dynarend_core.errors import MissingDependencyError
from dynarend_core.geometry import cameras, rotations, se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.planning.panda import T_HAND_TIP
from dynarend_core.types import Array, CameraView

_RLBENCH_TO_OPTICAL = np.diag([-1.0, -1.0, 1.0])  # RLBench: x left, y up, z forward
OPTICAL_TO_MUJOCO = np.diag([1.0, -1.0, -1.0])  # MuJoCo: x right, y up, z backward


@dataclass(frozen=True)
class CameraSpec:
    """One of RLBench's cameras: pose of its RLBench axes in the parent (world, or tip for the wrist)."""

    name: str
    position: tuple[float, float, float]
    R_rlbench: tuple[tuple[float, float, float], ...]
    fov_deg: float
    far_m: float


CAMERAS = {
    c.name: c
    for c in (
        CameraSpec("front", (1.35, 0.0, 1.58),
                   ((0, -0.42262, -0.90631), (-1, 0, 0), (0, 0.90631, -0.42262)), 40.0, 4.5),
        CameraSpec("left_shoulder", (-0.175, 0.2, 1.98),
                   ((0.17365, 0.89254, 0.41620), (0.98481, -0.15738, -0.07339), (0, 0.42262, -0.90631)), 40.0, 3.2),
        CameraSpec("right_shoulder", (-0.175, -0.2, 1.98),
                   ((-0.17365, 0.89254, 0.41620), (0.98481, 0.15738, 0.07339), (0, 0.42262, -0.90631)), 40.0, 3.2),
        CameraSpec("wrist", (-0.05, 0.002, -0.0921),
                   ((0, -0.99619, 0.08716), (1, 0, 0), (0, 0.08716, 0.99619)), 60.0, 3.5),
    )
}  # fmt: skip
"""From the recorded RLBench demonstrations (rlbench defaults)."""

FIXED_CAMERAS = tuple(name for name in CAMERAS if name != "wrist")
"""Those that do not move with the hand."""

SPARE_CAMERA = "spare"
"""A camera of the scene that is put where a picture is wanted."""

SCENE_GROUP, VISUAL_GROUP, COLLISION_GROUP = 0, 2, 3
"""Geom groups: the scene, the Panda's fine meshes, its collision hulls (what policy cameras see)."""


def add_cameras(spec: mujoco.MjSpec, hand_body: str) -> None:
    """Add all cameras to the scene; the wrist camera rides on the hand."""
    for c in CAMERAS.values():
        T = se3.make(np.array(c.R_rlbench) @ _RLBENCH_TO_OPTICAL @ OPTICAL_TO_MUJOCO, np.array(c.position))
        T[:3, :3] = _orthonormal(T[:3, :3])
        parent = spec.worldbody
        if c.name == "wrist":
            parent, T = spec.body(hand_body), T_HAND_TIP @ T
        parent.add_camera(name=c.name, pos=T[:3, 3], quat=rotations.quat_wxyz_from_matrix(T[:3, :3]), fovy=c.fov_deg)
    spec.worldbody.add_camera(name=SPARE_CAMERA)


def _orthonormal(R: Array) -> Array:
    u, _, vt = np.linalg.svd(R)
    return u @ vt


def _offscreen_context(width: int, height: int) -> Any:
    """A headless GL context: EGL, or OSMesa where MUJOCO_GL asks for it or EGL fails."""
    if os.environ.get("MUJOCO_GL", "egl").lower() != "osmesa":
        try:
            from mujoco.egl import GLContext as EglContext

            return EglContext(width, height)
        except Exception:  # drivers raise ImportError, RuntimeError, AttributeError and PyOpenGL's own EGLError
            os.environ.pop("PYOPENGL_PLATFORM", None)
    try:
        from mujoco.osmesa import GLContext as OsmesaContext

        return OsmesaContext(width, height)
    except Exception as error:
        raise MissingDependencyError(
            f"no headless OpenGL ({error}): install libegl1 and libgl1-mesa-dri (make setup does), "
            "or libosmesa6 and set MUJOCO_GL=osmesa"
        ) from error


class RgbdRenderer:
    """Renders colour and metric depth of a camera in one pass: no shadows, no multisampling."""

    def __init__(self, width: int, height: int, visual_meshes: bool = False) -> None:
        self.width, self.height = width, height
        self._gl = _offscreen_context(width, height)
        self._context: mujoco.MjrContext | None = None
        self._options = mujoco.MjvOption()
        self._options.sitegroup[:] = 0
        self._options.geomgroup[:] = 0
        self._options.geomgroup[[SCENE_GROUP, VISUAL_GROUP if visual_meshes else COLLISION_GROUP]] = 1

    def load(self, model: mujoco.MjModel) -> None:
        """Use another model from now on."""
        self._gl.make_current()
        if self._context is not None:
            self._context.free()
        self._model = model
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0

    def render(self, data: mujoco.MjData, camera: str) -> tuple[Array, Array]:
        """RGB ``(h, w, 3)`` uint8 and depth ``(h, w)`` float32 along the optical axis [m]."""
        depth = np.empty((self.height, self.width), np.float32)
        rgb = self._draw(data, camera, depth)
        return rgb, self._metric(depth[::-1])

    def segment(self, data: mujoco.MjData, camera: str) -> Array:
        """Number of the geom that each pixel shows, ``(h, w)`` int32; -1 where there is none."""
        flags = [mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR]
        for flag in flags:
            self._scene.flags[flag] = 1
        drawn = self._draw(data, camera, None).astype(np.int32)
        for flag in flags:
            self._scene.flags[flag] = 0
        geoms = self._scene.geoms[: self._scene.ngeom]
        geom_of_colour = np.full(len(geoms) + 1, -1, dtype=np.int32)
        for g in geoms:
            if g.segid >= 0 and g.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                geom_of_colour[g.segid + 1] = g.objid
        return geom_of_colour[drawn @ np.array([1, 256, 65536], dtype=np.int32)]

    def _draw(self, data: mujoco.MjData, camera: str, depth: Array | None) -> Array:
        """Draw the scene; fills ``depth`` with the depth buffer, bottom row first."""
        self._gl.make_current()
        cam = mujoco.MjvCamera()
        cam.type, cam.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, self._model.camera(camera).id
        mujoco.mjv_updateScene(self._model, data, self._options, None, cam, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        viewport = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(viewport, self._scene, self._context)
        rgb = np.empty((self.height, self.width, 3), np.uint8)
        mujoco.mjr_readPixels(rgb, depth, viewport, self._context)
        return np.ascontiguousarray(rgb[::-1])

    def _metric(self, buffer: Array) -> Array:
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        c = 0.5 * (far + near) / (far - near) - 0.5  # reversed depth buffer, see glFrustum
        d = far * near / (far - near)
        return (d / (buffer.astype(np.float64) + c)).astype(np.float32)

    def close(self) -> None:
        """Free the GL context."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = None


def place_spare_camera(model: mujoco.MjModel, data: mujoco.MjData, base: str, T_base_camera: Array) -> None:
    """Put the spare camera somewhere, with the lens of camera ``base``; the next ``mj_forward`` takes it back."""
    T_world_camera = T_WORLD_BASE @ T_base_camera
    spare = data.camera(SPARE_CAMERA)
    spare.xpos[:] = T_world_camera[:3, 3]
    spare.xmat[:] = (T_world_camera[:3, :3] @ OPTICAL_TO_MUJOCO).ravel()
    model.camera(SPARE_CAMERA).fovy[:] = CAMERAS[base].fov_deg


def camera_pose(data: mujoco.MjData, name: str) -> Array:
    """``(4, 4)`` T_base_camera of a camera now."""
    camera = data.camera(name)
    T_world_camera = se3.make(camera.xmat.reshape(3, 3) @ OPTICAL_TO_MUJOCO, camera.xpos)
    return se3.inverse(T_WORLD_BASE) @ T_world_camera


def camera_view(
    renderer: RgbdRenderer, data: mujoco.MjData, name: str, stamp_ns: int, spec: CameraSpec | None = None
) -> CameraView:
    """One calibrated view in the base frame; depth beyond the camera's far plane is NaN.

    Args:
        renderer: Loaded with the scene.
        data: Its state.
        name: Camera.
        stamp_ns: Time of the picture [ns].
        spec: Whose lens and far plane the camera has; None for its own.
    """
    spec = spec or CAMERAS[name]
    rgb, depth = renderer.render(data, name)
    depth[depth >= spec.far_m] = np.nan
    K = cameras.intrinsics_from_fov(renderer.width, renderer.height, np.deg2rad(spec.fov_deg))
    return CameraView(name, rgb, depth, K, camera_pose(data, name), stamp_ns)
