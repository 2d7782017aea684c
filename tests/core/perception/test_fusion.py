"""The compiled fusion against a slow, obvious one; and every way in which input can be unusable."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynarend_core.benchmarks.scene import synthetic_views
from dynarend_core.errors import ConfigurationError, InvalidInputError, ObservationError
from dynarend_core.geometry import cameras, rotations, se3
from dynarend_core.perception.fusers import create_fuser
from dynarend_core.perception.fusion import CloudFuser, FusionConfig, fuse
from dynarend_core.perception.fusion_torch import TorchCloudFuser
from dynarend_core.types import CameraView

BOX = np.array([[-0.5, -0.5, 0.4], [0.5, 0.5, 1.4]])


def random_view(rng, name="front", height=24, width=32, stamp_ns=0):
    depth_m = rng.uniform(0.3, 1.6, (height, width)).astype(np.float32)
    rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    T = se3.make(rotations.matrix_from_rotation_vector(rng.normal(0, 0.3, 3)), rng.normal(0, 0.1, 3))
    return CameraView(name, rgb, depth_m, cameras.intrinsics_from_fov(width, height, 1.0), T, stamp_ns)


def reference_fusion(views, aabb, voxel_m):
    """Mean position and colour per voxel, in a dictionary, one point after the other."""
    voxels = {}
    for view in views:
        points = cameras.unproject(view.depth_m.astype(np.float64), view.K, view.T_base_camera).reshape(-1, 3)
        for point, color in zip(points, view.rgb.reshape(-1, 3), strict=True):
            if np.isfinite(point).all() and (point >= aabb[0]).all() and (point < aabb[1]).all():
                key = tuple(np.round(point / voxel_m).astype(int))
                voxels.setdefault(key, []).append((point, color.astype(float)))
    xyz = np.array([np.mean([p for p, _ in members], axis=0) for members in voxels.values()])
    rgb = np.array([np.mean([c for _, c in members], axis=0) for members in voxels.values()])
    return xyz, rgb


@pytest.mark.parametrize("voxel_m", [0.02, 0.1, 0.33])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_the_obvious_implementation_point_by_point(voxel_m, seed):
    rng = np.random.default_rng(seed)
    views = [random_view(rng), random_view(rng, height=17, width=40)]
    cloud = fuse(views, BOX, voxel_m)
    xyz, rgb = reference_fusion(views, BOX, voxel_m)
    assert len(cloud) == len(xyz) > 8
    np.testing.assert_allclose(cloud.xyz, xyz, atol=voxel_m / 2**16 + 2e-7)
    np.testing.assert_allclose(cloud.rgb, rgb, atol=0.5001)
    assert cloud.xyz.dtype == np.float32
    assert cloud.rgb.dtype == np.uint8


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(1, 4))
def test_any_number_of_threads_gives_the_same_bits(seed, threads, n_views):
    rng = np.random.default_rng(seed)
    views = [random_view(rng, height=int(rng.integers(1, 30)), width=int(rng.integers(1, 40))) for _ in range(n_views)]
    views.append(random_view(rng))
    one = CloudFuser(FusionConfig(BOX, 0.05)).fuse(views)
    many = CloudFuser(FusionConfig(BOX, 0.05, threads=threads)).fuse(views)
    np.testing.assert_array_equal(one.xyz, many.xyz)
    np.testing.assert_array_equal(one.rgb, many.rgb)


def test_frames_leave_no_trace_in_later_frames():
    rng = np.random.default_rng(0)
    first, second = random_view(rng), random_view(rng)
    fuser = CloudFuser(FusionConfig(BOX, 0.03))
    expected = fuser.fuse([second])
    fuser._workspaces[0].base = np.iinfo(np.int32).max - 1000  # the generations wrap around here
    for _ in range(3):
        fuser.fuse([first])
        again = fuser.fuse([second])
        np.testing.assert_array_equal(again.xyz, expected.xyz)
        np.testing.assert_array_equal(again.rgb, expected.rgb)


def test_invalid_depths_are_skipped_and_change_nothing_else():
    rng = np.random.default_rng(1)
    view = random_view(rng)
    bad = rng.random(view.depth_m.shape) < 0.4
    some = view.depth_m.copy()
    some[bad] = rng.choice(np.array([np.nan, np.inf, -np.inf, -0.7, 0.0, 99.0], np.float32), bad.sum())
    xyz, _ = reference_fusion([dataclasses.replace(view, depth_m=np.where(bad, np.nan, some))], BOX, 0.02)
    np.testing.assert_allclose(fuse([dataclasses.replace(view, depth_m=some)], BOX, 0.02).xyz, xyz, atol=2e-6)


def test_a_noisy_table_at_the_height_of_the_base_stays_one_layer():
    rng = np.random.default_rng(6)
    height, width = 48, 64
    down = se3.make(rotations.rotation_x(np.pi), np.array([0.0, 0.0, 1.0]))
    depth_m = rng.normal(1.0, 0.0005, (height, width)).astype(np.float32)
    K = cameras.intrinsics_from_fov(width, height, 0.5)
    view = CameraView("overhead", np.zeros((height, width, 3), np.uint8), depth_m, K, down)
    cloud = fuse([view], np.array([[-1.0, -1.0, -0.15], [1.0, 1.0, 0.85]]), 0.005)
    columns = np.unique(np.round(cloud.xyz[:, :2] / 0.005).astype(int), axis=0)
    assert len(cloud) == len(columns)


def test_voxels_do_not_move_with_the_box():
    view = random_view(np.random.default_rng(7))
    inner = BOX + np.array([[0.1], [-0.1]])
    whole, part = fuse([view], BOX, 0.02), fuse([view], inner, 0.02)
    clear = ((whole.xyz > inner[0] + 0.02) & (whole.xyz < inner[1] - 0.02)).all(axis=1)
    assert {tuple(p) for p in np.round(whole.xyz[clear], 4)} <= {tuple(p) for p in np.round(part.xyz, 4)}


def test_one_blind_camera_does_not_disturb_the_others():
    rng = np.random.default_rng(2)
    good = random_view(rng)
    blind = dataclasses.replace(random_view(rng, "wrist"), depth_m=np.full((24, 32), np.nan, np.float32))
    np.testing.assert_array_equal(fuse([blind, good], BOX).xyz, fuse([good], BOX).xyz)


def test_a_uniform_colour_stays_exactly_that_colour():
    rng = np.random.default_rng(3)
    view = random_view(rng)
    rgb = np.broadcast_to(np.array([1, 127, 255], np.uint8), view.rgb.shape)
    cloud = fuse([dataclasses.replace(view, rgb=rgb)], BOX, 0.3)
    assert (cloud.rgb == [1, 127, 255]).all()


def test_strided_images_are_read_correctly():
    rng = np.random.default_rng(4)
    view = random_view(rng, height=48, width=64)
    K = cameras.scale_intrinsics(view.K, 0.5)
    strided = dataclasses.replace(view, depth_m=view.depth_m[::2, ::2], rgb=view.rgb[::2, ::2, ::-1], K=K)
    packed = dataclasses.replace(strided, depth_m=strided.depth_m.copy(), rgb=strided.rgb.copy())
    np.testing.assert_array_equal(fuse([strided], BOX).rgb, fuse([packed], BOX).rgb)


def test_the_cloud_carries_the_newest_stamp_and_lies_in_the_box():
    rng = np.random.default_rng(5)
    cloud = fuse([random_view(rng, stamp_ns=7), random_view(rng, stamp_ns=5)], BOX, 0.01)
    assert cloud.stamp_ns == 7
    assert (cloud.xyz >= BOX[0] - 1e-6).all()
    assert (cloud.xyz <= BOX[1] + 1e-6).all()


def test_no_views_is_an_observation_error():
    with pytest.raises(ObservationError, match="no camera views"):
        fuse([])


def test_no_valid_depth_names_every_camera():
    rng = np.random.default_rng(0)
    views = [
        dataclasses.replace(random_view(rng, name), depth_m=np.full((24, 32), value, np.float32))
        for name, value in [("left_shoulder", np.nan), ("wrist", 0.0)]
    ]
    with pytest.raises(ObservationError, match=r"left_shoulder, wrist"):
        fuse(views, BOX)


def test_a_camera_that_looks_elsewhere_hints_at_its_extrinsics():
    with pytest.raises(ObservationError, match="extrinsics"):
        fuse([random_view(np.random.default_rng(0))], BOX + 50.0)


@pytest.mark.parametrize(
    "change",
    [
        {"depth_m": np.ones((24, 32))},
        {"depth_m": np.ones((24, 32), np.uint16)},
        {"rgb": np.zeros((24, 32, 3), np.float32)},
        {"K": np.full((3, 3), np.nan)},
        {"T_base_camera": np.diag([2.0, 1.0, 1.0, 1.0])},
    ],
)
def test_wrong_types_and_calibrations_are_refused_by_name(change):
    view = dataclasses.replace(random_view(np.random.default_rng(0)), **change)
    with pytest.raises(InvalidInputError, match="front"):
        fuse([view], BOX)


@pytest.mark.parametrize(
    "arguments",
    [
        {"aabb_base": BOX[::-1]},
        {"aabb_base": np.zeros(6)},
        {"voxel_m": 0.0},
        {"voxel_m": 1e-4},
        {"threads": 0},
        {"max_depth_m": -1.0},
    ],
)
def test_impossible_configurations_are_refused(arguments):
    with pytest.raises(ConfigurationError):
        FusionConfig(**{"aabb_base": BOX, **arguments})


def sorted_cloud(cloud):
    order = np.lexsort(np.round(cloud.xyz / 0.05).astype(int).T)
    return cloud.xyz[order], cloud.rgb[order].astype(int)


SPHERES = np.array([[0.0, 0.0, 0.8, 0.2], [0.2, 0.1, 1.0, 0.1]])


@pytest.mark.parametrize("flying_ratio", [0.0, 0.3])
@pytest.mark.parametrize("without", [None, SPHERES])
def test_torch_gives_the_same_cloud(flying_ratio, without):
    rng = np.random.default_rng(11)
    views = [random_view(rng, height=48, width=64), random_view(rng, "side", height=30, width=50)]
    views[0].depth_m[rng.random((48, 64)) < 0.1] = np.nan
    config = FusionConfig(BOX, 0.05, flying_ratio=flying_ratio)
    ours, theirs = CloudFuser(config).fuse(views, without), TorchCloudFuser(config, "cpu").fuse(views, without)
    again = TorchCloudFuser(config, "cpu")
    again.fuse(views[1:])
    assert len(ours) == len(theirs) == len(again.fuse(views, without)) > 50
    for a, b, atol in zip(sorted_cloud(ours), sorted_cloud(theirs), (1e-5, 1), strict=True):
        np.testing.assert_allclose(a, b, atol=atol)


def test_spheres_cut_the_robot_out_and_nothing_else():
    view = random_view(np.random.default_rng(8), height=48, width=64)
    fuser = CloudFuser(FusionConfig(BOX, 0.02))
    whole, cut = fuser.fuse([view]), fuser.fuse([view], SPHERES)
    distance = np.linalg.norm(whole.xyz[:, None] - SPHERES[:, :3], axis=2)
    outside = (distance >= SPHERES[:, 3]).all(axis=1)
    assert 0 < outside.sum() < len(whole)
    np.testing.assert_array_equal(cut.xyz, whole.xyz[outside])
    np.testing.assert_array_equal(cut.rgb, whole.rgb[outside])
    with pytest.raises(ObservationError, match="robot itself"):
        fuser.fuse([view], np.array([[0.0, 0.0, 1.0, 9.0]]))


def test_pixels_between_surfaces_go_and_the_surfaces_stay_up_to_their_edges():
    height, width = 40, 60
    depth_m = np.full((height, width), 0.9, np.float32)
    depth_m[:, :30] = 0.6
    depth_m[:, 29:31] = [0.7, 0.8]  # a smeared edge: two flying columns
    depth_m[5, 45] = 0.75  # a speckle
    K = cameras.intrinsics_from_fov(width, height, 0.8)
    view = CameraView("front", np.zeros((height, width, 3), np.uint8), depth_m, K, se3.make())
    cloud = CloudFuser(FusionConfig(BOX, 0.01, flying_ratio=0.03)).fuse([view])
    assert {0.6, 0.9} == set(np.round(cloud.xyz[:, 2].astype(float), 2).tolist())
    clean = depth_m.copy()
    clean[:, 29:31] = np.nan
    clean[5, 45] = np.nan
    expected = fuse([dataclasses.replace(view, depth_m=clean)], BOX, 0.01)
    np.testing.assert_allclose(np.sort(cloud.xyz[:, 0]), np.sort(expected.xyz[:, 0]), atol=1e-6)


def test_the_flying_filter_keeps_a_steep_table():
    view = random_view(np.random.default_rng(9))
    rows = np.linspace(0.5, 1.3, 24, dtype=np.float32)
    steep = dataclasses.replace(view, depth_m=np.repeat(rows[:, None], 32, axis=1))
    with_filter = CloudFuser(FusionConfig(BOX, 0.02, flying_ratio=0.1)).fuse([steep])
    np.testing.assert_array_equal(with_filter.xyz, fuse([steep], BOX, 0.02).xyz)


def balls_on_a_table(width=160, height=120):
    return synthetic_views(width=width, height=height)


def test_normals_are_those_of_the_surface_and_point_to_who_saw_it():
    cloud = CloudFuser(FusionConfig(voxel_m=0.01, normals=True, threads=2)).fuse(balls_on_a_table())
    table = (np.abs(cloud.xyz[:, 2]) < 0.003) & np.isfinite(cloud.normals).all(axis=1)
    assert table.sum() > 1000
    np.testing.assert_allclose(np.linalg.norm(cloud.normals[table], axis=1), 1.0, atol=1e-5)
    assert np.median(cloud.normals[table][:, 2]) > 0.999  # cameras above see it from above
    assert (cloud.normals[table][:, 2] > 0.9).mean() > 0.95


def test_normals_are_computed_on_request_only_and_change_nothing_else():
    views = balls_on_a_table(64, 48)
    plain = CloudFuser(FusionConfig(voxel_m=0.02)).fuse(views)
    fuser = CloudFuser(FusionConfig(voxel_m=0.02, normals=True))
    for without in (None, np.array([[0.45, 0.0, 0.0, 0.1]])):
        cloud = fuser.fuse(views, without)
        assert plain.normals is None
        assert cloud.normals.shape == cloud.xyz.shape
    np.testing.assert_array_equal(fuser.fuse(views).xyz, plain.xyz)
    lonely = dataclasses.replace(views[0], depth_m=np.full((48, 64), np.nan, np.float32))
    lonely.depth_m[20, 20] = views[0].depth_m[20, 20]
    assert np.isnan(fuser.fuse([lonely]).normals).all()


@pytest.mark.parametrize("without", [None, np.array([[0.45, 0.0, 0.0, 0.1]])])
def test_torch_gives_the_same_normals(without):
    views, config = balls_on_a_table(), FusionConfig(voxel_m=0.02, normals=True)
    ours, theirs = CloudFuser(config).fuse(views, without), TorchCloudFuser(config, "cpu").fuse(views, without)
    ranks = [{tuple(k): i for i, k in enumerate(np.round(c.xyz / 0.02).astype(int).tolist())} for c in (ours, theirs)]
    both = sorted(ranks[0].keys() & ranks[1].keys())
    assert len(both) > 0.999 * len(ours)
    a, b = ours.normals[[ranks[0][k] for k in both]], theirs.normals[[ranks[1][k] for k in both]]
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    known = np.isfinite(a).all(axis=1)
    # a point on the border of two voxels, or between two cameras, may fall to either side
    assert (np.einsum("ij,ij->i", a[known], b[known]) > 0.9999).mean() > 0.995


def test_the_device_chooses_the_fuser_and_a_missing_gpu_is_named(monkeypatch):
    assert isinstance(create_fuser(FusionConfig(), "cpu"), CloudFuser)
    with pytest.raises(ConfigurationError, match="cpu, cuda"):
        create_fuser(FusionConfig(), "tpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="no GPU"):
        create_fuser(FusionConfig(), "cuda")
