"""Every fault of a camera is named, and nothing else is."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from dynarend_core.errors import DynaRendError, InvalidInputError
from dynarend_core.geometry import se3
from dynarend_core.geometry.transform_tree import TransformTree
from dynarend_core.perception.synchronizer import CameraCounters
from dynarend_ros.camera_assembler import CameraAssembler, RawFrame
from dynarend_ros.camera_input import CameraInput
from dynarend_ros.camera_poses import TfPoses
from dynarend_ros.conversions import (
    camera_info_to_message,
    depth_to_message,
    rgb_to_message,
    transform_to_message,
)
from dynarend_ros.frame_checks import FrameChecks, FrameLimits
from dynarend_ros.fusion_parameters import FusionParameters
from dynarend_ros.rate_meter import RateMeter

W, H, S = 32, 24, 1_000_000_000
K = np.array([[30.0, 0.0, W / 2], [0.0, 30.0, H / 2], [0.0, 0.0, 1.0]])
STRICT = FrameLimits(max_age_s=1.0, max_future_s=0.1, min_brightness=3.0, detect_frozen=True)


def frame(seed=0, depth=None, rgb=None, K=K, size=(W, H)):
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 1.0, (H, W)) if depth is None else depth
    rgb = rng.integers(0, 256, (H, W, 3), dtype=np.uint8) if rgb is None else rgb
    info = camera_info_to_message(K, *size, "optical", 0)
    pose = transform_to_message(se3.make(), "base", "optical", 0)
    return RawFrame("front", 0, rgb_to_message(rgb, "optical", 0), depth_to_message(depth, "optical", 0), info, pose)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"depth": np.full((H, W), np.nan)}, "0.0 % of the depth"),
        ({"rgb": np.zeros((H, W, 3), np.uint8)}, "black"),
        ({"size": (640, 480)}, "for 640x480 images, they are 32x24"),
        ({"K": np.array([[60.0, 0, W / 2], [0, 60, H / 2], [0, 0, 1]])}, r"changed while it ran \(fx 30.0 to 60.0\)"),
        ({"K": np.array([[30.0, 0, 400], [0, 30, 12], [0, 0, 1]])}, "principal point"),
        ({"K": np.diag([0.0, 0.0, 1.0])}, "principal point|not calibrated"),
    ],
)
def test_a_fault_is_named_and_gone_with_the_next_good_image(bad, says):
    checks = FrameChecks(STRICT)
    checks.view(frame(0))
    with pytest.raises(DynaRendError, match=says):
        checks.view(frame(1, **bad))
    assert checks.view(frame(2)).name == "front"


def test_a_repeated_image_is_frozen_only_where_that_is_asked():
    strict, lenient = FrameChecks(STRICT), FrameChecks(dataclasses.replace(STRICT, detect_frozen=False))
    for checks in (strict, lenient):
        checks.view(frame(0))
        checks.view(frame(1))
    with pytest.raises(DynaRendError, match="frozen"):
        strict.view(frame(1))
    lenient.view(frame(1))
    strict.view(frame(2))


def test_depth_that_stands_still_under_living_colour_is_frozen():
    checks = FrameChecks(STRICT)
    for seed in range(4):
        checks.view(frame(seed))
        checks.view(dataclasses.replace(frame(10 + seed), depth=frame(seed).depth))  # one was lost
    with pytest.raises(DynaRendError, match="repeats the same depth image"):
        checks.view(dataclasses.replace(frame(20), depth=frame(3).depth))


def test_depth_that_is_missing_twice_is_missing_not_frozen():
    checks = FrameChecks(STRICT)
    for seed in range(3):
        with pytest.raises(DynaRendError, match=r"0\.0 % of the depth"):
            checks.view(frame(seed, depth=np.full((H, W), np.nan)))


def test_images_of_a_lens_with_distortion_are_refused_with_the_remedy():
    bent = frame(0)
    bent.info.d = [-0.0565, 0.0682, 0.0, 0.0, 0.0]
    with pytest.raises(InvalidInputError, match=r"'optical' has distortion, d = \[-0.0565, 0.0682.*rectify"):
        FrameChecks(STRICT).view(bent)


def test_another_image_size_may_bring_other_intrinsics():
    checks = FrameChecks(STRICT)
    checks.view(frame(0))
    big = {"depth": np.full((2 * H, 2 * W), 0.7), "rgb": np.full((2 * H, 2 * W, 3), 90, np.uint8)}
    scaled = np.diag([2.0, 2.0, 1.0]) @ K
    assert checks.view(frame(1, **big, K=scaled, size=(2 * W, 2 * H))).depth_m.shape == (2 * H, 2 * W)


def test_stamps_are_judged_against_the_clock_unless_switched_off():
    checks = FrameChecks(STRICT)
    assert checks.check_stamp(10 * S, 10 * S) == ""
    assert "5.00 s in the future" in checks.check_stamp(15 * S, 10 * S)
    assert "3.00 s old" in checks.check_stamp(7 * S, 10 * S)
    assert FrameChecks(FrameLimits()).check_stamp(99 * S, 0) == ""


class Tree:
    """A TransformTree under the names of dynarend_ros.transforms."""

    def __init__(self):
        self.tree = TransformTree()
        self.lookups = 0

    def lookup(self, target, source, stamp_ns=None):
        self.lookups += 1
        return self.tree.lookup(target, source, stamp_ns)

    def moves(self, target, source):
        return self.tree.newest_ns(target, source) is not None


def shifted(x):
    return se3.make(t=np.array([x, 0.0, 0.0]))


def test_a_wrist_image_waits_for_the_pose_of_its_moment_and_gets_it_interpolated():
    transforms = Tree()
    poses = TfPoses(transforms, "base", moving=True)
    assembler = CameraAssembler("wrist", poses)
    transforms.tree.set("base", "optical", shifted(1.0), 1 * S)
    f = frame()
    f.colour.header.stamp.nanosec = f.depth.header.stamp.nanosec = S // 2
    f.colour.header.stamp.sec = f.depth.header.stamp.sec = 1
    assert assembler.add_info(f.info) + assembler.add_colour(f.colour) + assembler.add_depth(f.depth) == []
    assert "later" in assembler.missing()
    transforms.tree.set("base", "optical", shifted(2.0), 2 * S)
    (complete,) = assembler.complete()
    np.testing.assert_allclose(complete.transform.transform.translation.x, 1.5)
    assert assembler.missing() == ""


def test_a_camera_on_the_arm_is_looked_up_at_its_stamp_though_nobody_called_it_moving():
    transforms = Tree()
    poses = TfPoses(transforms, "base", moving=False)
    transforms.tree.set("hand", "optical", shifted(0.5), 0, static=True)
    for second in (1, 2):
        transforms.tree.set("base", "hand", shifted(float(second)), second * S)
    for stamp_ns, x in ((S, 1.5), (S * 5 // 4, 1.75), (S * 3 // 2, 2.0)):
        np.testing.assert_allclose(poses.at("optical", stamp_ns).transform.translation.x, x)
    assert poses.at("optical", 3 * S) is None
    assert "later" in poses.problem


def test_a_fixed_camera_is_looked_up_once_a_second_and_its_new_place_noticed():
    transforms = Tree()
    poses = TfPoses(transforms, "base", moving=False)
    assert poses.at("optical", 0) is None
    assert "not known" in poses.problem
    transforms.tree.set("base", "optical", shifted(1.0), 0, static=True)
    transforms.lookups = 0
    for i in range(30):
        assert poses.at("optical", i * S // 30).transform.translation.x == 1.0
    assert transforms.lookups == 1
    transforms.tree.set("base", "optical", shifted(2.0), 0, static=True)
    assert poses.at("optical", 2 * S).transform.translation.x == 2.0


def test_an_unplugged_camera_is_called_silent_before_its_old_complaint():
    node = SimpleNamespace(create_subscription=lambda *_: None)
    camera = CameraInput(node, "front", FusionParameters(), None, lambda _frame: None)
    camera._assembler.missing = lambda: ""
    camera.problem = "it is frozen"
    heard = CameraCounters(last_arrival_s=100.0)
    assert camera.describe(heard, 0.0, 100.1).message == "it is frozen"
    assert camera.describe(heard, 0.0, 103.0).message == "no frame for 3.0 s; it is frozen"
    camera.problem = "no frame"
    assert camera.describe(heard, 0.0, 103.0).message == "no frame for 3.0 s"
    half = "no depth images with the stamps of the colour images"  # the cable went between the two
    camera._assembler.missing = lambda: half
    assert camera.describe(heard, 0.0, 103.0).message == f"no frame for 3.0 s; {half}"
    assert camera.describe(CameraCounters(), 0.0, 103.0).message == f"no frame yet; {half}"


def test_a_decode_error_is_typed():
    bad = frame()
    bad.depth.encoding = "8UC1"
    with pytest.raises(InvalidInputError, match="8UC1"):
        FrameChecks(STRICT).view(bad)


def test_the_rate_follows_the_events_and_falls_to_zero_in_silence():
    meter = RateMeter(window_s=2.0)
    assert meter.rate_hz(0.0) == 0.0
    for i in range(40):
        meter.add(i / 10)
    assert abs(meter.rate_hz(3.9) - 10.0) < 0.6
    assert meter.rate_hz(4.9) < 6.0
    assert meter.rate_hz(7.0) == 0.0
