"""Camera files say the same after a round trip, and the published transform never gives a frame a second parent."""

import datetime

import numpy as np
import pytest
import yaml

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import matrix_from_rotation_vector
from dynarend_core.perception.camera_file import CalibrationQuality, CameraFile, SetUp, check_same_camera
from dynarend_core.perception.easy_handeye import EasyHandeyeCalibration


def some_transform(seed):
    rng = np.random.default_rng(seed)
    return se3.make(matrix_from_rotation_vector(rng.normal(size=3)), rng.normal(size=3))


def camera_file(set_up=SetUp.EYE_TO_HAND):
    return CameraFile(
        camera="front",
        set_up=set_up,
        parent_frame="panda_link0",
        optical_frame="front_color_optical_frame",
        T_parent_optical=some_transform(0),
        link_frame="front_link",
        T_link_optical=some_transform(1),
        K=np.array([[615.0, 0, 320], [0, 614.0, 240], [0, 0, 1]]),
        image_size=(640, 480),
        board="charuco 7x5",
        calibrated_at="2026-01-02T03:04:05+00:00",
        quality=CalibrationQuality(15, 0.2, 0.9, 0.4, 0.03),
    )


@pytest.mark.parametrize("set_up", list(SetUp))
def test_our_yaml_round_trip(tmp_path, set_up):
    written = camera_file(set_up)
    written.save(tmp_path / "deep" / "front.yaml")
    read = CameraFile.load(tmp_path / "deep" / "front.yaml")
    np.testing.assert_allclose(read.T_parent_optical, written.T_parent_optical, atol=1e-12)
    np.testing.assert_allclose(read.T_link_optical, written.T_link_optical, atol=1e-12)
    np.testing.assert_array_equal(read.K, written.K)
    same = ("camera", "set_up", "parent_frame", "optical_frame", "link_frame", "image_size", "board", "calibrated_at")
    assert all(getattr(read, name) == getattr(written, name) for name in same)
    assert read.quality == written.quality


def test_published_transform_composes_to_the_calibrated_one():
    camera = camera_file()
    np.testing.assert_allclose(camera.T_parent_link @ camera.T_link_optical, camera.T_parent_optical, atol=1e-12)


def test_age():
    later = datetime.datetime(2026, 1, 4, 15, 4, 5, tzinfo=datetime.timezone.utc)
    assert camera_file().age_days(later) == pytest.approx(2.5)


@pytest.mark.parametrize("content", ["[1, 2]", "schema: 1\ncamera: a\n", "schema: 99\n", "a: [", "schema: 1\nimage: 3"])
def test_damaged_files_are_named(tmp_path, content):
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"bad\.yaml"):
        CameraFile.load(path)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"quality": 3}, "quality must be a mapping, got 3"),
        ({"quality": {"views": "many"}}, "many"),
        ({"quality": {"residual_px": None}}, "NoneType"),
        ({"camera": None}, "camera must be a name in quotes, got None"),
        ({"link_frame": 7}, "link_frame must be a name"),
        ({"calibrated_at": "yesterday"}, "yesterday"),
        ({"calibrated_at": "2026-01-02T03:04:05"}, "no zone"),
        ({"calibrated_at": datetime.date(2026, 1, 2)}, "no zone"),
        ({"parent_from_optical": None}, "NoneType"),
    ],
)
def test_a_damaged_entry_is_named(tmp_path, entry, says):
    path = tmp_path / "bad.yaml"
    camera_file().save(path)
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **entry}))
    with pytest.raises(ConfigurationError, match=rf"bad\.yaml.*{says}"):
        CameraFile.load(path)


def test_an_empty_quality_and_a_time_without_quotes_are_read(tmp_path):
    path = tmp_path / "front.yaml"
    camera_file().save(path)
    text = path.read_text()
    path.write_text(
        text[: text.index("quality:")].replace("'2026-01-02T03:04:05+00:00'", "2026-01-02T03:04:05Z") + "quality:"
    )
    read = CameraFile.load(path)
    assert read.quality == CalibrationQuality()
    later = datetime.datetime(2026, 1, 4, 15, 4, 5, tzinfo=datetime.timezone.utc)
    assert read.age_days(later) == pytest.approx(2.5)


def test_a_file_of_another_camera_is_not_to_be_overwritten(tmp_path):
    path = tmp_path / "front.yaml"
    check_same_camera(path, "front")
    camera_file().save(path)
    check_same_camera(path, "front")
    with pytest.raises(ConfigurationError, match="is the file of camera 'front', not of 'side'"):
        check_same_camera(path, "side")


@pytest.mark.parametrize("set_up", list(SetUp))
def test_easy_handeye_round_trip(tmp_path, set_up):
    camera = camera_file(set_up)
    exported = EasyHandeyeCalibration.from_camera_file(camera, "panda_link0", "panda_hand")
    exported.save(tmp_path / "front.calib")
    read = EasyHandeyeCalibration.load(tmp_path / "front.calib")
    assert read.tracking_base_frame == "front_link"
    assert read.parent_frame == ("panda_hand" if set_up is SetUp.EYE_IN_HAND else "panda_link0")
    np.testing.assert_allclose(read.T_parent_optical(camera.T_link_optical), camera.T_parent_optical, atol=1e-12)


def test_a_file_in_easy_handeyes_own_layout_is_read(tmp_path):
    """The layout of easy_handeye2's HandeyeCalibration message, typed by hand."""
    path = tmp_path / "theirs.calib"
    path.write_text(
        "parameters: {name: cam, calibration_type: eye_on_base, robot_base_frame: base, robot_effector_frame: tool0,\n"
        "  tracking_base_frame: cam_optical, tracking_marker_frame: charuco, freehand_robot_movement: true,\n"
        "  move_group_namespace: /, move_group: manipulator}\n"
        "transform: {translation: {x: 1.0, y: 2.0, z: 3.0}, rotation: {x: 0.0, y: 0.0, z: 1.0, w: 0.0}}\n"
    )
    read = EasyHandeyeCalibration.load(path)
    assert (read.set_up, read.parent_frame) == (SetUp.EYE_TO_HAND, "base")
    np.testing.assert_allclose(read.T_parent_tracking, se3.make(np.diag([-1.0, -1, 1]), np.array([1.0, 2, 3])))


def test_unknown_calibration_type_is_refused(tmp_path):
    path = tmp_path / "odd.calib"
    path.write_text("parameters: {name: a, calibration_type: eye_on_mars}\ntransform: {}\n")
    with pytest.raises(ConfigurationError, match="eye_on_mars"):
        EasyHandeyeCalibration.load(path)
