"""Reads a robot from its YAML file; ``config/robots/panda.yaml`` explains every entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import se3
from dynarend_core.planning.robot import GripperData, MoveItNames, Robot

Array = np.ndarray

_SECTIONS = {
    "base_frame": (),
    "arm": ("joints", "origins", "lower", "upper", "speeds", "accelerations", "home", "controller"),
    "tool": ("link", "in_last_joint", "tip", "points"),
    "gripper": ("kind", "name", "names", "joints", "open", "closed", "width_m", "max_effort"),
    "workspace": (),
    "keep_out": (),
    "moveit": ("config_package", "robot_name", "group", "free", "line"),
    "driver": (),
}
_OPTIONAL = {
    "keep_out",
    "driver",
    "gripper.name",
    "gripper.names",
    "gripper.max_effort",
    "tool.points",
    "moveit.free",
    "moveit.line",
}
_TOOL_POINTS = ((0.0, 0.0, 0.0), (0.0, 0.0, -0.055), (0.0, 0.0, -0.11))


def load_robot(path: Path) -> Robot:
    """The robot of a file.

    Raises:
        ConfigurationError: no such file, not YAML, an entry is missing, unknown or has a wrong value; names file,
            entry, value and what is expected.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"robot file {path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"robot file {path} is not YAML: {error}") from error
    try:
        _check_entries(data)
        return _robot(path.stem, data)
    except ConfigurationError as error:
        raise ConfigurationError(f"robot file {path}: {error}") from error


def _check_entries(data: Any) -> None:
    if not isinstance(data, Mapping):
        raise ConfigurationError("it must hold entries, e.g. `base_frame: base_link`")
    _compare("", data, _SECTIONS)
    for section, entries in _SECTIONS.items():
        if entries and section in data:
            if not isinstance(data[section], Mapping):
                raise ConfigurationError(f"{section} must hold the entries {', '.join(entries)}")
            _compare(f"{section}.", data[section], entries)


def _compare(prefix: str, present: Mapping[str, Any], known: Mapping[str, Any] | Sequence[str]) -> None:
    unknown = [f"{prefix}{key}" for key in present if key not in known]
    missing = [f"{prefix}{key}" for key in known if key not in present and f"{prefix}{key}" not in _OPTIONAL]
    if unknown or missing:
        raise ConfigurationError(f"unknown entries {unknown}, missing entries {missing}; known: {', '.join(known)}")


def _robot(name: str, data: Mapping[str, Any]) -> Robot:
    arm, tool, moveit = data["arm"], data["tool"], data["moveit"]
    boxes = _numbers("keep_out", data.get("keep_out") or np.zeros((0, 6)), 6)
    return Robot(
        name=name,
        base_frame=_text("base_frame", data["base_frame"]),
        joints=_names("arm.joints", arm["joints"]),
        origins=np.stack([_transform("arm.origins", row) for row in _numbers("arm.origins", arm["origins"], 6)]),
        T_last_tool=_transform("tool.in_last_joint", tool["in_last_joint"]),
        T_tool_tip=_transform("tool.tip", tool["tip"]),
        tool_points=_numbers("tool.points", tool.get("points", _TOOL_POINTS), 3),
        joint_range=_range(_vector("arm.lower", arm["lower"]), _vector("arm.upper", arm["upper"])),
        joint_speeds=_vector("arm.speeds", arm["speeds"]),
        joint_accelerations=_vector("arm.accelerations", arm["accelerations"]),
        home=_vector("arm.home", arm["home"]),
        workspace=_numbers("workspace", [data["workspace"]], 6).reshape(2, 3),
        keep_out=boxes.reshape(-1, 2, 3),
        controller=_text("arm.controller", arm["controller"]),
        gripper=_gripper(data["gripper"]),
        moveit=MoveItNames(
            config_package=_text("moveit.config_package", moveit["config_package"]),
            robot_name=_text("moveit.robot_name", moveit["robot_name"]),
            group=_text("moveit.group", moveit["group"]),
            tool_link=_text("tool.link", tool["link"]),
            **{key: _pair(f"moveit.{key}", moveit[key]) for key in ("free", "line") if key in moveit},
        ),
        driver=_text("driver", data.get("driver", "none")),
    )


def _gripper(data: Mapping[str, Any]) -> GripperData:
    numbers = {key: float(_vector(f"gripper.{key}", [data[key]])[0]) for key in ("open", "closed", "width_m")}
    if ("name" in data) == ("names" in data):
        raise ConfigurationError("gripper needs one of the entries gripper.name and gripper.names")
    names = _names("gripper.names", data["names"]) if "names" in data else (_text("gripper.name", data["name"]),)
    return GripperData(
        kind=_text("gripper.kind", data["kind"]),
        name=names[0],
        other_names=names[1:],
        joints=_names("gripper.joints", data["joints"]),
        open_position=numbers["open"],
        closed_position=numbers["closed"],
        width_m=numbers["width_m"],
        max_effort=float(_vector("gripper.max_effort", [data.get("max_effort", 20.0)])[0]),
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a name, got {value!r}")
    return value


def _names(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ConfigurationError(f"{name} must be a list of names, got {value!r}")
    return tuple(_text(name, v) for v in value)


def _pair(name: str, value: Any) -> tuple[str, str]:
    names = _names(name, value)
    if len(names) != 2:
        raise ConfigurationError(f"{name} must be [pipeline, planner], got {value!r}")
    return names[0], names[1]


def _vector(name: str, value: Any) -> Array:
    try:
        vector = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{name} must be numbers, got {value!r}") from error
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ConfigurationError(f"{name} must be a list of finite numbers, got {value!r}")
    return vector


def _range(lower: Array, upper: Array) -> Array:
    if lower.shape != upper.shape:
        raise ConfigurationError(f"arm.lower has {len(lower)} numbers, arm.upper {len(upper)}")
    return np.stack([lower, upper], axis=1)


def _numbers(name: str, rows: Any, width: int) -> Array:
    if not isinstance(rows, Sequence | np.ndarray) or isinstance(rows, str):
        raise ConfigurationError(f"{name} must be rows of {width} numbers, got {rows!r}")
    vectors = [_vector(name, row) for row in rows]
    if any(len(v) != width for v in vectors):
        raise ConfigurationError(f"{name} must be rows of {width} numbers, got {rows!r}")
    return np.array(vectors).reshape(-1, width)


def _transform(name: str, value: Any) -> Array:
    """``x y z roll pitch yaw`` as URDF means it, to ``(4, 4)``."""
    row = _vector(name, value)
    if len(row) != 6:
        raise ConfigurationError(f"{name} must be x y z roll pitch yaw, got {value!r}")
    return se3.make(Rotation.from_euler("xyz", row[3:]).as_matrix(), row[:3])
