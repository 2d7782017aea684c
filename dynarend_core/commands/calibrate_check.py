"""``dynarend calibrate --check``: are the calibrations in use still true?"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dynarend_core.commands.json_report import write_json
from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import rotations, se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.perception.calibration.agreement import SEEN_WITHIN_M, Agreement, compare_clouds
from dynarend_core.perception.calibration.session import SESSION_FILE, read_session
from dynarend_core.perception.camera_file import CameraFile, SetUp
from dynarend_core.types import Array, CameraView

if TYPE_CHECKING:
    from rich.table import Table

MAX_DISAGREEMENT_MM = 8.0
MIN_ROBOT_SHARE = 0.8
MAX_JOINT_DIFFERENCE_RAD = 0.005
_BUMP = se3.make(rotations.rotation_y(np.deg2rad(0.7)), np.array([0.015, 0.0, 0.0]))
_SIZE = (640, 480)


@dataclass(frozen=True)
class CameraCheck:
    """One camera against the robot's model and the other cameras.

    Attributes:
        camera: Its name.
        robot_share: Share of the modelled robot's pixels where depth finds it (within 20 mm); None if out of sight.
        disagreement_mm: Median distance to the other cameras' clouds; None if no other camera sees the same.
        problem: Why it is not to be trusted; empty if it is.
    """

    camera: str
    robot_share: float | None
    disagreement_mm: float | None
    problem: str


def run(args: argparse.Namespace) -> int:
    """Check, draw, print; exit code 1 if a camera does not agree."""
    from rich.console import Console

    views, q = _simulated(args) if args.simulate else _recorded(args)
    agreement = compare_clouds(views, SCENE_AABB_BASE)
    robots = _robot_depths(views, q)
    checks = [_check(view, robots[view.name], agreement) for view in views]
    console = Console(highlight=False)
    console.print(_table(checks))
    for pair in agreement.pairs:
        console.print(f"{pair.first} in {pair.second}: {pair.median_mm:.1f} mm apart, offset {pair.offset_mm:+.1f} mm")
    for check in checks:
        if check.problem:
            console.print(f"[red]{check.camera}:[/] {check.problem}")
    out = args.out or Path("runs/check")
    picture = _draw(out / "check.png", views, robots, agreement, checks)
    console.print(f"picture: {picture}")
    report: dict[str, Any] = {"ok": not any(c.problem for c in checks), "cameras": [asdict(c) for c in checks]}
    report |= {"pairs": [asdict(p) for p in agreement.pairs], "suspect": agreement.suspect(), "picture": str(picture)}
    write_json(args.json, report)
    return 0 if report["ok"] else 1


def _recorded(args: argparse.Namespace) -> tuple[list[CameraView], Array]:
    """The last view of every camera's session below the folder, with the camera files' poses.

    Raises:
        ConfigurationError: no session, a camera without file, depth or joints, or sessions of different arm poses.
    """
    folders = sorted(p.parent for p in args.check.glob(f"*/{SESSION_FILE}")) if args.check != Path() else []
    if not folders:
        raise ConfigurationError(f"--check needs a folder with <camera>/{SESSION_FILE} of every camera, or --simulate")
    known = [CameraFile.load(path) for path in sorted(args.cameras.glob("*.yaml"))]
    files = {camera.camera: camera for camera in known}
    views: list[CameraView] = []
    q: Array | None = None
    for folder in folders:
        info, recorded = read_session(folder)
        last = recorded[-1]
        if info.camera not in files:
            raise ConfigurationError(f"{args.cameras} has no camera file of {info.camera!r}; it has {sorted(files)}")
        if last.depth_m is None or last.q is None:
            raise ConfigurationError(f"{folder}: the check needs depth and joint positions q in its last view")
        camera = files[info.camera]
        parent = last.T_base_gripper if camera.set_up is SetUp.EYE_IN_HAND else np.eye(4)
        T = parent @ camera.T_parent_optical
        views.append(CameraView(info.camera, last.rgb, last.depth_m, last.K, T, last.stamp_ns))
        if q is not None and (apart := float(np.abs(last.q - q).max())) > MAX_JOINT_DIFFERENCE_RAD:
            raise ConfigurationError(
                f"{folder}: in its last view a joint is {1e3 * apart:.1f} mrad from where it is in {folders[0]} "
                f"({1e3 * MAX_JOINT_DIFFERENCE_RAD:g} allowed): take all snapshots anew, at one pose of the arm"
            )
        q = last.q if q is None else q
    assert q is not None  # there is at least one folder
    return views, q


def _simulated(args: argparse.Namespace) -> tuple[list[CameraView], Array]:
    """Four cameras over a simulated task; with --bump one of them is not where its calibration says."""
    from dynarend_core.sim.mujoco.world import MujocoWorld

    world = MujocoWorld()
    try:
        world.reset("open_drawer", 0, seed=1)
        views, q = list(world.views(size=_SIZE)), world.q
    finally:
        world.close()
    if args.bump is not None and args.bump not in {v.name for v in views}:
        raise ConfigurationError(f"--bump {args.bump}: the cameras are {', '.join(v.name for v in views)}")
    rng = np.random.default_rng(0)
    noisy = []
    for view in views:
        depth = view.depth_m + 0.0025 * view.depth_m**2 * rng.normal(size=view.depth_m.shape)
        T = view.T_base_camera @ _BUMP if view.name == args.bump else view.T_base_camera
        noisy.append(replace(view, depth_m=depth.astype(np.float32), T_base_camera=T))
    return noisy, q


def _robot_depths(views: list[CameraView], q: Array) -> dict[str, Array]:
    from dynarend_core.sim.mujoco.robot_overlay import RobotOverlay

    depths = {}
    for view in views:
        overlay = RobotOverlay((view.rgb.shape[1], view.rgb.shape[0]))
        depths[view.name] = overlay.depth(q, view.K, view.T_base_camera)
        overlay.close()
    return depths


def _check(view: CameraView, robot_depth_m: Array, agreement: Agreement) -> CameraCheck:
    seen = np.isfinite(robot_depth_m) & np.isfinite(view.depth_m)
    share = float((np.abs(view.depth_m - robot_depth_m)[seen] < 0.02).mean()) if seen.sum() > 500 else None
    apart = agreement.camera_mm(view.name)
    problems = []
    if share is not None and share < MIN_ROBOT_SHARE:
        problems.append(f"depth finds the robot on {100 * share:.0f} % of its model only")
    if apart is not None and apart > MAX_DISAGREEMENT_MM and agreement.suspect() in (view.name, None):
        problems.append(
            f"its cloud is {apart:.1f} mm from the others' ({MAX_DISAGREEMENT_MM:g} allowed): calibrate it again"
        )
    if share is None and apart is None:
        problems.append(
            f"it sees neither the robot nor anything within {1e3 * SEEN_WITHIN_M:.0f} mm of what others see"
        )
    return CameraCheck(view.name, share, apart, "; ".join(problems))


def _table(checks: list[CameraCheck]) -> Table:
    from rich.table import Table

    table = Table(title="cameras against the robot's model and each other")
    for name in ("camera", "robot found", "apart from others", "verdict"):
        table.add_column(name)
    for c in checks:
        share = "-" if c.robot_share is None else f"{100 * c.robot_share:.0f} %"
        apart = "-" if c.disagreement_mm is None else f"{c.disagreement_mm:.1f} mm"
        table.add_row(c.camera, share, apart, "[red]look[/]" if c.problem else "[green]ok[/]")
    return table


def _draw(
    path: Path, views: list[CameraView], robots: dict[str, Array], agreement: Agreement, checks: list[CameraCheck]
) -> Path:
    from dynarend_core.visualization.calibration_check import disagreement_over_image, robot_over_image
    from dynarend_core.visualization.filmstrip import filmstrip

    frames = [robot_over_image(v.rgb, robots[v.name]) for v in views]
    frames += [disagreement_over_image(v.rgb, agreement.images_mm[v.name]) for v in views]
    robot = ["-" if c.robot_share is None else f"depth finds {100 * c.robot_share:.0f} % of it" for c in checks]
    apart = ["-" if c.disagreement_mm is None else f"median {c.disagreement_mm:.1f} mm" for c in checks]
    captions = [f"{c.camera}: model of the robot\n{words}" for c, words in zip(checks, robot, strict=True)]
    captions += [f"{c.camera}: apart from others\n{words}" for c, words in zip(checks, apart, strict=True)]
    title = "robot's model over the images; distance to the other cameras' clouds (blue 0, red 20 mm, grey: not shared)"
    ok = not any(c.problem for c in checks)
    sheet = filmstrip(
        frames,
        captions,
        title=title,
        success=ok,
        outcome="agree" if ok else "look",
        columns=len(views),
        frame_width=360,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), sheet[..., ::-1])
    return path
