"""Looking at a running scene: one renderer per picture size, and a second model for pictures with fine meshes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mujoco

from dynarend_core.errors import ConfigurationError
from dynarend_core.sim.mujoco.cameras import CAMERAS, RgbdRenderer, camera_view
from dynarend_core.types import CameraView

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
        width, height = (size, size) if isinstance(size, int) else size
        mujoco.mj_forward(self._model, self._data)
        model, data = self._fine_scene() if visual else (self._model, self._data)
        key = (width, height, visual)
        if key not in self._renderers:
            self._renderers[key] = RgbdRenderer(width, height, visual)
        if key not in self._uploaded:
            self._renderers[key].load(model)
            self._uploaded.add(key)
        stamp_ns = round(float(self._data.time) * 1e9)
        return tuple(camera_view(self._renderers[key], data, name, stamp_ns) for name in names or CAMERAS)

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
