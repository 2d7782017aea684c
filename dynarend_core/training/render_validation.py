"""How well are views rendered that the network was not given, beside what costs nothing?

Only pixels whose surface lies inside the workspace count. Baselines (``foresight/baselines.py``): ``warp`` moves the
nearest input view to the compared one, ``splat`` draws the input cloud, ``constant`` knows the true view's mean colour
and median depth; for the future, ``copy`` is the true present view. As most of a scene stays as it is, the future is
measured once more where it changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dynarend_core.datasets.rendering_dataset import CHANGED_COLOUR, CHANGED_DEPTH_M
from dynarend_core.errors import DatasetError
from dynarend_core.foresight import Foresight, Picture, PictureErrors, baselines, picture_errors, workspace_pixels
from dynarend_core.foresight.scenes import Scene, SceneSource
from dynarend_core.visualization.field_colors import depth_colors, depth_range
from dynarend_core.visualization.filmstrip import filmstrip
from dynarend_core.visualization.splat import Viewpoint

Array = np.ndarray

_FEWEST_CHANGED = 16


@dataclass(frozen=True)
class RenderReport:
    """Mean errors of one source of pictures over scenes.

    Attributes:
        when: ``"now"``, ``"future"`` or ``"change"``: of the future only the pixels whose colour differs by more than
            a tenth of the range or whose depth by more than 2 cm from the present, seen by a camera that stands still.
        source: ``"rendered"`` or a baseline's name.
        camera: Camera whose view is compared.
        scenes: Number of scenes.
        psnr_db: Peak signal-to-noise ratio of colours [dB].
        depth_cm: Median absolute depth error [cm].
        depth_mean_cm: Mean absolute depth error [cm].
    """

    when: str
    source: str
    camera: str
    scenes: int
    psnr_db: float
    depth_cm: float
    depth_mean_cm: float


class RenderValidation:
    """Renders held-out scenes.

    Args:
        scenes: Where they come from.
        title: What the picture is called.
        on_scene: Called with the number of scenes done.
    """

    def __init__(
        self, scenes: SceneSource, title: str = "views not given", on_scene: Callable[[int], None] | None = None
    ) -> None:
        self.scenes, self.title, self.on_scene = scenes, title, on_scene

    def run(self, foresight: Foresight, scenes_per_task: int) -> tuple[list[RenderReport], Array]:
        """Errors of the renderings and the baselines, and a picture of one scene a task.

        Raises:
            DatasetError: No scenes, damaged ones, or an unknown camera.
        """
        errors: dict[tuple[str, str, str], list[PictureErrors]] = {}
        shown: dict[str, dict[str, Array]] = {}
        for number, scene in enumerate(self.scenes(scenes_per_task)):
            if not all(workspace_pixels(view, foresight.policy.aabb).any() for view in (scene.now, scene.future)):
                continue  # a camera at the wrist may look elsewhere
            pictures = _pictures(foresight, scene)
            for (when, source), found in _scene_errors(pictures, scene, foresight.policy.aabb).items():
                errors.setdefault((when, source, scene.camera), []).append(found)
            if scene.task not in shown:
                shown[scene.task] = _strip(pictures, scene)
            if self.on_scene is not None:
                self.on_scene(number + 1)
        if not errors:
            raise DatasetError("no held-out scene shows anything of the workspace; choose another camera")
        frames = [frame for strip in shown.values() for frame in strip.values()]
        captions = [caption for strip in shown.values() for caption in strip]
        cameras = ", ".join(dict.fromkeys(camera for _, _, camera in errors))
        picture = filmstrip(frames, captions, columns=8, frame_width=150, title=f"{self.title}: {cameras}")
        return [_report(*key, rows) for key, rows in errors.items()], picture


def _report(when: str, source: str, camera: str, rows: list[PictureErrors]) -> RenderReport:
    psnr, median, mean = np.mean([dataclasses.astuple(r) for r in rows], axis=0).round(3).tolist()
    return RenderReport(when, source, camera, len(rows), psnr, median, mean)


def _pictures(foresight: Foresight, scene: Scene) -> dict[tuple[str, str], Picture]:
    policy, views = foresight.policy, scene.observation.views
    foreseen = foresight.look(scene.observation)
    pictures = {}
    for when, truth, render in (("now", scene.now, foreseen.present), ("future", scene.future, foreseen.future)):
        where = Viewpoint.of(truth)
        pictures[when, "rendered"] = render(where)
        pictures[when, "warp"] = baselines.warped(views, where)
        pictures[when, "splat"] = baselines.drawn_cloud(views, where, policy.aabb, policy.info.voxel_m)
        pictures[when, "constant"] = baselines.constant(truth, policy.aabb)
    pictures["future", "copy"] = baselines.copied(scene.now, scene.future)
    return pictures


def _scene_errors(
    pictures: dict[tuple[str, str], Picture], scene: Scene, aabb: Array
) -> dict[tuple[str, str], PictureErrors]:
    truth = {"now": scene.now, "future": scene.future}
    errors = {(when, source): picture_errors(p, truth[when], aabb) for (when, source), p in pictures.items()}
    changed = _changed(scene, aabb)
    if changed is not None:
        for (when, source), picture in pictures.items():
            if when == "future":
                errors["change", source] = picture_errors(picture, scene.future, aabb, changed)
    return errors


def _changed(scene: Scene, aabb: Array) -> Array | None:
    """``(h, w)`` bool: where the future differs from the present; None if the camera moved or hardly a pixel does."""
    now, future = scene.now, scene.future
    if not np.allclose(now.T_base_camera, future.T_base_camera, atol=1e-6):
        return None
    colour = np.abs(future.rgb.astype(np.float64) - now.rgb).max(axis=-1) > 255.0 * CHANGED_COLOUR
    with np.errstate(invalid="ignore"):
        depth = np.abs(future.depth_m - now.depth_m) > CHANGED_DEPTH_M
    changed = (colour | depth) & workspace_pixels(future, aabb)
    return changed if changed.sum() >= _FEWEST_CHANGED else None


def _strip(pictures: dict[tuple[str, str], Picture], scene: Scene) -> dict[str, Array]:
    """Eight pictures of a scene by their captions."""
    scale = depth_range(scene.now.depth_m)
    present = pictures["now", "rendered"]
    return {
        f"now, true\n{scene.task}": scene.now.rgb,
        "now, rendered": present.rgb,
        "now, warp": pictures["now", "warp"].rgb,
        "now, splat": pictures["now", "splat"].rgb,
        "future, true": scene.future.rgb,
        "future, rendered": pictures["future", "rendered"].rgb,
        "depth, true": depth_colors(scene.now.depth_m, scale),
        "depth, rendered": depth_colors(present.depth_m, scale),
    }
