"""Recorded RLBench demonstrations (PerAct's layout), turned into this project's frames and units.

RLBench's world becomes the robot's base frame, its cameras (x left, y up, negative focal lengths) become optical
ones, its 24-bit depth becomes metres. ``docs/data.md`` describes the layout.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from dynarend_core.datasets.keyframes import discover_keyframes, ignore_collisions_label
from dynarend_core.datasets.rlbench_pickle import load_pickle
from dynarend_core.errors import DatasetError
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import T_WORLD_BASE
from dynarend_core.types import CameraView, GripperState, Keyframe, Observation

Array = np.ndarray

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist", "overhead")
FRAME_PERIOD_NS = 50_000_000
"""RLBench records at 20 Hz."""

JOINT4_OFFSET = 0.0687
"""RLBench's Panda counts joint 4 from another zero than Franka's own model [rad]."""

_DEPTH_FULL_SCALE = 2**24 - 1
_OFFSET_FACTOR = 0.5
_MAX_SLOPE = 0.05


@dataclass(frozen=True)
class RLBenchEpisode:
    """One demonstration. Low-dimensional data is in memory; images are decoded when asked for.

    Attributes:
        path: Episode folder.
        instructions: Phrasings of the instruction; the first is the one PerAct and RVT use.
            Empty if the file is missing.
        variation: Variation of the task.
        cameras: Names of the recorded cameras.
        grippers: Gripper state of each frame, base frame.
        q: ``(n, 7)`` joint positions [rad], Franka's own zero.
        joint_velocities: ``(n, 7)`` [rad/s].
        ignore_collisions: ``(n,)`` bool, or None if the generator did not record it.
        calibration: RLBench's own camera entries of each frame (``misc``).
    """

    path: Path
    instructions: tuple[str, ...]
    variation: int
    cameras: tuple[str, ...]
    grippers: tuple[GripperState, ...]
    q: Array
    joint_velocities: Array
    ignore_collisions: Array | None
    calibration: tuple[dict[str, Array | float], ...]

    def __len__(self) -> int:
        return len(self.grippers)

    def keyframes(self) -> list[int]:
        """Frames at which the demonstration reached a keyframe."""
        return discover_keyframes(np.array([g.is_open for g in self.grippers]), self.joint_velocities)

    def label(self, frame: int) -> Keyframe:
        """What the policy should have said to reach ``frame``."""
        flags = self.ignore_collisions
        ignore = ignore_collisions_label(flags, frame) if flags is not None else False
        return Keyframe(self.grippers[frame].T_base_gripper, self.grippers[frame].is_open, ignore)

    def views(self, frame: int, cameras: tuple[str, ...] | None = None) -> tuple[CameraView, ...]:
        """Decode the images of one frame.

        Raises:
            DatasetError: an unknown camera, or an image that is missing or damaged.
        """
        return tuple(self._view(frame, name) for name in (self.cameras if cameras is None else cameras))

    def observation(
        self, frame: int, instruction: str | None = None, step: int = 0, cameras: tuple[str, ...] | None = None
    ) -> Observation:
        """What the robot saw at ``frame``, told ``instruction`` (default: the first phrasing).

        Raises:
            DatasetError: as for :meth:`views`, or the episode came without an instruction and none is given.
        """
        if instruction is None and not self.instructions:
            raise DatasetError(f"{self.path} has no variation_descriptions.pkl; give the instruction yourself")
        words = self.instructions[0] if instruction is None else instruction
        views = self.views(frame, cameras)
        return Observation(views, self.grippers[frame], words, step, self.q[frame], frame * FRAME_PERIOD_NS)

    def _view(self, frame: int, name: str) -> CameraView:
        if name not in self.cameras:
            raise DatasetError(f"{self.path} has no camera {name!r}; it has {', '.join(self.cameras)}")
        misc = self.calibration[frame]
        rgb = _read_png(self.path / f"{name}_rgb" / f"{frame}.png")
        fraction = _decode_depth(_read_png(self.path / f"{name}_depth" / f"{frame}.png"))
        near, far = float(misc[f"{name}_camera_near"]), float(misc[f"{name}_camera_far"])
        # A ray that hits nothing is stored as the far plane.
        depth = np.where(fraction < 1.0, _remove_polygon_offset(near + fraction * (far - near)), np.nan)
        K, T_world_camera = _optical(
            np.asarray(misc[f"{name}_camera_intrinsics"]), np.asarray(misc[f"{name}_camera_extrinsics"])
        )
        T_base_camera = se3.inverse(T_WORLD_BASE) @ T_world_camera
        return CameraView(name, rgb, depth.astype(np.float32), K, T_base_camera, frame * FRAME_PERIOD_NS)


def read_episode(path: Path | str) -> RLBenchEpisode:
    """Open an episode folder (``.../episodes/episode0``).

    Raises:
        DatasetError: missing or damaged files.
        UnsafePickleError: a pickle asks for more than an episode needs.
    """
    path = Path(path)
    if not path.is_dir():
        raise DatasetError(f"{path} is not a folder; give an RLBench episode, e.g. .../episodes/episode0")
    demo = load_pickle(path / "low_dim_obs.pkl")
    frames = getattr(demo, "_observations", None)
    if not frames:
        raise DatasetError(f"{path / 'low_dim_obs.pkl'} holds no observations; it is not an RLBench demonstration")
    try:
        return _episode(path, frames)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path / 'low_dim_obs.pkl'} lacks what an RLBench demonstration has ({type(error).__name__}: {error})"
        ) from error


def _episode(path: Path, frames: list[SimpleNamespace]) -> RLBenchEpisode:
    q = np.stack([np.asarray(f.joint_positions, dtype=np.float64) for f in frames])
    q[:, 3] += JOINT4_OFFSET
    flags = [getattr(f, "ignore_collisions", None) for f in frames]
    cameras = tuple(c for c in CAMERAS if (path / f"{c}_rgb").is_dir() and f"{c}_camera_extrinsics" in frames[0].misc)
    if not cameras:
        raise DatasetError(f"{path} has no camera folders such as front_rgb; copy the images of the episode too")
    return RLBenchEpisode(
        path=path,
        instructions=_instructions(path, frames[0]),
        variation=_variation(path, frames[0]),
        cameras=cameras,
        grippers=tuple(_gripper(f) for f in frames),
        q=q,
        joint_velocities=np.stack([np.asarray(f.joint_velocities, dtype=np.float64) for f in frames]),
        ignore_collisions=None if None in flags else np.array(flags, dtype=np.float64) > 0.5,
        calibration=tuple(f.misc for f in frames),
    )


def _instructions(path: Path, first: SimpleNamespace) -> tuple[str, ...]:
    """Per episode (PerAct's generator), per variation (RLBench's own), or in the recording itself."""
    for candidate in (path / "variation_descriptions.pkl", path.parent.parent / "variation_descriptions.pkl"):
        if candidate.is_file():
            return tuple(str(s) for s in load_pickle(candidate))
    return tuple(str(s) for s in first.misc.get("descriptions", ()))


def _variation(path: Path, first: SimpleNamespace) -> int:
    file = path / "variation_number.pkl"
    return int(load_pickle(file)) if file.is_file() else int(first.misc.get("variation_index", 0))


def _gripper(frame: SimpleNamespace) -> GripperState:
    pose = np.asarray(frame.gripper_pose, dtype=np.float64)
    fingers = frame.gripper_joint_positions
    is_open = float(frame.gripper_open) > 0.5
    width = float(np.sum(fingers)) if fingers is not None else 0.08 * is_open
    return GripperState(se3.inverse(T_WORLD_BASE) @ se3.from_pose(pose[:3], pose[3:]), is_open, width)


def _optical(intrinsics: Array, T_world_camera: Array) -> tuple[Array, Array]:
    """RLBench's matrices (x left, y up, negative focal lengths) in optical axes with positive ones."""
    sign = np.sign([intrinsics[0, 0], intrinsics[1, 1], 1.0])
    K = np.diag([abs(intrinsics[0, 0]), abs(intrinsics[1, 1]), 1.0])
    K[:2, 2] = intrinsics[:2, 2]
    T = np.asarray(T_world_camera, dtype=np.float64).copy()
    T[:3, :3] = T[:3, :3] * sign
    return K, T


