"""The verb from recorded views to camera files; refused sessions write none."""

import json
import shutil

import numpy as np
import pytest

from dynarend_core.commands.__main__ import main
from dynarend_core.perception.calibration.session import SessionInfo, SessionWriter
from dynarend_core.perception.calibration.sighting import CalibrationView
from dynarend_core.perception.camera_file import CameraFile, SetUp
from dynarend_core.perception.easy_handeye import EasyHandeyeCalibration


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate") / "session"
    command = ["calibrate", "--simulate", "--set-up", "eye-to-hand", "--poses", "8", "--record", str(folder)]
    assert main([*command, "--json", str(folder.parent / "simulated.json")]) == 0
    return folder


def test_simulation_reports_errors_against_the_truth(session):
    report = json.loads((session.parent / "simulated.json").read_text())
    assert report["worst_mm"] < 4.0  # eight poses only
    assert report["refused"] == 0
    assert report["sessions"][0]["error_mm"] == report["worst_mm"]


def test_a_recorded_session_becomes_camera_files_and_a_picture(session, tmp_path):
    out, calib, picture = tmp_path / "front.yaml", tmp_path / "front.calib", tmp_path / "views.png"
    options = ["--out", str(out), "--easy-handeye", str(calib), "--picture", str(picture)]
    assert main(["calibrate", str(session), *options, "--json", str(tmp_path / "report.json")]) == 0
    camera = CameraFile.load(out)
    assert camera.quality.views == 8
    assert camera.age_days() < 1.0
    assert EasyHandeyeCalibration.load(calib).parent_frame == "panda_link0"
    assert picture.stat().st_size > 10_000
    assert json.loads((tmp_path / "report.json").read_text())["ok"]


def test_a_wrong_board_size_writes_no_file(session, tmp_path, capsys):
    out = tmp_path / "front.yaml"
    assert main(["calibrate", str(session), "--square", "0.042", "--marker", "0.0315", "--out", str(out)]) == 1
    assert not out.exists()
    assert "smaller than stated" in capsys.readouterr().out


def test_the_board_for_the_printer(tmp_path, capsys):
    assert main(["calibrate", "--draw-board", str(tmp_path / "board.png")]) == 0
    assert "280 x 200 mm" in capsys.readouterr().out


def test_nothing_to_do_is_an_error(capsys):
    assert main(["calibrate"]) == 2
    assert "--simulate" in capsys.readouterr().err


def test_check_passes_true_cameras_and_names_a_bumped_one(tmp_path, capsys):
    check = ["calibrate", "--check", "--simulate", "--out", str(tmp_path), "--json", str(tmp_path / "check.json")]
    assert main(check) == 0
    assert json.loads((tmp_path / "check.json").read_text())["ok"]
    assert main([*check, "--bump", "left_shoulder"]) == 1
    problems = {c["camera"]: c["problem"] for c in json.loads((tmp_path / "check.json").read_text())["cameras"]}
    assert [name for name, problem in problems.items() if problem] == ["left_shoulder"]
    assert (tmp_path / "check.png").stat().st_size > 10_000


def test_check_of_recorded_cameras_uses_their_camera_files(session, tmp_path, capsys):
    files, snapshot = tmp_path / "cameras", tmp_path / "snapshot"
    assert main(["calibrate", str(session), "--out", str(files / "simulated.yaml")]) == 0
    shutil.copytree(session, snapshot / "simulated")
    report = tmp_path / "check.json"
    check = ["calibrate", "--check", str(snapshot), "--cameras", str(files), "--out", str(tmp_path)]
    assert main([*check, "--json", str(report)]) in (0, 1)  # the board in the hand hides a part of the robot
    camera = json.loads(report.read_text())["cameras"][0]
    assert camera["camera"] == "simulated"
    assert camera["robot_share"] > 0.4
    assert main(["calibrate", "--check", str(snapshot), "--cameras", str(tmp_path / "none")]) == 2
    assert "no camera file" in capsys.readouterr().err


def test_check_refuses_sessions_of_different_arm_poses(tmp_path, capsys):
    T, K = np.eye(4), np.array([[60.0, 0.0, 32.0], [0.0, 60.0, 24.0], [0.0, 0.0, 1.0]])
    for name, turned in (("front", 0.0), ("side", 0.02)):
        camera = CameraFile(name, SetUp.EYE_TO_HAND, "panda_link0", "o", T, f"{name}_link", T, K, (64, 48))
        camera.save(tmp_path / "cameras" / f"{name}.yaml")
        view = CalibrationView(
            np.zeros((48, 64, 3), np.uint8), np.ones((48, 64), np.float32), K, T, np.full(7, turned), 0
        )
        SessionWriter(tmp_path / "snapshot" / name, SessionInfo(SetUp.EYE_TO_HAND, name)).add(view)
    check = ["calibrate", "--check", str(tmp_path / "snapshot"), "--cameras", str(tmp_path / "cameras")]
    assert main(check) == 2
    assert "20.0 mrad" in capsys.readouterr().err
