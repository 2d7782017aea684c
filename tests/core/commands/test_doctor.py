"""Each fault of a machine is named with its remedy; the exit code follows; a check that breaks hides no other."""

import dataclasses
import datetime
import json
from pathlib import Path

import numpy as np
import pytest

from dynarend_core.commands import doctor, doctor_checks
from dynarend_core.commands.__main__ import main
from dynarend_core.commands.finding import DoctorOptions, Finding, Level
from dynarend_core.errors import CameraError
from dynarend_core.perception import realsense_info
from dynarend_core.perception.camera_file import CalibrationQuality, CameraFile, SetUp, utc_now
from dynarend_core.perception.realsense import sdk

GOOD = CalibrationQuality(15, residual_px=0.3, leave_one_out_mm=1.0, uncertainty_mm=0.5, uncertainty_deg=0.05)
CAMERA = CameraFile(
    "front", SetUp.EYE_TO_HAND, "panda_link0", "front_color_optical_frame", np.eye(4), "front_link", np.eye(4),
    np.diag([600.0, 600.0, 1.0]), (640, 480), calibrated_at=utc_now(), quality=GOOD,
)  # fmt: skip


@pytest.fixture
def options(tmp_path):
    return DoctorOptions(tmp_path / "cameras", tmp_path / "policy", 0.0, "panda_link0")


def days_ago(days):
    then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)
    return then.isoformat(timespec="seconds")


@pytest.mark.parametrize(
    ("change", "level", "says"),
    [
        ({}, Level.OK, "0 days old, residual 0.30 px"),
        ({"calibrated_at": days_ago(45)}, Level.WARN, "45 days old"),
        ({"calibrated_at": ""}, Level.WARN, "unknown age"),
        ({"quality": dataclasses.replace(GOOD, residual_px=3.0)}, Level.WARN, "residual 3.00 px"),
        ({"quality": dataclasses.replace(GOOD, uncertainty_mm=4.0)}, Level.WARN, "known to 4.0 mm"),
        ({"quality": CalibrationQuality()}, Level.WARN, "unknown quality"),
    ],
)
def test_calibrations_are_judged_by_age_and_residual(change, level, says, options):
    dataclasses.replace(CAMERA, **change).save(options.cameras / "front.yaml")
    (finding,) = doctor_checks.check_calibration(options)
    assert finding.level is level
    assert says in finding.words
    assert bool(finding.remedy) == (level is not Level.OK)


def test_a_missing_and_a_broken_calibration_are_told_apart(options):
    (finding,) = doctor_checks.check_calibration(options)
    assert (finding.level, "no camera file" in finding.words) == (Level.WARN, True)
    options.cameras.mkdir()
    (options.cameras / "front.yaml").write_text("schema: 7")
    (finding,) = doctor_checks.check_calibration(options)
    assert (finding.level, "schema 7" in finding.words) == (Level.FAIL, True)


@pytest.mark.parametrize(
    ("firmware", "usb", "level", "remedy"),
    [
        ("5.17.0.10", "3.2", Level.OK, ""),
        ("5.9.0.2", "3.2", Level.WARN, "5.17.0.10"),
        ("5.17.0.10", "2.1", Level.FAIL, "USB 3 port"),
    ],
)
def test_cameras_are_judged_by_firmware_and_usb(firmware, usb, level, remedy):
    info = sdk().camera_info
    device = sdk().software_device()
    told = {
        info.name: "Intel RealSense D435",
        info.serial_number: "123",
        info.firmware_version: firmware,
        info.recommended_firmware_version: "5.17.0.10",
        info.usb_type_descriptor: usb,
    }
    for field, value in told.items():
        device.register_info(field, value)
    finding = doctor_checks.describe_camera(realsense_info.describe(device))
    assert finding.level is level
    assert remedy in finding.remedy
    assert finding.words == f"Intel RealSense D435 123, firmware {firmware}, USB {usb}"


def test_no_camera_and_no_sdk_are_plain_words(options, monkeypatch):
    monkeypatch.setattr(realsense_info, "connected_cameras", lambda: [])
    (finding,) = doctor_checks.check_cameras(options)
    assert finding.words == "no RealSense camera is connected"
    assert "--source software" in finding.remedy

    def broken():
        raise CameraError("no libusb")

    monkeypatch.setattr(realsense_info, "connected_cameras", broken)
    (finding,) = doctor_checks.check_cameras(options)
    assert (finding.words, finding.level) == ("no libusb", Level.WARN)


def test_opengl_says_which_way_works_and_why_none_does(options, monkeypatch):
    outcomes = {"egl": "no EGL device", "osmesa": ""}
    monkeypatch.setattr(doctor_checks, "_render", outcomes.get)
    (finding,) = doctor_checks.check_opengl(options)
    assert (finding.level, "OSMESA" in finding.words, "no EGL device" in finding.words) == (Level.WARN, True, True)
    outcomes["osmesa"] = "no library"
    (finding,) = doctor_checks.check_opengl(options)
    assert finding.level is Level.FAIL
    assert "libosmesa6" in finding.remedy


def test_policies_that_are_missing_or_damaged_fail(options):
    (finding,) = doctor_checks.check_policy(options)
    assert (finding.level, str(options.policy) in finding.words) == (Level.FAIL, True)
    options.policy.mkdir()
    (finding,) = doctor_checks.check_policy(options)
    assert finding.level is Level.FAIL
    shipped = Path(__file__).parents[3] / "models/policies/small"
    (finding,) = doctor_checks.check_policy(dataclasses.replace(options, policy=shipped))
    assert (finding.level, "open_drawer" in finding.words) == (Level.OK, True)


def test_a_full_disk_fails(options, monkeypatch):
    for free_gb, level in ((0.5, Level.FAIL), (5.0, Level.WARN), (50.0, Level.OK)):
        usage = type("usage", (), {"free": free_gb * 2**30})
        monkeypatch.setattr(doctor_checks.shutil, "disk_usage", lambda _path, usage=usage: usage)
        (finding,) = doctor_checks.check_disk(options)
        assert finding.level is level


def fine(_options):
    yield Finding("fine")


def breaking(_options):
    yield Finding("half done")
    raise RuntimeError("broken driver")


@pytest.mark.parametrize(("checks", "code"), [({"a": fine}, 0), ({"b": breaking, "a": fine}, 1)])
def test_the_exit_code_the_lines_and_the_report_follow_the_findings(checks, code, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "load_checks", lambda: checks)
    assert main(["doctor", "--json", str(tmp_path / "report.json")]) == code
    report = json.loads((tmp_path / "report.json").read_text())
    assert [entry["check"] for entry in report["checks"]] == list(checks)
    assert report["counts"]["fail"] == code
    said = capsys.readouterr().out
    assert "a: fine" in said
    if code:
        assert "b: half done" in said
        assert "fail b: RuntimeError: broken driver" in said
        assert "->" in said


def test_the_installed_checks_are_found_and_unknown_ones_refused(capsys):
    assert {"gpu", "opengl", "cameras", "calibration", "policy", "language model", "disk"} <= set(doctor.load_checks())
    assert main(["doctor", "--only", "teeth"]) == 2
    assert "gpu" in capsys.readouterr().err
