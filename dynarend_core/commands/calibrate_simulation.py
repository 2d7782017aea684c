"""``dynarend calibrate --simulate``: sessions with known truth."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dynarend_core.commands import calibrate_session
from dynarend_core.commands.json_report import write_json
from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import rotations
from dynarend_core.perception.calibration.boards import Board
from dynarend_core.perception.calibration.calibrator import calibrate, find_boards
from dynarend_core.perception.calibration.report import CalibrationReport
from dynarend_core.perception.calibration.session import SessionInfo, SessionWriter
from dynarend_core.perception.camera_file import SetUp

if TYPE_CHECKING:
    from rich.table import Table

    from dynarend_core.sim.mujoco.calibration_session import SimulatedSessionConfig


@dataclass(frozen=True)
class SimulatedResult:
    """One session against the truth: distance and angle of the camera's pose."""

    seed: int
    error_mm: float
    error_deg: float
    report: CalibrationReport


def run(args: argparse.Namespace) -> int:
    """Simulate, solve, compare; exit code 1 if a session is refused."""
    from rich.console import Console

    if args.seeds < 1:
        raise ConfigurationError(f"--seeds must be at least 1, got {args.seeds}")
    console = Console()
    results: list[SimulatedResult] = []
    for seed in range(args.seed_start, args.seed_start + args.seeds):
        with console.status(f"seed {seed}: {len(results)} of {args.seeds} done"):
            results.append(_one(args, seed, last=seed == args.seed_start + args.seeds - 1))
    if args.seeds == 1:
        calibrate_session.print_report(results[0].report, f"simulated, {args.set_up}, seed {args.seed_start}")
    console.print(_table(results, args))
    for result in results:
        for words in result.report.problems:
            console.print(f"seed {result.seed} [red]refused:[/] {words}", highlight=False)
    write_json(args.json, _as_json(results, args))
    return 0 if all(r.report.ok for r in results) else 1


def session_config(args: argparse.Namespace, seed: int) -> SimulatedSessionConfig:
    """What the command line asks for."""
    from dynarend_core.sim.mujoco.calibration_session import InstrumentNoise, SimulatedSessionConfig

    noise = InstrumentNoise() if args.joint_offset is None else InstrumentNoise(joint_offset_deg=args.joint_offset)
    return SimulatedSessionConfig(
        set_up=SetUp(args.set_up),
        board=calibrate_session.board_config(args),
        true_scale=args.true_scale,
        poses=args.poses,
        seed=seed,
        slip_at=args.slip_at,
        noise=noise,
    )


def _one(args: argparse.Namespace, seed: int, last: bool) -> SimulatedResult:
    from dynarend_core.sim.mujoco.calibration_session import SimulatedSession

    config = session_config(args, seed)
    session = SimulatedSession(config)
    try:
        views = list(session)
    finally:
        session.close()
    if last and args.record is not None:
        writer = SessionWriter(args.record, SessionInfo(config.set_up, "simulated", config.board, gripper_frame="tip"))
        for view in views:
            writer.add(view)
    sightings, rejections = find_boards(views, Board(config.board))
    report = calibrate(sightings, rejections, config.set_up)
    if last and args.picture is not None:
        title = f"simulated, {config.set_up.value}, seed {seed}"
        calibrate_session.write_picture(args.picture, views, sightings, report, title)
    error = np.linalg.norm(report.T_parent_camera[:3, 3] - session.T_parent_camera[:3, 3])
    angle = rotations.rotation_angle(report.T_parent_camera[:3, :3], session.T_parent_camera[:3, :3])
    return SimulatedResult(seed, 1e3 * float(error), float(np.degrees(angle)), report)


def _table(results: list[SimulatedResult], args: argparse.Namespace) -> Table:
    from rich.table import Table

    table = Table(title=f"{args.set_up}, {args.poses} poses a session, against the truth")
    for name in ("seed", "error mm", "error °", "left out mm", "residual px", "board size", "slip evidence", "verdict"):
        table.add_column(name, justify="right")
    for r in results:
        p = r.report
        table.add_row(
            str(r.seed), f"{r.error_mm:.2f}", f"{r.error_deg:.3f}", f"{p.left_out_mm:.1f}", f"{p.residual_px:.2f}",
            f"{p.scale.scale:.4f}", f"{p.slip.evidence:.1f}", "[green]usable[/]" if p.ok else "[red]refused[/]",
        )  # fmt: skip
    if len(results) > 1:
        table.add_section()
        table.add_row("worst", f"{max(r.error_mm for r in results):.2f}", f"{max(r.error_deg for r in results):.3f}")
    return table


def _as_json(results: list[SimulatedResult], args: argparse.Namespace) -> dict[str, Any]:
    return {
        "set_up": args.set_up,
        "poses": args.poses,
        "board": str(calibrate_session.board_config(args)),
        "true_scale": args.true_scale,
        "slip_at": args.slip_at,
        "worst_mm": max(r.error_mm for r in results),
        "worst_deg": max(r.error_deg for r in results),
        "mean_mm": float(np.mean([r.error_mm for r in results])),
        "mean_deg": float(np.mean([r.error_deg for r in results])),
        "refused": sum(not r.report.ok for r in results),
        "sessions": [
            {"seed": r.seed, "error_mm": r.error_mm, "error_deg": r.error_deg}
            | calibrate_session.report_as_json(r.report)
            for r in results
        ],
    }
