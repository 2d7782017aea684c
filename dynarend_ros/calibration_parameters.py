"""Parameters of the calibration node; what belongs to a camera is named after it."""

from __future__ import annotations

from dataclasses import dataclass

from dynarend_core.perception.camera_file import SetUp
from dynarend_core.planning.panda import JOINT_NAMES
from dynarend_ros import topics
from dynarend_ros.parameters import parameter


@dataclass(frozen=True)
class CalibrationParameters:
    """Parameters of the calibration node."""

    camera: str = parameter("front", "Camera name, the prefix of its topics.")
    set_up: str = parameter("eye-to-hand", "Who carries the camera.", choices=tuple(s.value for s in SetUp))
    session: str = parameter("", "Folder to record into, must not hold a session; empty: runs/calibration/<camera>.")
    camera_file: str = parameter("", "Camera file to write; empty: config/cameras/<camera>.yaml.")
    base_frame: str = parameter("panda_link0", "The robot's base.")
    gripper_frame: str = parameter("panda_hand", "The hand's frame; its pose comes from the joints of a Panda.")
    link_frame: str = parameter(
        "", "Root of the camera driver's own frames: what is given a parent; empty: <camera>_link."
    )
    link_from_optical: tuple[float, ...] = parameter(
        (0.0, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5),
        "Optical frame in the link frame, from the driver's TF: x y z [m], quaternion x y z w.",
    )
    board: str = parameter("charuco", "Pattern.", choices=("charuco", "apriltag"))
    columns: int = parameter(7, "Squares or tags in a row.", low=3, high=50)
    rows: int = parameter(5, "Rows.", low=3, high=50)
    square_m: float = parameter(
        0.04, "Edge of a square, or tag to tag, measured on the print [m].", low=0.001, high=1.0
    )
    marker_m: float = parameter(0.03, "Edge of a marker [m].", low=0.001, high=1.0)
    arm_joints: tuple[str, ...] = parameter(JOINT_NAMES, "Arm joints, base to wrist, as in joint_states.")
    image_reliability: str = parameter("best_effort", "As for fusion_node.", choices=("reliable", "best_effort"))

    def __post_init__(self) -> None:
        named = {
            "session": f"runs/calibration/{self.camera}",
            "camera_file": f"config/cameras/{self.camera}.yaml",
            "link_frame": topics.link_frame(self.camera),
        }
        for field, default in named.items():
            object.__setattr__(self, field, getattr(self, field) or default)
