"""One picture of what the policy saw, what it values and where it wants the gripper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry.cameras import project
from dynarend_core.types import PointCloud, Prediction, ValueMap
from dynarend_core.visualization import gripper_shape, value_glow
from dynarend_core.visualization.splat import Viewpoint, point_sizes, shade_edges, splat
from dynarend_core.visualization.text import INK, MUTED, TextLayer, text_width, wrap
from dynarend_core.visualization.viewpoint import close_up, overview

Array = np.ndarray

PREDICTED_COLOR = (40, 190, 255)
TRUTH_COLOR = (140, 255, 120)
_SUPERSAMPLE = 2
_SKY_TOP, _SKY_BOTTOM = np.array([[30, 36, 46], [58, 66, 80]], dtype=np.float32)


@dataclass(frozen=True)
class CloudViewConfig:
    """Size and content of the picture.

    Attributes:
        width: Picture width [px].
        height: Picture height [px].
        point_size_m: Smallest diameter of a drawn point [m]; a little more than the cloud's voxel. Sparse
            regions get larger ones.
        inset: Show the finest value map enlarged in a corner.
    """

    width: int = 900
    height: int = 700
    point_size_m: float = 0.0085
    inset: bool = True


def render_cloud_with_value_map(
    cloud: PointCloud,
    prediction: Prediction,
    T_base_gripper_truth: Array | None = None,
    *,
    truth_open: bool = True,
    title: str = "",
    caption: str = "",
    config: CloudViewConfig | None = None,
) -> Array:
    """Draw the cloud, the value maps as glow, the predicted gripper and optionally the demonstrated one.

    Args:
        cloud: What the policy saw.
        prediction: What it answered.
        T_base_gripper_truth: ``(4, 4)`` demonstrated tip pose, drawn as a wireframe.
        truth_open: Whether the demonstrated gripper is open.
        title: Large line, usually the instruction.
        caption: Small line below, usually errors or confidence.
        config: Size and content.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        InvalidInputError: the cloud is empty.
    """
    config = config or CloudViewConfig()
    if len(cloud) == 0:
        raise InvalidInputError("an empty cloud cannot be drawn; check the cameras' depth and the workspace box")
    tips = [prediction.keyframe.T_base_gripper] + ([] if T_base_gripper_truth is None else [T_base_gripper_truth])
    targets = np.concatenate([[T[:3, 3], T[:3, 3] - 0.08 * T[:3, 2]] for T in tips])
    aabb = np.stack([cloud.xyz.min(axis=0), cloud.xyz.max(axis=0)]).astype(np.float64)
    s = _SUPERSAMPLE
    view = overview(aabb, targets, cloud.xyz, s * config.width, s * config.height)
    scene = _Scene(cloud, prediction, T_base_gripper_truth, truth_open, config.point_size_m)
    maps = prediction.value_maps
    picture = scene.draw(view, maps[0] if maps else None)
    if len(maps) > 1:
        picture = _outline_cube(picture, maps[-1].aabb_base, view)
    image = cv2.resize(picture, (config.width, config.height), interpolation=cv2.INTER_AREA)
    layer = TextLayer(np.clip(image, 0, 255).astype(np.uint8))
    if config.inset and len(maps) > 1:
        _draw_inset(layer, scene, maps[-1], view, config)
    _draw_words(layer, title, caption, config)
    _draw_legend(layer, scene, config)
    return layer.image()


class _Scene:
    """Everything that is drawn, so that the overview and the inset show the same."""

    def __init__(
        self, cloud: PointCloud, prediction: Prediction, truth: Array | None, truth_open: bool, point_size_m: float
    ) -> None:
        self.cloud, self.truth, self.truth_open = cloud, truth, truth_open
        self.sizes_m = point_sizes(cloud.xyz, point_size_m)
        self.keyframe, self.has_values = prediction.keyframe, bool(prediction.value_maps)

    def draw(self, view: Viewpoint, value_map: ValueMap | None) -> Array:
        """``(h, w, 3)`` float picture at the view's full resolution."""
        rgb = self.cloud.rgb.astype(np.float32)
        if value_map is not None:
            rgb = value_glow.tint(rgb, value_glow.heat_of_points(value_map, self.cloud.xyz))
        color, depth = splat(self.cloud.xyz, rgb, self.sizes_m, view)
        color = shade_edges(color, depth, radius_px=2)
        picture = np.where(np.isfinite(depth)[..., None], color, _sky(view))
        if value_map is not None:
            picture = value_glow.add_glow(picture, value_map, view)
        T, is_open = self.keyframe.T_base_gripper, self.keyframe.gripper_open
        picture = _blend_solid(picture, depth, T, is_open, view)
        if self.truth is not None:
            picture = _draw_edges(picture, depth, self.truth, self.truth_open, view)
        return picture


