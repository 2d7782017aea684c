"""easy_handeye2's calibration files (``~/.ros2/easy_handeye2/calibrations/<name>.calib``), written and read.

Its publisher sends parent -> tracking_base_frame. Where that is a driver's optical frame, the frame has two parents;
so we write the driver's root (link) frame there by default, which every reader handles.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from dynarend_core.errors import ConfigurationError, DynaRendError
from dynarend_core.perception.camera_file import CameraFile, SetUp, read_yaml, transform_from_yaml, transform_to_yaml
from dynarend_core.types import Array

_TYPES = {SetUp.EYE_IN_HAND: "eye_in_hand", SetUp.EYE_TO_HAND: "eye_on_base"}


@dataclass(frozen=True)
class EasyHandeyeCalibration:
    """What easy_handeye2's YAML says.

    Attributes:
        name: Calibration name.
        set_up: Who carries the camera.
        robot_base_frame: The robot's base.
        robot_effector_frame: Frame of the hand.
        tracking_base_frame: The camera's frame that is given a parent.
        tracking_marker_frame: The board.
        T_parent_tracking: ``(4, 4)`` tracking base frame in the effector (eye-in-hand) or base frame.
    """

    name: str
    set_up: SetUp
    robot_base_frame: str
    robot_effector_frame: str
    tracking_base_frame: str
    tracking_marker_frame: str
    T_parent_tracking: Array

    @staticmethod
    def from_camera_file(camera: CameraFile, base_frame: str, gripper_frame: str) -> EasyHandeyeCalibration:
        """Export: the pose of the driver's root frame, so that its publisher makes no second parent."""
        return EasyHandeyeCalibration(
            camera.camera, camera.set_up, base_frame, gripper_frame, camera.link_frame, "board", camera.T_parent_link
        )

    @property
    def parent_frame(self) -> str:
        """The frame the pose is given in."""
        return self.robot_effector_frame if self.set_up is SetUp.EYE_IN_HAND else self.robot_base_frame

    def T_parent_optical(self, T_tracking_optical: Array) -> Array:
        """Import: the optical frame's pose, given the driver's own tracking base -> optical (identity if the same)."""
        return self.T_parent_tracking @ T_tracking_optical

    def save(self, path: Path) -> None:
        """Write the YAML easy_handeye2 reads, folders included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parameters = {
            "name": self.name,
            "calibration_type": _TYPES[self.set_up],
            "robot_base_frame": self.robot_base_frame,
            "robot_effector_frame": self.robot_effector_frame,
            "tracking_base_frame": self.tracking_base_frame,
            "tracking_marker_frame": self.tracking_marker_frame,
            "freehand_robot_movement": True,
            "move_group_namespace": "/",
            "move_group": "manipulator",
        }
        content = {"parameters": parameters, "transform": transform_to_yaml(self.T_parent_tracking)}
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    @staticmethod
    def load(path: Path) -> EasyHandeyeCalibration:
        """Read its YAML.

        Raises:
            ConfigurationError: a missing or malformed entry, or an unknown calibration_type.
        """
        content = read_yaml(path)
        try:
            p = content["parameters"]
            set_up = {name: set_up for set_up, name in _TYPES.items()}[p["calibration_type"]]
            return EasyHandeyeCalibration(
                p["name"],
                set_up,
                p["robot_base_frame"],
                p["robot_effector_frame"],
                p["tracking_base_frame"],
                p["tracking_marker_frame"],
                transform_from_yaml(content["transform"]),
            )
        except (KeyError, TypeError, ValueError, DynaRendError) as error:
            raise ConfigurationError(
                f"{path} is not an easy_handeye2 calibration: {type(error).__name__} {error}; "
                f"calibration_type must be one of {', '.join(_TYPES.values())}"
            ) from error
