"""A calibration session in simulation: a well-spread set of poses, rendered, with the noise of real instruments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from dynarend_core.errors import ConfigurationError, PlanningError, SimulationError
from dynarend_core.geometry import cameras, rotations, se3
from dynarend_core.perception.calibration.boards import Board, BoardConfig
from dynarend_core.perception.calibration.sighting import CalibrationView
from dynarend_core.perception.camera_file import SetUp
from dynarend_core.planning.kinematics import ArmKinematics
from dynarend_core.planning.panda import HOME_Q
from dynarend_core.sim.mujoco.calibration_scene import CalibrationScene
from dynarend_core.types import Array

_FOV_Y_DEG = 42.6  # a RealSense D435's colour camera at 640 x 480
_GOLDEN = 2.399963


@dataclass(frozen=True)
class InstrumentNoise:
    """What real cameras and arms add; the defaults are those of a RealSense D435 and a Panda.

    Attributes:
        image_sigma: Noise of a colour value [of 255].
        blur_px: Blur of the lens, standard deviation [px].
        focal_error: Standard deviation of the relative error of the camera's reported focal length.
        center_error_px: The same of its principal point [px].
        distortion: Standard deviation of the radial distortion that rectification leaves (k1).
        depth_quadratic: Standard deviation of a depth over the depth squared [1/m].
        depth_scale_error: Standard deviation of a camera's depth scale.
        depth_missing: Share of pixels without depth.
        joint_offset_deg: Standard deviation of each joint's zero, constant in a session [deg].
        joint_noise_deg: Standard deviation of each joint's reading, new in every view [deg].
    """

    image_sigma: float = 3.0
    blur_px: float = 0.6
    focal_error: float = 0.0005
    center_error_px: float = 0.3
    distortion: float = 0.002
    depth_quadratic: float = 0.0025
    depth_scale_error: float = 0.003
    depth_missing: float = 0.03
    joint_offset_deg: float = 0.02
    joint_noise_deg: float = 0.02


@dataclass(frozen=True)
class SimulatedSessionConfig:
    """What is simulated.

    Attributes:
        set_up: Who carries the camera.
        board: What the person says is printed.
        true_scale: How much larger the print really is.
        poses: Number of views.
        seed: Of the camera's and board's true places, of the poses and of all noise.
        slip_at: The camera is bumped before this view; None: never.
        slip_mm: How far.
        slip_deg: By which angle.
        image_size: (width, height) [px].
        noise: Of the instruments.
    """

    set_up: SetUp = SetUp.EYE_IN_HAND
    board: BoardConfig = field(default_factory=BoardConfig)
    true_scale: float = 1.0
    poses: int = 15
    seed: int = 0
    slip_at: int | None = None
    slip_mm: float = 6.0
    slip_deg: float = 0.8
    image_size: tuple[int, int] = (640, 480)
    noise: InstrumentNoise = field(default_factory=InstrumentNoise)

    def __post_init__(self) -> None:
        if self.poses < 3:
            raise ConfigurationError(f"a session needs at least 3 poses, got {self.poses}")
        if self.seed < 0 or not 0.2 < self.true_scale < 5.0:
            raise ConfigurationError(f"seed must not be negative and true_scale lie in (0.2, 5), got {self}")


class SimulatedSession:
    """Truth, and views as the instruments would report them. Iterate to record; close when done.

    Attributes:
        T_parent_camera: ``(4, 4)`` the truth (before the camera slips).
        T_carrier_board: ``(4, 4)`` true board pose in base (eye-in-hand) or tip frame (eye-to-hand).
        K_reported: ``(3, 3)`` what the camera says about itself [px].
    """

    def __init__(self, config: SimulatedSessionConfig) -> None:
        self.config, self._rng = config, np.random.default_rng(config.seed)
        self._kinematics, self._in_hand = ArmKinematics(), config.set_up is SetUp.EYE_IN_HAND
        c, s = config.board, config.true_scale
        self._board = Board(BoardConfig(c.kind, c.columns, c.rows, s * c.square_m, s * c.marker_m, c.dictionary))
        nominal_camera, nominal_board = _places(self._in_hand)
        self.T_parent_camera = nominal_camera @ self._offset(0.015, 4.0)
        self.T_carrier_board = nominal_board @ self._offset(0.02, 4.0)
        width, height = config.image_size
        self._K = cameras.intrinsics_from_fov(width, height, np.deg2rad(_FOV_Y_DEG))
        self.K_reported = self._misread_intrinsics()
        n = config.noise
        self._bend = self._left_distortion(n.distortion * self._rng.normal())
        self._joint_offset = np.deg2rad(n.joint_offset_deg) * self._rng.normal(size=7)
        self._depth_scale = 1.0 + n.depth_scale_error * self._rng.normal()
        self._scene = CalibrationScene(
            self._board, config.set_up, self.T_parent_camera, self.T_carrier_board, _FOV_Y_DEG, config.image_size
        )

    def __iter__(self) -> Iterator[CalibrationView]:
        slip = self._offset(0.0, 0.0, self.config.slip_mm / 1e3, self.config.slip_deg)
        for i in range(self.config.poses):
            q = self._next_pose(i)
            if i == self.config.slip_at:
                self._scene.place_camera(self.T_parent_camera @ slip)
            yield self._record(q, stamp_ns=round(3e9) * i)

    def close(self) -> None:
        """Free the renderer."""
        self._scene.close()

    def _offset(self, max_m: float, max_deg: float, exactly_m: float = 0.0, exactly_deg: float = 0.0) -> Array:
        axis, direction = (v / np.linalg.norm(v) for v in self._rng.normal(size=(2, 3)))
        angle = np.deg2rad(exactly_deg or self._rng.uniform(0.0, max_deg))
        shift = exactly_m * direction if exactly_m else self._rng.uniform(-max_m, max_m, size=3)
        return se3.make(rotations.matrix_from_rotation_vector(angle * axis), shift)

    def _misread_intrinsics(self) -> Array:
        K, n = self._K.copy(), self.config.noise
        K[[0, 1], [0, 1]] *= 1.0 + n.focal_error * self._rng.normal()
        K[:2, 2] += n.center_error_px * self._rng.normal(size=2)
        return K

    def _left_distortion(self, k1: float) -> tuple[Array, Array]:
        """Maps for cv2.remap."""
        width, height = self.config.image_size
        K = self._K - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # OpenCV: pixel centres at integers
        k = np.array([k1, 0.0, 0.0, 0.0])
        return cv2.initUndistortRectifyMap(K, k, np.eye(3), K, (width, height), cv2.CV_32FC1)

    def _next_pose(self, index: int) -> Array:
        """Joints that show the board tilted to side after side, turned, nearer and farther, off the middle."""
        for attempt in range(200):
            wanted = self._wanted_view(index + 0.37 * attempt, gentle=min(1.0, attempt / 100.0))
            if self._in_hand:
                T_base_tip = self.T_carrier_board @ se3.inverse(wanted) @ se3.inverse(self.T_parent_camera)
            else:
                T_base_tip = self.T_parent_camera @ wanted @ se3.inverse(self.T_carrier_board)
            if T_base_tip[2, 3] < 0.12 or not self._board_in_view(wanted):
                continue
            try:
                q = self._kinematics.inverse(T_base_tip, HOME_Q, restarts=3, rng=self._rng)
            except PlanningError:
                continue
            if self._in_hand or se3.apply(T_base_tip @ self.T_carrier_board, self._board.points)[:, 2].min() > 0.03:
                return q
        raise SimulationError("no reachable pose shows the board; is it larger than 50 cm?")

    def _wanted_view(self, k: float, gentle: float) -> Array:
        """Board in the camera frame for the k-th of a spread of views."""
        rng = self._rng
        tilt = np.deg2rad(rng.uniform(12.0, 38.0) * (1.0 - 0.6 * gentle))
        about = _GOLDEN * k
        turn = np.deg2rad(rng.uniform(-50.0, 50.0) * (1.0 - 0.6 * gentle))
        R = rotations.matrix_from_rotation_vector(
            tilt * np.array([np.cos(about), np.sin(about), 0.0])
        ) @ rotations.rotation_z(turn)
        size = float(np.linalg.norm(self._board.size_m))
        z = size * rng.uniform(1.35, 2.1)
        x, y = rng.uniform(-0.12, 0.12, size=2) * z
        return se3.make(R, np.array([x, y, z]))

    def _board_in_view(self, T_camera_board: Array) -> bool:
        camera = se3.apply(T_camera_board, self._board.points)
        uv = (camera @ self._K.T)[:, :2] / camera[:, 2:]
        return bool(((uv > 8) & (uv < np.array(self.config.image_size) - 8)).all())

    def _record(self, q: Array, stamp_ns: int) -> CalibrationView:
        n, rng = self.config.noise, self._rng
        rgb, depth_m = self._scene.render(q)
        rgb = cv2.remap(rgb, *self._bend, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        depth_m = cv2.remap(depth_m, *self._bend, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
        blurred = cv2.GaussianBlur(rgb, (0, 0), n.blur_px) if n.blur_px > 0 else rgb
        noisy = blurred + n.image_sigma * rng.normal(size=rgb.shape)
        depth = depth_m * self._depth_scale + n.depth_quadratic * depth_m**2 * rng.normal(size=depth_m.shape)
        depth[rng.uniform(size=depth.shape) < n.depth_missing] = np.nan
        depth = (np.round(1e3 * depth) / 1e3).astype(np.float32)  # millimetres, as RealSense gives
        read = q + self._joint_offset + np.deg2rad(n.joint_noise_deg) * rng.normal(size=7)
        return CalibrationView(
            np.clip(noisy.round(), 0, 255).astype(np.uint8),
            depth,
            self.K_reported,
            self._kinematics.forward(read),
            read,
            stamp_ns,
        )


def _places(in_hand: bool) -> tuple[Array, Array]:
    """Nominal camera in its parent and board in its carrier."""
    if in_hand:  # a camera on the hand looks forward along it; the board lies on a flat box
        R = rotations.rotation_z(np.pi / 2) @ rotations.rotation_x(np.deg2rad(-5.0))
        camera = se3.make(R, np.array([-0.07, 0.0, -0.08]))
        return camera, se3.make(rotations.rotation_x(np.pi), np.array([0.48, 0.0, 0.035]))
    # a camera before the robot looks back at it; the gripper holds the board at its upper edge
    eye, target = np.array([1.25, 0.05, 0.55]), np.array([0.45, 0.0, 0.35])
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    camera = se3.make(np.stack([right, np.cross(forward, right), forward], axis=1), eye)
    R = np.stack([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]], axis=1)
    return camera, se3.make(R, np.array([0.0, 0.0, 0.1]))