def _sky(view: Viewpoint) -> Array:
    ramp = np.linspace(0.0, 1.0, view.height, dtype=np.float32)[:, None, None]
    return np.broadcast_to((1 - ramp) * _SKY_TOP + ramp * _SKY_BOTTOM, (view.height, view.width, 3))


def _blend_solid(picture: Array, depth: Array, T: Array, is_open: bool, view: Viewpoint) -> Array:
    """Solid predicted gripper; what the scene hides of it stays visible as a ghost."""
    xyz, rgb = gripper_shape.surface(T, is_open, np.array(PREDICTED_COLOR), spacing_m=0.0015)
    color, own_depth = splat(xyz, rgb, 0.0028, view)
    color = shade_edges(color, own_depth, radius_px=2)
    drawn = np.isfinite(own_depth)
    alpha = np.where(own_depth[drawn] < depth[drawn] + 0.003, 0.94, 0.30)[:, None]
    out = picture.copy()
    out[drawn] = (1.0 - alpha) * picture[drawn] + alpha * color[drawn]
    return out


def _draw_edges(picture: Array, depth: Array, T: Array, is_open: bool, view: Viewpoint) -> Array:
    """Wireframe of the demonstrated gripper, thinner where the scene hides it."""
    canvas = np.ascontiguousarray(picture, dtype=np.float32)
    for a, b in gripper_shape.edges(T, is_open):
        points = a + np.linspace(0.0, 1.0, 12)[:, None] * (b - a)
        uv, z = project(points, view.K, view.T_base_camera)
        for i in range(len(uv) - 1):
            _draw_edge_piece(canvas, depth, uv[i], uv[i + 1], float(z[i]))
    return canvas


def _draw_edge_piece(canvas: Array, depth: Array, start: Array, end: Array, z: float) -> None:
    if not np.isfinite([start, end]).all():
        return
    h, w = depth.shape
    column, row = int(np.clip(start[0], 0, w - 1)), int(np.clip(start[1], 0, h - 1))
    hidden = depth[row, column] < z - 0.01
    ends = [tuple(round(16 * float(c)) for c in p) for p in (start, end)]
    # Lines are drawn in uint8: OpenCV does not anti-alias float images. Four fractional bits place them exactly.
    x0, y0 = (max(int(min(start[i], end[i])) - 6, 0) for i in (0, 1))
    x1, y1 = (int(max(start[i], end[i])) + 7 for i in (0, 1))
    patch = canvas[y0:y1, x0:x1]
    if patch.size == 0:
        return
    mask = np.zeros(patch.shape[:2], dtype=np.uint8)
    shifted = [(p[0] - 16 * x0, p[1] - 16 * y0) for p in ends]
    cv2.line(mask, *shifted, 255, 2 if hidden else 4, cv2.LINE_AA, 4)
    alpha = mask[..., None] / 255.0 * (0.55 if hidden else 1.0)
    patch[:] = (1 - alpha) * patch + alpha * np.array(TRUTH_COLOR, dtype=np.float32)


