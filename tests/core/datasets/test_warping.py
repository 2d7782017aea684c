"""Warped views agree with what a camera there would have seen, and own up to what they cannot know.

The scene is ray-cast: a table, and a floating square above it that hides a part of the table from each camera.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from dynarend_core.datasets.records import FrameRecord
from dynarend_core.datasets.warped_views import WarpedViews
from dynarend_core.datasets.warping import warped_view
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.orbit import ORBIT_MAX_RAD, turned, workspace_centre
from dynarend_core.geometry.rotations import rotation_angle, rotation_x
from dynarend_core.types import CameraView, GripperState

SIZE = 96
K = np.array([[110.0, 0, SIZE / 2], [0, 110.0, SIZE / 2], [0, 0, 1]])
CENTRE = workspace_centre()
ABOVE = se3.make(rotation_x(np.pi), CENTRE + np.array([0, 0, 1.2]))
TABLE, SQUARE = 0.0, 0.3  # heights [m]
HALF = 0.08


def seen(T: np.ndarray, name: str = "front") -> CameraView:
    """What a camera sees: the table with a pattern in green, the square in red."""
    rows, columns = np.mgrid[:SIZE, :SIZE] + 0.5
    rays = (
        np.stack([(columns - K[0, 2]) / K[0, 0], (rows - K[1, 2]) / K[1, 1], np.ones((SIZE, SIZE))], -1) @ T[:3, :3].T
    )
    depth, rgb = np.full((SIZE, SIZE), np.inf), np.zeros((SIZE, SIZE, 3), np.uint8)
    for height, half in ((TABLE, 2.0), (SQUARE, HALF)):
        z = (height - T[2, 3]) / rays[..., 2]
        xy = T[:2, 3] + rays[..., :2] * z[..., None] - CENTRE[:2]
        hit = (np.abs(xy) < half).all(-1) & (z > 0) & (z < depth)
        depth[hit] = z[hit]
        green = (120 + 60 * np.sin(9 * xy[..., 0])).astype(np.uint8)
        red = np.full_like(green, 200)
        colour = np.stack([red, 0 * red, 0 * red] if height == SQUARE else [0 * green, green, 0 * green], -1)
        rgb[hit] = colour[hit]
    return CameraView(name, rgb, np.where(np.isfinite(depth), depth, np.nan).astype(np.float32), K, T)


def turn(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    return turned(ABOVE, np.array(axis), np.deg2rad(degrees))


def test_the_same_pose_gives_the_same_picture() -> None:
    view = seen(ABOVE)
    again = warped_view([view], "again", K, ABOVE, (SIZE, SIZE))
    known = np.isfinite(again.depth_m)
    np.testing.assert_allclose(again.depth_m[known], view.depth_m[known], atol=1e-5)
    assert np.abs(again.rgb[known].astype(int) - view.rgb[known]).max() <= 1
    edge = np.isfinite(view.depth_m) & ~known
    assert edge.mean() < 0.06  # the border, and the pixels around the square's edge


@pytest.mark.parametrize("degrees", [10.0, 20.0, 30.0])
def test_one_camera_gives_right_pixels_and_leaves_out_what_it_did_not_see(degrees: float) -> None:
    T = turn((0.0, 1.0, 0.0), degrees)
    truth, warped = seen(T), warped_view([seen(ABOVE)], "warp", K, T, (SIZE, SIZE))
    known = np.isfinite(warped.depth_m)
    assert known.mean() > 0.45
    assert np.quantile(np.abs(warped.depth_m - truth.depth_m)[known], 0.99) < 5e-3
    assert np.quantile(np.abs(warped.rgb.astype(int) - truth.rgb)[known], 0.99) < 12
    on_square = truth.rgb[..., 0] > 100
    inner = binary_erosion(on_square)  # the source's own outline is half a pixel uncertain
    assert not (known & inner & (warped.rgb[..., 0] < 100)).any(), "the table shines through the square"
    assert (known & on_square).sum() > 0.8 * on_square.sum()
    hidden = ~on_square & (np.linalg.norm(truth_shadow(truth), axis=-1, ord=np.inf) < 0.9 * HALF / 0.75)
    assert hidden.sum() > 20
    assert not known[hidden].any(), "the table under the square was not seen"
    assert (warped.rgb[~known] == 0).all()


def truth_shadow(view: CameraView) -> np.ndarray:
    """Where on the table pixels look, from the centre of the shadow that the camera above casts: (h, w, 2)."""
    from dynarend_core.geometry.cameras import unproject

    return unproject(view.depth_m, view.K, view.T_base_camera)[..., :2] - CENTRE[:2]


def test_a_second_camera_fills_the_hole_of_the_first() -> None:
    T, other = turn((0.0, 1.0, 0.0), 20.0), turn((0.0, 1.0, 0.0), 35.0)
    alone = warped_view([seen(ABOVE)], "w", K, T, (SIZE, SIZE))
    both = warped_view([seen(ABOVE), seen(other, "side")], "w", K, T, (SIZE, SIZE))
    truth, known = seen(T), np.isfinite(both.depth_m)
    assert known.sum() > np.isfinite(alone.depth_m).sum() + 50
    assert np.quantile(np.abs(both.depth_m - truth.depth_m)[known], 0.99) < 5e-3


def test_the_unseen_back_of_a_surface_hides_what_is_behind_it() -> None:
    """A camera below the square's level sees the square from its back: no colour is known, and the table is hidden."""
    flipped = se3.make(np.eye(3), CENTRE + np.array([0, 0, -0.9]))
    looking_up = seen(turned(ABOVE, np.array([0.0, 1.0, 0.0]), 0.0))
    warped = warped_view([looking_up], "below", K, flipped, (SIZE, SIZE))
    assert np.isnan(warped.depth_m).all(), "table and square both turn their backs"


def test_missing_depth_stays_missing() -> None:
    view = seen(ABOVE)
    view.depth_m[:, : SIZE // 2] = np.nan
    warped = warped_view([view], "w", K, ABOVE, (SIZE, SIZE))
    assert np.isnan(warped.depth_m[:, : SIZE // 2]).all()
    assert np.isfinite(warped.depth_m[:, SIZE // 2 + 2 :]).mean() > 0.9


def test_the_source_turns_outer_cameras_only_and_repeats_itself() -> None:
    inner = seen(se3.make(rotation_x(np.pi), CENTRE), "wrist")
    gripper = GripperState(se3.make(rotation_x(np.pi), CENTRE + np.array([0.02, 0, -0.1])), True)
    frame = FrameRecord((inner, seen(ABOVE)), gripper, np.zeros(7))
    first, second = (WarpedViews(3).views(frame, np.random.default_rng(4)) for _ in range(2))
    assert [v.name for v in first] == ["warp0", "warp1", "warp2"]
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.rgb, b.rgb)
        np.testing.assert_array_equal(a.T_base_camera, b.T_base_camera)
        assert 0 < rotation_angle(a.T_base_camera[:3, :3], ABOVE[:3, :3]) <= ORBIT_MAX_RAD + 1e-9
        assert np.isfinite(a.depth_m).mean() > 0.4
    alone = FrameRecord((inner,), gripper, np.zeros(7))
    with pytest.raises(DatasetError, match=r"from the gripper.*wrist"):
        WarpedViews(1).views(alone, np.random.default_rng(0))
