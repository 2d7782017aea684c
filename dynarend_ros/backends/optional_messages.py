"""Message packages that come with MoveIt and ros2_control and not with the wheels, imported where they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from dynarend_core.errors import MissingDependencyError


def messages(module: str) -> ModuleType:
    """A module such as ``moveit_msgs.msg``.

    Raises:
        MissingDependencyError: the package is not installed; names what installs it.
    """
    package = module.split(".")[0]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        debian = f"ros-$ROS_DISTRO-{package.replace('_', '-')}"
        raise MissingDependencyError(f"{package} is not installed: sudo apt install {debian}") from error


def control_action(name: str) -> Any:
    """An action of control_msgs.

    Raises:
        MissingDependencyError: control_msgs is not installed, or this release has no such action.
    """
    module = messages("control_msgs.action")
    if not hasattr(module, name):
        raise MissingDependencyError(f"this release of control_msgs has no action {name}; choose another gripper kind")
    return getattr(module, name)
