"""Finds the file of a robot: a name in ``config/robots/``, or a path."""

from __future__ import annotations

from pathlib import Path

from dynarend_core.errors import ConfigurationError
from dynarend_core.planning.robot import Robot
from dynarend_core.planning.robot_file import load_robot
from dynarend_ros.graph import share_folder


def robot_names() -> tuple[str, ...]:
    """Robots that come with the package."""
    return tuple(sorted(path.stem for path in (share_folder("config") / "robots").glob("*.yaml")))


def find_robot(name: str) -> Robot:
    """The robot of that name, or of the YAML file at that path.

    Raises:
        ConfigurationError: no such robot, or its file is wrong.
    """
    if name.endswith((".yaml", ".yml")):
        return load_robot(Path(name))
    if name not in robot_names():
        choices = ", ".join(robot_names())
        raise ConfigurationError(f"robot {name!r} is not one of {choices}; give one of them or the path of a YAML file")
    return load_robot(share_folder("config") / "robots" / f"{name}.yaml")
