"""The real pyrealsense2 with software devices: what is put in comes out, cables are pulled, recordings play."""

import dataclasses
import threading
import time

import cv2
import numpy as np
import pytest

from dynarend_core.errors import CameraError, ConfigurationError
from dynarend_core.geometry import se3
from dynarend_core.perception import software_cameras
from dynarend_core.perception.camera_stream import CameraStream, StartGate
from dynarend_core.perception.realsense import RealSenseCamera
from dynarend_core.perception.realsense_config import Profile, RealSenseConfig, parse_filters
from dynarend_core.perception.realsense_sources import Recordings
from dynarend_core.perception.software_cameras import SoftwareCameras
from dynarend_core.types import CameraView

W, H, FPS = 160, 120, 30
NAMES = ("front", "side")


def view(name, seed=0):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:H, 0:W]
    depth_m = (0.6 + 0.001 * rows + 0.0005 * columns).astype(np.float32)
    depth_m[:10] = np.nan
    rgb = rng.integers(0, 256, (H, W, 3), dtype=np.uint8)
    K = np.array([[150.0, 0.0, W / 2], [0.0, 150.0, H / 2], [0.0, 0.0, 1.0]])
    return CameraView(name, rgb, depth_m, K, se3.make())


def config(name, **settings):
    profile = Profile(W, H, FPS)
    return RealSenseConfig(name, name, **{"color_profile": profile, "depth_profile": profile, **settings})


@pytest.fixture
def rig():
    views = [view(name, i) for i, name in enumerate(NAMES)]
    cameras = SoftwareCameras(lambda: lambda: views, FPS)
    yield cameras
    cameras.close()


def first_frame(camera):
    try:
        frame = camera.read(3.0)
    finally:
        camera.close()
    assert frame is not None
    return frame


def wait_for(condition, seconds=8.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.02)
    return condition()


def test_colour_depth_intrinsics_and_stamp_come_out_as_they_went_in(rig):
    before_ns = time.time_ns()
    frame = first_frame(RealSenseCamera(config("side"), rig.find("side")))
    expected = view("side", 1)
    np.testing.assert_array_equal(frame.rgb, expected.rgb)
    inner = (slice(12, -2), slice(2, -2))  # the alignment resamples the border
    np.testing.assert_allclose(frame.depth_mm[inner], 1e3 * expected.depth_m[inner], atol=0.51)
    assert (frame.depth_mm[:9] == 0).all()
    np.testing.assert_allclose(frame.K, expected.K)
    np.testing.assert_allclose(frame.T_color_depth, np.eye(4))
    assert before_ns - 1e9 < frame.stamp_ns <= time.time_ns()
    assert (frame.clock, frame.skew_ms) == ("global_time", 0.0)


def test_an_image_of_a_lens_with_distortion_comes_out_as_a_pinhole_shows_it(monkeypatch):
    coefficients = [-0.0565, 0.0682, -0.0003, 0.0008, -0.0217]
    stream = software_cameras._SoftwareDevice._stream

    def distorted(self, seen, fps, kind, *rest):
        out = stream(self, seen, fps, kind, *rest)
        if kind == self._rs.stream.color:
            intrinsics = out.intrinsics
            intrinsics.model, intrinsics.coeffs = self._rs.distortion.brown_conrady, coefficients
            out.intrinsics = intrinsics
        return out

    monkeypatch.setattr(software_cameras._SoftwareDevice, "_stream", distorted)
    seen = view("front")
    rows, columns = np.mgrid[0:H, 0:W]
    wave = 127 + 100 * np.sin(columns / 5.0) * np.cos(rows / 5.0)
    seen = dataclasses.replace(seen, rgb=np.repeat(wave[..., None], 3, axis=2).astype(np.uint8))
    cameras = SoftwareCameras(lambda: lambda: [seen], FPS)
    try:
        frame = first_frame(RealSenseCamera(config("front"), cameras.find("front")))
    finally:
        cameras.close()
    K_cv = seen.K - [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]
    expected = cv2.undistort(seen.rgb, K_cv, np.array(coefficients))
    inner = np.s_[4:-4, 4:-4]
    assert np.abs(expected[inner].astype(int) - seen.rgb[inner]).max() > 10  # the lens bends what the test sees
    assert np.abs(expected[inner].astype(int) - frame.rgb[inner]).max() <= 2
    depth_mm = frame.depth_mm[20:-8, 8:-8].astype(float)  # goes into the bent image and back
    assert (depth_mm > 0).mean() > 0.9
    apart_mm = np.abs(depth_mm - 1e3 * seen.depth_m[20:-8, 8:-8])[depth_mm > 0]
    assert np.percentile(apart_mm, 95) < 2.5
    np.testing.assert_allclose(frame.K, seen.K)


def test_decimation_before_alignment_keeps_the_scale_and_the_registration(rig):
    filters = parse_filters("decimation=2+spatial+temporal+threshold=5")
    frame = first_frame(RealSenseCamera(config("front", filters=filters), rig.find("front")))
    expected = 1e3 * view("front").depth_m
    assert frame.depth_mm.shape == frame.rgb.shape[:2]
    inner = np.s_[20:-8, 8:-8]
    seen = frame.depth_mm[inner] > 0
    assert seen.mean() > 0.5
    assert np.median(np.abs(frame.depth_mm[inner][seen] - expected[inner][seen])) < 5.0  # two pixels of this slope


