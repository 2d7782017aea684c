"""Parameters of the fusion node."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.fusers import DEVICES
from dynarend_core.perception.fusion import FusionConfig
from dynarend_ros.frame_checks import FrameLimits
from dynarend_ros.parameters import if_changed, if_higher, if_higher_or_off, if_lower, parameter

_AABB = tuple(float(v) for v in SCENE_AABB_BASE.reshape(-1).round(6))


@dataclass(frozen=True)
class FusionParameters:
    """Parameters of the fusion node."""

    cameras: tuple[str, ...] = parameter(
        ("front", "left_shoulder", "right_shoulder", "wrist"), "Camera names, the prefixes of their topics."
    )
    moving_cameras: tuple[str, ...] = parameter(("wrist",), "Cameras on the arm: an image needs the pose of its stamp.")
    extrinsics: str = parameter(
        "tf", "Where camera poses come from: /tf, or the topics <camera>/transform.", choices=("tf", "topic")
    )
    camera_files: tuple[str, ...] = parameter(
        ("",), "Camera files of dynarend calibrate, or folders of them; their cameras' places are published (TF)."
    )
    base_frame: str = parameter("panda_link0", "Frame of the cloud; parent of the camera transforms.")
    image_reliability: str = parameter(
        "best_effort", "best_effort matches every driver.", choices=("reliable", "best_effort")
    )
    sync_slop_s: float = parameter(
        0.034,
        "Largest stamp difference within a set [s]; 0: equal. Free-running cameras at 15 Hz are up to 33 ms apart.",
        low=0.0,
        high=1.0,
        relaxed=if_higher,
    )
    camera_timeout_s: float = parameter(
        0.4, "Go on without a camera that is silent this long [s, wall time].", low=0.01, high=60.0, relaxed=if_higher
    )
    min_cameras: int = parameter(1, "A set of fewer cameras gives no cloud.", low=1, high=64)
    pose_tolerance_s: float = parameter(
        0.02,
        "Stamp difference of image and moving pose, extrinsics topic [s].",
        low=0.0,
        high=1.0,
        relaxed=if_higher,
    )
    max_age_s: float = parameter(
        1.0, "Older images are refused [s]; 0: any age.", low=0.0, high=60.0, relaxed=if_higher_or_off
    )
    max_future_s: float = parameter(
        0.1, "Stamps further in the future are refused [s]; 0: any.", low=0.0, high=60.0, relaxed=if_higher_or_off
    )
    detect_frozen: bool = parameter(
        True, "Refuse depth images that repeat the last one bit by bit.", relaxed=if_changed
    )
    min_brightness: float = parameter(
        3.0, "Mean of a colour image (0 to 255) below which it is black.", low=0, high=255, relaxed=if_lower
    )
    min_valid_fraction: float = parameter(
        0.02, "Share of pixels that must have depth.", low=0.0, high=1.0, relaxed=if_lower
    )
    max_rate_hz: float = parameter(0.0, "Clouds a second at most; 0: one a set.", low=0.0, high=120.0)
    voxel_m: float = parameter(0.005, "Edge of a voxel of the cloud [m].", low=0.001, high=0.1)
    workspace: tuple[float, ...] = parameter(_AABB, "x y z minimum, x y z maximum of the kept box, base frame [m].")
    max_depth_m: float = parameter(10.0, "Depths beyond are ignored [m].", low=0.1, high=100.0)
    flying_ratio: float = parameter(
        0.0, "Drop pixels that hang between surfaces, farther from both than this share of their depth; 0: keep.",
        low=0.0, high=0.5,
    )  # fmt: skip
    normals: bool = parameter(False, "Also give normals (fields normal_x, normal_y, normal_z), towards the cameras.")
    device: str = parameter("cpu", "Where the cloud is made: compiled for the CPU, or torch on a GPU.", choices=DEVICES)
    self_filter_margin_m: float = parameter(
        -1.0, "Cut the Panda out of the cloud, and so much round it [m]; negative: leave it in.", low=-1.0, high=0.5
    )

    def __post_init__(self) -> None:
        box = np.array(self.workspace)
        if box.shape != (6,) or (box[3:] <= box[:3]).any():
            raise ConfigurationError(f"workspace must be 6 numbers, minimum before maximum, got {self.workspace}")
        if self.min_cameras > len(self.cameras):
            raise ConfigurationError(f"min_cameras {self.min_cameras} is more than the {len(self.cameras)} cameras")

    def limits(self) -> FrameLimits:
        """What is asked of every image."""
        return FrameLimits(
            self.max_age_s, self.max_future_s, self.min_brightness, self.detect_frozen, self.min_valid_fraction
        )

    def fusion(self) -> FusionConfig:
        """Configuration of the fuser; one thread, as all nodes."""
        box = np.array(self.workspace).reshape(2, 3)
        return FusionConfig(box, self.voxel_m, self.max_depth_m, 1, self.flying_ratio, self.normals)
