"""How well are views of held-out scenes rendered, beside what costs nothing?

Only pixels whose surface lies inside the workspace count. Baselines: ``constant`` knows the true view's mean colour
and median depth; ``splat`` draws the input cloud into the view, holes filled with its mean; for the future,
``copy`` is the true present view.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.datasets.records import EpisodeRecord, Transition
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.foresight import Foresight, Picture, PictureErrors, picture_errors, workspace_pixels
from dynarend_core.perception.fusion import fuse
from dynarend_core.policy import Policy
from dynarend_core.types import CameraView, Observation
from dynarend_core.visualization.filmstrip import filmstrip
from dynarend_core.visualization.splat import Viewpoint, point_sizes, splat

Array = np.ndarray


@dataclass(frozen=True)
class RenderReport:
    """Mean errors of one source of pictures over scenes.

    Attributes:
        when: ``"now"`` or ``"future"``.
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
    """Renders one camera's view of held-out scenes.

    Args:
        store: Held-out demonstrations.
        camera: Camera to render; None takes the first one.
        hidden: Whether the network's cloud is fused without that camera.
    """

    def __init__(self, store: DemonstrationStore, camera: str | None, hidden: bool) -> None:
        self.store, self.camera, self.hidden = store, camera, hidden

    def run(self, foresight: Foresight, scenes_per_task: int) -> tuple[list[RenderReport], Array]:
        """Errors of the renderings and the baselines, and a picture of one scene a task."""
        errors: dict[tuple[str, str], list[PictureErrors]] = {}
        frames: list[Array] = []
        captions: list[str] = []
        camera = ""
        for number, record, transition in self._scenes(scenes_per_task):
            view_now, view_future = (self._view(record, i) for i in (transition.frame_index, transition.target_index))
            camera = view_now.name
            observation = self._observation(record, transition, camera)
            images = _images(foresight, observation, view_now, view_future)
            for (when, source), image in images.items():
                truth = view_now if when == "now" else view_future
                errors.setdefault((when, source), []).append(picture_errors(image, truth, foresight.policy.aabb))
            if number == 0:
                strip, words = _strip(images, view_now, view_future, record)
                frames += strip
                captions += words
        reports = []
        for (when, source), rows in errors.items():
            psnr, median, mean = np.mean([dataclasses.astuple(r) for r in rows], axis=0).round(3).tolist()
            reports.append(RenderReport(when, source, camera, len(rows), psnr, median, mean))
        return reports, filmstrip(frames, captions, columns=7, frame_width=150, title=f"camera {camera}")

    def _scenes(self, count: int) -> Iterator[tuple[int, EpisodeRecord, Transition]]:
        for task in self.store.tasks():
            for number, episode in enumerate(self.store.episodes(task)[:count]):
                record = self.store.read(task, episode)
                yield number, record, record.transitions[number % len(record.transitions)]

    def _view(self, record: EpisodeRecord, frame: int) -> CameraView:
        views = {v.name: v for v in record.frames[frame].views}
        name = self.camera or next(iter(views))
        if name not in views:
            raise DatasetError(f"task {record.task!r} has no camera {name!r}; it has {', '.join(views)}")
        return views[name]

    def _observation(self, record: EpisodeRecord, transition: Transition, camera: str) -> Observation:
        observation = record.observation(transition, record.instructions[0])
        if not self.hidden:
            return observation
        return dataclasses.replace(observation, views=tuple(v for v in observation.views if v.name != camera))


def _images(
    foresight: Foresight, observation: Observation, now: CameraView, future: CameraView
) -> dict[tuple[str, str], Picture]:
    policy = foresight.policy
    foreseen = foresight.look(observation)
    return {
        ("now", "rendered"): foreseen.present(Viewpoint.of(now)),
        ("now", "splat"): _splatted(observation, now, policy),
        ("now", "constant"): _constant(now, policy.aabb),
        ("future", "rendered"): foreseen.future(Viewpoint.of(future)),
        ("future", "copy"): Picture.of(now),
        ("future", "constant"): _constant(future, policy.aabb),
    }


def _splatted(observation: Observation, view: CameraView, policy: Policy) -> Picture:
    cloud = fuse(observation.views, policy.aabb, policy.info.voxel_m)
    rgb, depth = splat(cloud.xyz, cloud.rgb, point_sizes(cloud.xyz, policy.info.voxel_m), Viewpoint.of(view))
    hole = ~np.isfinite(depth)
    if not hole.all():
        rgb[hole], depth[hole] = rgb[~hole].mean(axis=0), np.median(depth[~hole])
    return Picture(rgb.round().astype(np.uint8), depth)


def _constant(view: CameraView, aabb: Array) -> Picture:
    inside = workspace_pixels(view, aabb)
    rgb = np.broadcast_to(view.rgb[inside].mean(axis=0).round().astype(np.uint8), view.rgb.shape)
    return Picture(rgb, np.full(view.depth_m.shape, np.median(view.depth_m[inside])))


def _strip(
    images: dict[tuple[str, str], Picture], now: CameraView, future: CameraView, record: EpisodeRecord
) -> tuple[list[Array], list[str]]:
    """Seven pictures of a scene: present true, rendered, splatted; future true, rendered; depth true, rendered."""
    near, far = np.nanpercentile(now.depth_m, (1, 90))

    def depth(depth_m: Array) -> Array:
        grey = np.clip((np.nan_to_num(depth_m, nan=far) - near) / max(far - near, 1e-3), 0, 1) * 255
        return cv2.applyColorMap(255 - grey.astype(np.uint8), cv2.COLORMAP_TURBO)[..., ::-1]

    present, foreseen = images["now", "rendered"], images["future", "rendered"]
    depths = depth(now.depth_m), depth(present.depth_m)
    frames = [now.rgb, present.rgb, images["now", "splat"].rgb, future.rgb, foreseen.rgb, *depths]
    words = ["now, true", "now, rendered", "now, splat", "future, true", "future, rendered", "depth, true"]
    return frames, [f"{words[0]}\n{record.task}", *words[1:], "depth, rendered"]
