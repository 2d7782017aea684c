"""Names of topics and services that more than one node uses; all relative, so namespaces and remappings work."""

from __future__ import annotations

JOINT_STATES = "joint_states"
INSTRUCTION = "instruction"
CLOUD = "cloud"
KEYFRAME = "keyframe"
EXECUTION_STATUS = "execution_status"
EXECUTION_MESSAGE = "execution_message"
ARM_TRAJECTORY = "joint_trajectory"
GRIPPER_TRAJECTORY = "gripper/joint_trajectory"
PLANNED_TRAJECTORY = "planned_trajectory"
LIMITS = "limits"
SAFETY_STATE = "safety_state"
HEARTBEAT = "operator_heartbeat"
TASK_STATUS = "task_status"
POLICY_STATUS = "policy_status"
TIME_REFERENCE = "time_reference"
OVERVIEW = "overview/image_raw"
RENDERED = "rendered/prediction"
FORESEEN = "rendered/future"
PREDICTION_ERROR = "prediction_error"
FUSION_LATENCY = "latency/fusion_ms"
POLICY_LATENCY = "latency/policy_ms"

EXECUTION_EVENT = "trajectory_execution_event"

RUN, STEP, DRAW, STOP, RESET = "run", "step", "draw", "stop", "reset"
CONFIRM = "confirm"
CAPTURE, SNAPSHOT, SOLVE = "calibration/capture", "calibration/snapshot", "calibration/solve"
CALIBRATION_ADVICE = "calibration/advice"
RECORD_START, RECORD_SAVE, RECORD_DISCARD = "record/start", "record/save", "record/discard"
RECORD_STATUS = "record/status"
EVALUATION_NEXT, EVALUATION_STATUS = "evaluation/next", "evaluation/status"
EVALUATION_SUCCESS, EVALUATION_FAILURE = "evaluation/success", "evaluation/failure"
ARM, DISARM, RESET_FAULT, SAFETY_STOP = "arm", "disarm", "reset_fault", "safety/stop"


def alive(node: str) -> str:
    """Topic of a node's signs of life; it only exists while the node does."""
    return f"alive/{node}"


def colour(camera: str) -> str:
    """Colour images of a camera."""
    return f"{camera}/color/image_raw"


def depth(camera: str) -> str:
    """Depth images of a camera, aligned to its colour images."""
    return f"{camera}/aligned_depth_to_color/image_raw"


def camera_info(camera: str) -> str:
    """Intrinsics of a camera's colour (and so of its aligned depth) images."""
    return f"{camera}/color/camera_info"


def aligned_depth_info(camera: str) -> str:
    """Intrinsics of the aligned depth images (the colour camera's)."""
    return f"{camera}/aligned_depth_to_color/camera_info"


def raw_depth(camera: str) -> str:
    """Depth images of a camera, not aligned."""
    return f"{camera}/depth/image_rect_raw"


def raw_depth_info(camera: str) -> str:
    """Intrinsics of the depth images that are not aligned."""
    return f"{camera}/depth/camera_info"


def camera_transform(camera: str) -> str:
    """Pose of the camera's optical frame in the base frame."""
    return f"{camera}/transform"


def calibrated_transform(camera: str) -> str:
    """Pose of the root of a camera driver's frames in the hand or base frame, once it is calibrated."""
    return f"{camera}/calibrated_transform"


def optical_frame(camera: str) -> str:
    """Name of a camera's optical frame."""
    return f"{camera}_color_optical_frame"


def depth_optical_frame(camera: str) -> str:
    """Name of the optical frame of a camera's depth sensor."""
    return f"{camera}_depth_optical_frame"


def link_frame(camera: str) -> str:
    """Root of a camera's own frames: the one that calibration gives a parent."""
    return f"{camera}_link"
