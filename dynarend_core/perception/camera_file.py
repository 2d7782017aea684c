"""The camera file: where one camera is, how well that is known, and since when. YAML, one file a camera."""

from __future__ import annotations

import datetime
import enum
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_core.geometry import se3
from dynarend_core.types import Array

_SCHEMA = 1


class SetUp(str, enum.Enum):
    """Who carries the camera."""

    EYE_IN_HAND = "eye-in-hand"
    EYE_TO_HAND = "eye-to-hand"


@dataclass(frozen=True)
class CalibrationQuality:
    """How well a calibration fits and how well it predicts.

    Attributes:
        views: Views used.
        residual_px: Root mean square reprojection error of all corners [px].
        leave_one_out_mm: Root mean square error of the board's place in a view that was left out [mm].
        uncertainty_mm: Standard error of the camera's position [mm].
        uncertainty_deg: Standard error of the camera's rotation [deg].
    """

    views: int = 0
    residual_px: float = 0.0
    leave_one_out_mm: float = 0.0
    uncertainty_mm: float = 0.0
    uncertainty_deg: float = 0.0


@dataclass(frozen=True)
class CameraFile:
    """One camera's calibration.

    Attributes:
        camera: Camera name, the prefix of its topics.
        set_up: Eye-in-hand: the parent is a frame of the hand. Eye-to-hand: the robot's base frame.
        parent_frame: Frame the pose is given in.
        optical_frame: Frame of the images (x right, y down, z forward).
        T_parent_optical: ``(4, 4)`` optical frame in the parent frame.
        link_frame: Root of the driver's own frames, e.g. ``front_link``; the one frame that may be given a parent.
        T_link_optical: ``(4, 4)`` optical frame in the link frame, as the driver publishes it.
        K: ``(3, 3)`` pinhole matrix of the images it was made with [px], pixel centres at integer + 0.5.
        image_size: (width, height) of those images [px].
        board: The board it was made with, in words.
        calibrated_at: UTC time, ISO 8601.
        quality: Residuals and errors.
    """

    camera: str
    set_up: SetUp
    parent_frame: str
    optical_frame: str
    T_parent_optical: Array
    link_frame: str
    T_link_optical: Array
    K: Array
    image_size: tuple[int, int]
    board: str = ""
    calibrated_at: str = ""
    quality: CalibrationQuality = field(default_factory=CalibrationQuality)

    def __post_init__(self) -> None:
        for name in ("T_parent_optical", "T_link_optical"):
            object.__setattr__(self, name, se3.check(getattr(self, name), f"camera {self.camera!r}: {name}"))
        object.__setattr__(self, "K", np.asarray(self.K, dtype=np.float64).reshape(3, 3))
        object.__setattr__(self, "set_up", SetUp(self.set_up))

    @property
    def T_parent_link(self) -> Array:
        """``(4, 4)`` what is published: the driver's root frame in the parent frame.

        A driver already publishes link -> optical; parent -> optical on top would give the optical frame two parents.
        """
        return self.T_parent_optical @ se3.inverse(self.T_link_optical)

    def age_days(self, now: datetime.datetime | None = None) -> float:
        """Days since the calibration; infinite if its time is unknown."""
        if not self.calibrated_at:
            return float("inf")
        now = now or datetime.datetime.now(datetime.timezone.utc)
        return (now - datetime.datetime.fromisoformat(self.calibrated_at)).total_seconds() / 86400.0

    def save(self, path: Path) -> None:
        """Write YAML, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "schema": _SCHEMA,
            "camera": self.camera,
            "set_up": self.set_up.value,
            "parent_frame": self.parent_frame,
            "optical_frame": self.optical_frame,
            "parent_from_optical": transform_to_yaml(self.T_parent_optical),
            "link_frame": self.link_frame,
            "link_from_optical": transform_to_yaml(self.T_link_optical),
            "image": {"width": self.image_size[0], "height": self.image_size[1], "K": self.K.reshape(-1).tolist()},
            "board": self.board,
            "calibrated_at": self.calibrated_at,
            "quality": {key: round(value, 4) for key, value in asdict(self.quality).items()},
        }
        words = "# Where this camera is. Written by `dynarend calibrate`; parent_from_optical maps optical to parent.\n"
        path.write_text(words + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> CameraFile:
        """Read YAML.

        Raises:
            ConfigurationError: not a camera file, a missing or malformed entry, or another schema.
        """
        content = read_yaml(path)
        if content.get("schema") != _SCHEMA:
            raise ConfigurationError(
                f"{path}: schema {content.get('schema')!r} is not {_SCHEMA}; is it a camera file of dynarend calibrate?"
            )
        try:
            image = content["image"]
            return CameraFile(
                camera=_name(content, "camera"),
                set_up=SetUp(content["set_up"]),
                parent_frame=_name(content, "parent_frame"),
                optical_frame=_name(content, "optical_frame"),
                T_parent_optical=transform_from_yaml(content["parent_from_optical"]),
                link_frame=_name(content, "link_frame"),
                T_link_optical=transform_from_yaml(content["link_from_optical"]),
                K=np.array(image["K"], dtype=np.float64).reshape(3, 3),
                image_size=(int(image["width"]), int(image["height"])),
                board=str(content.get("board") or ""),
                calibrated_at=_time(content.get("calibrated_at")),
                quality=_quality(content.get("quality") or {}),
            )
        except (KeyError, TypeError, ValueError, DynaRendError) as error:
            raise ConfigurationError(f"{path} is not a camera file: {type(error).__name__} {error}") from error


def _name(content: Mapping[str, Any], key: str) -> str:
    name = content[key]
    if not isinstance(name, str) or not name:
        raise TypeError(f"{key} must be a name in quotes, got {name!r}")
    return name


def _time(entry: object) -> str:
    """ISO 8601 with its zone, empty for none; YAML makes a time without quotes a datetime."""
    text = str(entry or "").replace("Z", "+00:00")  # Python 3.10 knows no Z
    if text and datetime.datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"calibrated_at {text!r} has no zone: add +00:00 if it is UTC")
    return text


def _quality(entry: object) -> CalibrationQuality:
    if not isinstance(entry, Mapping):
        raise TypeError(f"quality must be a mapping, got {entry!r}")
    kinds: dict[str, Callable[[Any], Any]] = {f.name: type(f.default) for f in fields(CalibrationQuality)}
    return CalibrationQuality(**{name: kind(entry[name]) for name, kind in kinds.items() if name in entry})


def check_same_camera(path: Path, camera: str) -> None:
    """Keep one camera's calibration from being written over another's.

    Raises:
        ConfigurationError: the file is there, and is another camera's or no camera file.
    """
    if not path.exists():
        return
    found = read_yaml(path).get("camera")
    if found != camera:
        raise ConfigurationError(
            f"{path} is the file of camera {found!r}, not of {camera!r}: name another file, or move this one away"
        )


def utc_now() -> str:
    """The present second, ISO 8601 with its zone."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def read_yaml(path: Path) -> Mapping[str, Any]:
    """A YAML file's mapping.

    Raises:
        ConfigurationError: not YAML, or not a mapping.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no YAML mapping")
    return content


def transform_to_yaml(T: Array) -> dict[str, dict[str, float]]:
    """geometry_msgs/Transform in YAML: translation [m] and quaternion x y z w."""
    position, quat_xyzw = se3.to_pose(T)
    return {
        "translation": {k: float(v) for k, v in zip("xyz", position, strict=True)},
        "rotation": {k: float(v) for k, v in zip("xyzw", quat_xyzw, strict=True)},
    }


def transform_from_yaml(entry: Mapping[str, Mapping[str, float]]) -> Array:
    """``(4, 4)`` from what :func:`transform_to_yaml` wrote; KeyError or TypeError where it is malformed."""
    position = np.array([float(entry["translation"][k]) for k in "xyz"])
    return se3.from_pose(position, np.array([float(entry["rotation"][k]) for k in "xyzw"]))
