"""The picture shows what it claims: the grippers and the glow lie where the poses and the values are."""

import numpy as np
import pytest

from dynarend_core.errors import InvalidInputError
from dynarend_core.geometry import aabb, rotations, se3
from dynarend_core.geometry.cameras import project
from dynarend_core.types import Keyframe, PointCloud, Prediction, ValueMap
from dynarend_core.visualization import CloudViewConfig, gripper_shape, render_cloud_with_value_map, value_glow
from dynarend_core.visualization.splat import look_at

SMALL = CloudViewConfig(width=300, height=240)
TIP = se3.make(rotations.rotation_x(np.pi), np.array([0.4, 0.1, 0.2]))


def table(n: int = 60) -> PointCloud:
    x, y = np.meshgrid(np.linspace(0.0, 0.8, n), np.linspace(-0.4, 0.4, n))
    xyz = np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1).astype(np.float32)
    return PointCloud(xyz, np.full((n * n, 3), 120, dtype=np.uint8))


def peaked_map(position: np.ndarray, edge: float, n: int = 16) -> ValueMap:
    box = aabb.cube(position + 0.1 * edge, edge)
    grid = np.stack(np.meshgrid(*aabb.cell_centers(box, n), indexing="ij"), axis=-1)
    p = np.exp(-((grid - position) ** 2).sum(-1) / (2 * (0.08 * edge) ** 2))
    return ValueMap((p / p.sum()).astype(np.float32), box)


def prediction() -> Prediction:
    maps = (peaked_map(TIP[:3, 3], 1.0), peaked_map(TIP[:3, 3], 0.3))
    return Prediction(Keyframe(TIP, True), 0.9, maps)


def test_a_full_picture_has_its_size_and_both_grippers():
    far = TIP.copy()
    far[1, 3] -= 0.2
    plain = render_cloud_with_value_map(table(), prediction(), title="t", config=SMALL)
    both = render_cloud_with_value_map(table(), prediction(), far, title="t", config=SMALL)
    assert plain.shape == both.shape == (240, 300, 3)
    assert plain.dtype == np.uint8

    def green(image: np.ndarray) -> int:
        body = image[:200].astype(int)  # without the legend
        return int(((body[..., 1] > 180) & (body[..., 0] < 190) & (body[..., 2] < 180)).sum())

    def blue(image: np.ndarray) -> int:
        body = image[:200].astype(int)
        return int(((body[..., 2] > 150) & (body[..., 0] < 90)).sum())

    assert green(both) > green(plain) + 30
    assert min(blue(plain), blue(both)) > 100


def test_a_prediction_without_value_maps_is_drawn_too():
    image = render_cloud_with_value_map(table(), Prediction(Keyframe(TIP, False), 0.5, ()), config=SMALL)
    assert image.std() > 5


def test_an_empty_cloud_is_refused():
    empty = PointCloud(np.empty((0, 3), np.float32), np.empty((0, 3), np.uint8))
    with pytest.raises(InvalidInputError, match="empty cloud"):
        render_cloud_with_value_map(empty, prediction())


def test_the_glow_is_brightest_where_the_value_is():
    view = look_at(np.array([1.6, 0.3, 0.9]), np.array([0.4, 0.0, 0.1]), np.deg2rad(40), 320, 240)
    glow = value_glow.add_glow(np.zeros((240, 320, 3)), peaked_map(TIP[:3, 3], 1.0, 32), view).sum(axis=-1)
    (uv, *_), _ = project(TIP[None, :3, 3], view.K, view.T_base_camera)
    row, column = np.unravel_index(glow.argmax(), glow.shape)
    assert np.hypot(column - uv[0], row - uv[1]) < 10
    assert glow[0, 0] == 0


def test_heat_is_one_at_the_peak_and_zero_outside_the_map():
    value_map = peaked_map(np.array([0.4, 0.1, 0.2]), 0.3)
    heat = value_glow.heat_of_points(value_map, np.array([[0.4, 0.1, 0.2], [0.4, 0.1, 0.26], [2.0, 0.0, 0.0]]))
    assert heat[0] > 0.9
    assert 0 < heat[1] < heat[0]
    assert heat[2] == 0


def test_the_gripper_shape_surrounds_the_tip_frame():
    for is_open, gap in ((True, 0.08), (False, 0.008)):
        xyz, rgb = gripper_shape.surface(np.eye(4), is_open, np.array([255.0, 255, 255]), 0.002)
        fingers = xyz[xyz[:, 2] > -0.05]
        assert np.abs(fingers[:, 1]).min() == pytest.approx(gap / 2)
        assert xyz[:, 2].max() == pytest.approx(0.01)
        assert rgb.min() >= 0
        assert rgb.max() <= 255
    moved, _ = gripper_shape.surface(TIP, True, np.zeros(3), 0.01)
    still, _ = gripper_shape.surface(np.eye(4), True, np.zeros(3), 0.01)
    np.testing.assert_allclose(moved, se3.apply(TIP, still))
    assert gripper_shape.edges(TIP, True).shape == (4 * 12, 2, 3)
