"""`dynarend tasks`: every task is listed, and a sheet shows a start and an end that differ."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from dynarend_core.commands.__main__ import main
from dynarend_core.commands.tasks import FRAME_WIDTH
from dynarend_core.sim.mujoco.perturbations.catalogue import applicable
from dynarend_core.sim.mujoco.tasks import TASKS


def test_every_task_is_listed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["tasks"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in TASKS)
    assert "turn left tap" in said


@pytest.mark.skipif(importlib.util.find_spec("mujoco_controllers") is None, reason="the Panda model is not installed")
def test_a_sheet_shows_start_and_end(tmp_path: Path) -> None:
    path = tmp_path / "pictures" / "sheet.png"
    assert main(["tasks", "--tasks", "turn_tap", "--sheet", str(path)]) == 0
    image = cv2.imread(str(path)).astype(int)
    assert image.shape[1] > 2 * FRAME_WIDTH
    start, end = np.split(image[10 : 10 + FRAME_WIDTH, 10 : 10 + 2 * (FRAME_WIDTH + 10)], 2, axis=1)
    assert (np.abs(start - end)[:, :FRAME_WIDTH].max(axis=2) > 60).mean() > 0.02


@pytest.mark.skipif(importlib.util.find_spec("mujoco_controllers") is None, reason="the Panda model is not installed")
def test_a_sheet_shows_every_perturbation_that_applies(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert main(["tasks", "--tasks", "turn_tap", "--perturbations", str(path)]) == 0
    image = cv2.imread(str(path)).astype(int)
    frames = [
        image[10 : 10 + FRAME_WIDTH, x : x + FRAME_WIDTH] for x in range(10, image.shape[1] - 10, FRAME_WIDTH + 10)
    ]
    rows = image.shape[0] // FRAME_WIDTH
    assert rows * len(frames) >= 1 + len(applicable("turn_tap"))
    assert all((np.abs(frames[0] - frame) > 20).any() for frame in frames[1:4])
