"""Object maps name what is seen, and target views see the same scene from elsewhere."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree

from dynarend_core.geometry import cameras
from dynarend_core.geometry.orbit import workspace_centre
from dynarend_core.perception.fusion import fuse
from dynarend_core.sim.mujoco.cameras import CAMERAS, FIXED_CAMERAS
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.expert import demonstrate
from dynarend_core.sim.mujoco.world import MujocoWorld

SEEN = {
    "turn_tap": {"left tap", "right tap", "tap"},
    "light_bulb_in": {"bulb in the red holder", "red holder", "lamp"},
    "place_wine_at_rack_location": {
        "left slot of the rack",
        "middle slot of the rack",
        "right slot of the rack",
        "wine bottle",
        "wine rack",
    },
    "put_groceries_in_cupboard": {"crackers", "strawberry jello", "soup", "spam", "coffee", "mustard", "sugar"},
    "put_money_in_safe": {"bottom shelf of the safe", "top shelf of the safe", "money"},
    "put_item_in_drawer": {"bottom drawer", "top drawer handle", "item"},
    "place_shape_in_shape_sorter": {"slot of the cube", "slot of the moon", "cube", "moon", "shape sorter"},
    "place_cups": {"cup", "handle of the cup", "spoke of the cup holder", "cup holder"},
    "stack_cups": {"red cup"},
    "close_jar": {"red jar", "lid"},
    "push_buttons": {"maroon button", "green button", "blue button"},
    "open_drawer": {"bottom drawer", "middle drawer", "top drawer handle", "cabinet"},
    "slide_block_to_color_target": {"red block", "green target", "blue target", "pink target", "yellow target"},
    "meat_off_grill": {"steak", "chicken", "grill", "shelf of the grill"},
    "insert_onto_square_peg": {"red spoke", "base", "ring", "tab of the ring"},
    "reach_and_drag": {"red target", "cube", "stick", "black end of the stick"},
    "stack_blocks": {"red block", "green square"},
    "sweep_to_dustpan_of_size": {"tall dustpan", "short dustpan", "broom", "handle of the broom"},
}


@pytest.mark.parametrize("task", SEEN)
def test_every_object_is_named_and_seen(world: MujocoWorld, task: str) -> None:
    world.reset(task, 0, 1)
    names = np.array(["", *world.object_names])
    assert {*SEEN[task], "robot arm", "gripper", "table", "floor", "wall"} <= set(names)
    seen = {str(name) for ids in world.object_ids() for name in names[np.unique(ids)]}
    assert {*SEEN[task], "robot arm", "gripper", "table", "floor"} <= seen


def test_maroon_pixels_are_the_maroon_button(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 3)
    number = world.object_names.index("maroon button") + 1
    for view, ids in zip(world.views(), world.object_ids(), strict=True):
        rgb = view.rgb.astype(int)
        maroon = rgb[..., 0] > 2 * rgb[..., 1:].max(-1) + 20
        base = np.ptp(rgb, axis=-1) < 25  # the dark grey plate under the cap
        assert view.name == "wrist" or maroon.sum() > 2
        assert (ids[maroon] == number).all(), view.name
        assert (maroon | base)[ids == number].all(), view.name


def test_pixels_without_depth_or_beyond_the_scene_are_nothing_but_room(world: MujocoWorld) -> None:
    world.reset("meat_off_grill", 0, 2)
    names = np.array(["", *world.object_names])
    for view, ids in zip(world.views(), world.object_ids(), strict=True):
        heights = cameras.unproject(view.depth_m, view.K, view.T_base_camera)[..., 2]
        assert set(names[ids[np.isnan(heights)]]) <= {"", "floor", "wall"}
        assert np.abs(heights[names[ids] == "table"]).max() < 0.05


def test_a_target_view_sees_the_cloud_of_the_input_views(world: MujocoWorld) -> None:
    world.reset("open_drawer", 1, 5)
    tree, rng = cKDTree(fuse(world.views()).xyz), np.random.default_rng(0)
    poses = []
    for i in range(6):
        view, ids = world.orbit_view(f"orbit{i}", rng)
        assert view.name == f"orbit{i}"
        points = cameras.unproject(view.depth_m, view.K, view.T_base_camera).reshape(-1, 3)
        inside = (np.abs(points - workspace_centre()) < 0.45).all(axis=1)
        distance, _ = tree.query(points[inside])
        assert np.median(distance) < 0.01
        assert (distance < 0.03).mean() > 0.6  # the rest no input camera sees
        drawers = [world.object_names.index(f"{level} drawer") + 1 for level in ("bottom", "middle", "top")]
        assert ids.shape == view.depth_m.shape
        assert {*drawers, world.object_names.index("cabinet") + 1} & set(np.unique(ids))
        poses.append(view.T_base_camera)
    assert len({T[:3, 3].round(4).tobytes() for T in poses}) == 6


def test_orbits_stay_within_30_degrees_of_a_fixed_camera(world: MujocoWorld) -> None:
    world.reset("push_buttons", 0, 0)
    centre, rng = workspace_centre(), np.random.default_rng(1)
    bases = [v.T_base_camera[:3, 3] - centre for v in world.views(FIXED_CAMERAS)]
    K = world.views(("front",))[0].K
    nearest = []
    for _ in range(30):
        view, _ = world.orbit_view("orbit0", rng)
        outward = view.T_base_camera[:3, 3] - centre
        angles = [np.arccos(b @ outward / np.linalg.norm(b) / np.linalg.norm(outward)) for b in bases]
        base = int(np.argmin(np.abs([np.linalg.norm(b) - np.linalg.norm(outward) for b in bases]) + np.array(angles)))
        assert min(angles) < np.deg2rad(30.01)
        assert np.isclose(np.linalg.norm(outward), [np.linalg.norm(b) for b in bases], atol=1e-6).any()
        np.testing.assert_array_equal(view.K, K)
        nearest.append(base)
    assert set(nearest) == {0, 1, 2}


def test_recording_targets_changes_nothing_else_and_repeats_itself(environment: MujocoEnvironment) -> None:
    task = "slide_block_to_color_target"
    plain = demonstrate(environment, task, 33).episode
    first, second = (demonstrate(environment, task, 33, target_views=2).episode for _ in range(2))
    assert plain is not None
    assert first is not None
    assert second is not None
    for a, b, c in zip(plain.frames, first.frames, second.frames, strict=True):
        assert [v.name for v in b.targets] == ["orbit0", "orbit1"]
        assert len(b.object_ids) == len(CAMERAS) + 2
        np.testing.assert_array_equal(a.q, b.q)
        for u, v in zip(a.views, b.views, strict=True):
            np.testing.assert_array_equal(u.rgb, v.rgb)
        for u, v in zip(b.targets, c.targets, strict=True):
            np.testing.assert_array_equal(u.rgb, v.rgb)
            np.testing.assert_array_equal(u.T_base_camera, v.T_base_camera)
        for x, y in zip(b.object_ids, c.object_ids, strict=True):
            np.testing.assert_array_equal(x, y)
    positions = [f.targets[0].T_base_camera[:3, 3] for f in first.frames]
    assert min(np.linalg.norm(p - q) for p, q in itertools.pairwise(positions)) > 1e-3
    assert not demonstrate(environment, task, 33, masks=False).episode.frames[0].object_ids  # type: ignore[union-attr]