def _outline_cube(picture: Array, aabb: Array, view: Viewpoint) -> Array:
    """Thin box around the part of the workspace the inset shows."""
    corners = np.array([[aabb[(i >> a) & 1, a] for a in range(3)] for i in range(8)])
    uv, z = project(corners, view.K, view.T_base_camera)
    if not (z > 0).all():
        return picture
    lines = np.zeros(picture.shape[:2], dtype=np.uint8)
    for a in range(8):
        for bit in (1, 2, 4):
            if a & bit == 0:
                ends = [tuple(round(float(c)) for c in uv[k]) for k in (a, a | bit)]
                cv2.line(lines, ends[0], ends[1], 255, 2, cv2.LINE_AA)
    alpha = lines[..., None] / 255.0 * 0.45
    return (1 - alpha) * picture + alpha * 255.0


def _draw_inset(layer: TextLayer, scene: _Scene, value_map: ValueMap, view: Viewpoint, config: CloudViewConfig) -> None:
    size = round(0.4 * config.height)
    center, edge = value_map.aabb_base.mean(axis=0), float((value_map.aabb_base[1] - value_map.aabb_base[0]).max())
    inset_view = close_up(center, edge, scene.cloud.xyz, view, _SUPERSAMPLE * size)
    patch = cv2.resize(scene.draw(inset_view, value_map), (size, size), interpolation=cv2.INTER_AREA)
    x, y = config.width - size - 16, 16
    layer.panel(x - 3, y - 3, x + size + 3, y + size + 27, alpha=235)
    layer.paste(x, y, np.clip(patch, 0, 255))
    layer.text(x + 6, y + size + 4, f"zoom: {100 * edge:.0f} cm cube", size=14, color=MUTED)


def _draw_words(layer: TextLayer, title: str, caption: str, config: CloudViewConfig) -> None:
    width = round(0.52 * config.width)
    lines = [(line, 21, True) for line in wrap(title, width, 21, bold=True)] if title else []
    lines += [(line, 15, False) for part in caption.split("\n") if part for line in wrap(part, width, 15)]
    if not lines:
        return
    right = max(text_width(words, size, bold) for words, size, bold in lines)
    height = sum(size + 9 for _, size, _ in lines)
    layer.panel(16, 14, 16 + right + 28, 14 + height + 14)
    y = 21
    for words, size, bold in lines:
        layer.text(30, y, words, size, INK if bold else (200, 208, 218), bold)
        y += size + 9


def _draw_legend(layer: TextLayer, scene: _Scene, config: CloudViewConfig) -> None:
    entries = [(PREDICTED_COLOR, False, f"predicted ({_jaw(scene.keyframe.gripper_open)})")]
    if scene.truth is not None:
        entries.append((TRUTH_COLOR, True, f"demonstrated ({_jaw(scene.truth_open)})"))
    bar_width = 130
    total = sum(30 + text_width(words, 14) + 18 for *_, words in entries)
    total += (bar_width + text_width("value low", 14) + text_width("high", 14) + 22) if scene.has_values else 0
    x, y = 16, config.height - 50
    layer.panel(x, y, x + total + 20, y + 36)
    x += 14
    for color, outline_only, words in entries:
        layer.swatch(x, y + 11, color, outline_only)
        x += 22 + layer.text(x + 22, y + 9, words, 14) + 22
    if scene.has_values:
        x += layer.text(x, y + 9, "value low", 14, MUTED) + 8
        ramp = value_glow.COLORMAP[np.linspace(0, 255, bar_width).astype(int)]
        layer.paste(x, y + 12, np.broadcast_to(ramp, (12, bar_width, 3)))
        layer.text(x + bar_width + 8, y + 9, "high", 14, MUTED)


def _jaw(is_open: bool) -> str:
    return "open" if is_open else "closed"