def test_without_alignment_depth_keeps_its_own_size_and_intrinsics(rig):
    settings = {"align_to_color": False, "filters": parse_filters("decimation=2")}
    frame = first_frame(RealSenseCamera(config("front", **settings), rig.find("front")))
    assert not frame.aligned
    assert frame.depth_mm.shape == (H // 2, W // 2)
    np.testing.assert_allclose(frame.K_depth[0, 0], 75.0)
    np.testing.assert_allclose(frame.K[0, 0], 150.0)


def test_refusals_say_what_is_offered(rig):
    with pytest.raises(CameraError, match=r"no color profile 640x480x30; it offers 160x120x30"):
        RealSenseCamera(config("front", color_profile=Profile(640, 480, 30)), rig.find("front"))
    with pytest.raises(CameraError, match="software camera has no hardware synchronisation"):
        RealSenseCamera(config("front", sync_mode="master"), rig.find("front"))
    for bad in ("640x480", "a", "1x2x3x4"):
        with pytest.raises(ConfigurationError, match="WIDTHxHEIGHTxFPS"):
            Profile.parse(bad)
    with pytest.raises(ConfigurationError, match="hole_filling"):
        parse_filters("decimation+median")


def test_an_unplugged_camera_is_named_and_comes_back_while_the_other_goes_on(rig):
    frames = {name: [] for name in NAMES}
    gate = StartGate(0.05)
    settings = {"silence_s": 0.3}
    streams = {n: CameraStream(config(n, **settings), rig, frames[n].append, gate, retry_s=0.2) for n in NAMES}
    try:
        assert wait_for(lambda: all(len(f) > 3 for f in frames.values()))
        rig.set_plugged(["side"])
        assert wait_for(lambda: "not connected" in streams["front"].status.problem), streams["front"].status
        silent, going = len(frames["front"]), len(frames["side"])
        assert wait_for(lambda: len(frames["side"]) > going + 5)
        assert len(frames["front"]) == silent
        assert streams["side"].status.problem == ""
        rig.set_plugged(NAMES)
        assert wait_for(lambda: len(frames["front"]) > silent + 3)
        status = streams["front"].status
        assert (status.starts, status.problem, status.info["serial"]) == (2, "", "front")
    finally:
        for stream in streams.values():
            stream.close()


def test_cameras_start_one_after_the_other(rig):
    opened = []
    gate = StartGate(0.4)

    def note(frame):
        opened.append((frame.camera, time.monotonic()))

    streams = [CameraStream(config(name), rig, note, gate) for name in NAMES]
    assert wait_for(lambda: {name for name, _ in opened} == set(NAMES))
    for stream in streams:
        stream.close()
    first = {name: min(t for n, t in opened if n == name) for name in NAMES}
    assert abs(first["front"] - first["side"]) > 0.3


def test_a_recording_plays_what_was_recorded_again_and_again_with_present_stamps(rig, tmp_path):
    file = str(tmp_path / "front.db3")
    camera = RealSenseCamera(config("front", record_to=file), rig.find("front"))
    assert sum(camera.read(1.0) is not None for _ in range(10)) == 10
    camera.close()
    del camera
    source = Recordings({"front": file})
    frames, wanted = [], threading.Event()

    def note(frame):
        frames.append(frame)
        if len(frames) > 14:  # more than were recorded: it plays again
            wanted.set()

    settings = {"color_profile": None, "depth_profile": None}
    stream = CameraStream(config("front", **settings), source, note, StartGate(0.0))
    assert wanted.wait(10.0), stream.status
    stream.close()
    np.testing.assert_array_equal(frames[0].rgb, view("front").rgb)
    stamps = [frame.stamp_ns for frame in frames]
    assert stamps == sorted(stamps)
    assert abs(stamps[-1] - time.time_ns()) < 3e9


def test_every_opening_is_recorded_into_a_file_of_its_own(rig, tmp_path):
    file = tmp_path / "deep" / "front.db3"
    for _ in range(3):
        first_frame(RealSenseCamera(config("front", record_to=str(file)), rig.find("front")))
    names = ["front.db3", "front_001.db3", "front_002.db3"]
    assert sorted(path.name for path in file.parent.glob("*.db3")) == names
    with pytest.raises(CameraError, match="no color profile"):
        RealSenseCamera(config("front", record_to=str(file), color_profile=Profile(1, 1, 1)), rig.find("front"))
    assert sorted(path.name for path in file.parent.glob("*.db3")) == names


def test_a_recording_that_cannot_be_written_is_named(rig, tmp_path):
    (tmp_path / "front").write_text("not a folder")
    with pytest.raises(CameraError, match=r"'front' cannot be recorded into .*name a folder"):
        RealSenseCamera(config("front", record_to=str(tmp_path / "front" / "a.db3")), rig.find("front"))


def test_a_missing_recording_is_refused_at_once():
    with pytest.raises(CameraError, match="no recording"):
        Recordings({"front": "nowhere.db3"})


def test_a_scene_that_cannot_be_opened_is_an_error_where_the_cameras_are_made():
    def broken():
        raise CameraError("no OpenGL")

    with pytest.raises(CameraError, match="no OpenGL"):
        SoftwareCameras(broken, FPS)