def _decode_depth(rgb: Array) -> Array:
    """24-bit depth image (red is the high byte) to the fraction between near and far plane."""
    high, middle, low = np.moveaxis(rgb.astype(np.float64), -1, 0)
    return (high * 65536.0 + middle * 256.0 + low) / _DEPTH_FULL_SCALE


def _remove_polygon_offset(depth: Array) -> Array:
    """Undo the renderer's polygon offset: it pushes each surface back by half its depth slope per pixel.

    Measured: without this the table of recorded episodes lies 0.6 to 3.6 mm too low, exactly
    ``0.5 * max(|d depth / du|, |d depth / dv|)``, in every camera pose. At an edge the side with the smaller slope
    counts; a pixel without a smooth neighbour (slope over 5 %) stays as it is.
    """
    slopes = []
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis))
        edge = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
        padded = np.pad(step, edge, constant_values=np.inf)
        slopes.append(np.minimum(np.delete(padded, 0, axis), np.delete(padded, -1, axis)))
    slope = np.maximum(*slopes)
    return np.where(slope < _MAX_SLOPE * depth, depth - _OFFSET_FACTOR * slope, depth)


def _read_png(path: Path) -> Array:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise DatasetError(f"{path} is missing; copy the episode again") from None
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's words for damaged files
        raise DatasetError(f"{path} is damaged ({error}); copy the episode again") from error
