"""Looking at a running scene: one renderer per picture size, and a second model for pictures with fine meshes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import mujoco
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.mujoco.cameras import CAMERAS, SPARE_CAMERA, RgbdRenderer, camera_view, place_spare_camera
from dynarend_core.types import Array, CameraView

_Key = tuple[int, int, bool]


class Looker:
    """Renders the scene it was last told to watch; renderers outlive scenes because GL contexts are slow to make."""

    def __init__(self) -> None:
        self._renderers: dict[_Key, RgbdRenderer] = {}
        self._uploaded: set[_Key] = set()

    def watch(self, model: mujoco.MjModel, data: mujoco.MjData, compile_fine: Callable[[], mujoco.MjModel]) -> None:
        """Look at another scene from now on.

        Args:
            model: Compiled scene.
            data: Its state.
            compile_fine: Compiles the same scene with the robot's fine meshes; called when first needed.
        """
        self._model, self._data, self._compile_fine = model, data, compile_fine
        self._fine: tuple[mujoco.MjModel, mujoco.MjData] | None = None
        self._uploaded.clear()

    def views(
        self, names: Sequence[str] | None, size: int | tuple[int, int], visual: bool = False
    ) -> tuple[CameraView, ...]:
        """Calibrated RGB-D views of the present state; arguments as for ``MujocoWorld.views``.

        Raises:
            ConfigurationError: no camera of that name.
        """
        unknown = [name for name in names or () if name not in CAMERAS]
        if unknown:
            raise ConfigurationError(f"unknown cameras {unknown}; choose from {', '.join(CAMERAS)}")
        renderer, data = self._ready(size, visual)
        return tuple(camera_view(renderer, data, name, self._stamp_ns) for name in names or CAMERAS)

    def object_ids(self, size: int | tuple[int, int], id_of_geom: Array) -> tuple[Array, ...]:
        """What the pixels of all cameras show: ``(h, w)`` uint8 entries of ``id_of_geom``, 0 where there is nothing."""
        renderer, data = self._ready(size, False)
        return tuple(_object_ids(renderer, data, name, id_of_geom) for name in CAMERAS)

    def orbit(
        self, name: str, base: str, T_base_camera: Array, size: int | tuple[int, int], id_of_geom: Array
    ) -> tuple[CameraView, Array]:
        """A view, called ``name``, from anywhere with the lens of camera ``base``, and its object ids."""
        renderer, data = self._ready(size, False)
        place_spare_camera(self._model, data, base, T_base_camera)
        view = camera_view(renderer, data, SPARE_CAMERA, self._stamp_ns, CAMERAS[base])
        return dataclasses.replace(view, name=name), _object_ids(renderer, data, SPARE_CAMERA, id_of_geom)

    @property
    def _stamp_ns(self) -> int:
        return round(float(self._data.time) * 1e9)

    def _ready(self, size: int | tuple[int, int], visual: bool) -> tuple[RgbdRenderer, mujoco.MjData]:
        """The renderer of a picture size, loaded with the scene, and the scene's present state."""
        width, height = (size, size) if isinstance(size, int) else size
        mujoco.mj_forward(self._model, self._data)
        model, data = self._fine_scene() if visual else (self._model, self._data)
        key = (width, height, visual)
        if key not in self._renderers:
            self._renderers[key] = RgbdRenderer(width, height, visual)
        if key not in self._uploaded:
            self._renderers[key].load(model)
            self._uploaded.add(key)
        return self._renderers[key], data

    def _fine_scene(self) -> tuple[mujoco.MjModel, mujoco.MjData]:
        """The same scene with the robot's fine meshes, in the present state."""
        if self._fine is None:
            model = self._compile_fine()
            self._fine = model, mujoco.MjData(model)
        model, data = self._fine
        data.qpos[:] = self._data.qpos
        mujoco.mj_forward(model, data)
        return self._fine

    def close(self) -> None:
        """Free the renderers; safe to call twice."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()
        self._uploaded.clear()


def _object_ids(renderer: RgbdRenderer, data: mujoco.MjData, camera: str, id_of_geom: Array) -> Array:
    # One entry more: geom -1, nothing, reads the last one.
    return np.append(id_of_geom, np.uint8(0))[renderer.segment(data, camera)]
