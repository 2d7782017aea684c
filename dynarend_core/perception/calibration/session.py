"""A recorded calibration session on disk: ``session.json`` beside colour and depth PNGs, one pair a view."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_core.geometry import se3
from dynarend_core.perception.calibration.boards import BoardConfig
from dynarend_core.perception.calibration.sighting import CalibrationView
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.types import Array

SESSION_FILE = "session.json"
_SCHEMA = 1


@dataclass(frozen=True)
class SessionInfo:
    """What holds for all views of a session.

    Attributes:
        set_up: Who carries the camera.
        camera: Camera name, the prefix of its topics.
        board: The board as stated by the person.
        base_frame: The robot's base.
        gripper_frame: The frame whose poses are recorded.
        optical_frame: Frame of the images.
        link_frame: Root of the driver's own frames.
        T_link_optical: ``(4, 4)`` optical frame in the link frame, from the driver.
    """

    set_up: SetUp
    camera: str = "camera"
    board: BoardConfig = field(default_factory=BoardConfig)
    base_frame: str = "panda_link0"
    gripper_frame: str = "panda_hand"
    optical_frame: str = "camera_color_optical_frame"
    link_frame: str = "camera_link"
    T_link_optical: Array = field(default_factory=lambda: np.eye(4))

    @property
    def parent_frame(self) -> str:
        """The frame the camera's pose is given in."""
        return self.gripper_frame if self.set_up is SetUp.EYE_IN_HAND else self.base_frame


class SessionWriter:
    """Writes views one by one; the folder is complete after each.

    Args:
        folder: Made if needed; must not hold a session yet.
        info: What holds for all views.

    Raises:
        ConfigurationError: the folder already holds a session.
    """

    def __init__(self, folder: Path, info: SessionInfo) -> None:
        if (folder / SESSION_FILE).exists():
            raise ConfigurationError(f"{folder} already holds a session; name another folder or delete it")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._info = folder, info
        self._views: list[dict[str, Any]] = []

    def add(self, view: CalibrationView) -> None:
        """Write one view."""
        name = f"view_{len(self._views):03d}"
        _write_png(self.folder / f"{name}.png", view.rgb[..., ::-1])
        if view.depth_m is not None:
            millimetres = np.nan_to_num(1e3 * view.depth_m, nan=0.0, posinf=0.0, neginf=0.0)
            _write_png(self.folder / f"{name}_depth.png", np.clip(millimetres.round(), 0, 65535).astype(np.uint16))
        self._views.append(
            {
                "image": f"{name}.png",
                "depth": None if view.depth_m is None else f"{name}_depth.png",
                "K": np.asarray(view.K).ravel().tolist(),
                "T_base_gripper": np.asarray(view.T_base_gripper).ravel().tolist(),
                "q": None if view.q is None else np.asarray(view.q).tolist(),
                "stamp_ns": int(view.stamp_ns),
            }
        )
        (self.folder / SESSION_FILE).write_text(json.dumps(self._content(), indent=1) + "\n", encoding="utf-8")

    def _content(self) -> dict[str, Any]:
        info = self._info
        return {
            "schema": _SCHEMA,
            "set_up": info.set_up.value,
            "camera": info.camera,
            "board": {**asdict(info.board), "kind": info.board.kind.value},
            "base_frame": info.base_frame,
            "gripper_frame": info.gripper_frame,
            "optical_frame": info.optical_frame,
            "link_frame": info.link_frame,
            "T_link_optical": info.T_link_optical.ravel().tolist(),
            "views": self._views,
        }


def read_session(folder: Path) -> tuple[SessionInfo, tuple[CalibrationView, ...]]:
    """Read what :class:`SessionWriter` wrote, or what another program wrote in the same layout.

    Raises:
        ConfigurationError: no session there, another schema, or a missing or malformed entry.
    """
    path = folder / SESSION_FILE
    if not path.is_file():
        raise ConfigurationError(f"{folder} holds no {SESSION_FILE}; record with calibrate.launch.py, or --simulate")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["schema"] != _SCHEMA:
            raise ConfigurationError(f"schema {content['schema']!r} is not {_SCHEMA}")
        info = SessionInfo(
            SetUp(content["set_up"]),
            content["camera"],
            BoardConfig(**content["board"]),
            content["base_frame"],
            content["gripper_frame"],
            content["optical_frame"],
            content["link_frame"],
            se3.check(np.reshape(content["T_link_optical"], (4, 4)), "T_link_optical"),
        )
        return info, tuple(_read_view(folder, entry) for entry in content["views"])
    except (KeyError, TypeError, ValueError, DynaRendError) as error:
        raise ConfigurationError(f"{path}: {type(error).__name__} {error}") from error


def _read_view(folder: Path, entry: dict[str, Any]) -> CalibrationView:
    bgr = _read_png(folder / entry["image"], cv2.IMREAD_COLOR)
    depth_m = None
    if entry.get("depth"):
        millimetres = _read_png(folder / entry["depth"], cv2.IMREAD_UNCHANGED)
        depth_m = np.where(millimetres > 0, millimetres / np.float32(1e3), np.nan).astype(np.float32)
    return CalibrationView(
        np.ascontiguousarray(bgr[..., ::-1]),
        depth_m,
        np.reshape(np.asarray(entry["K"], dtype=np.float64), (3, 3)),
        se3.check(np.reshape(entry["T_base_gripper"], (4, 4)), f"{entry['image']}: T_base_gripper"),
        None if entry.get("q") is None else np.asarray(entry["q"], dtype=np.float64),
        int(entry.get("stamp_ns", 0)),
    )


def _write_png(path: Path, image: Array) -> None:
    if not cv2.imwrite(str(path), image):
        raise ConfigurationError(f"{path} could not be written; is the disk full?")


def _read_png(path: Path, mode: int) -> Array:
    image = cv2.imread(str(path), mode)
    if image is None:
        raise ConfigurationError(f"{path} is missing or not a picture")
    return image
