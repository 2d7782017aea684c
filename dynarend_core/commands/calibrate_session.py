"""Solving a recorded session for ``dynarend calibrate``: report, camera file, picture."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from dynarend_core.errors import ConfigurationError
from dynarend_core.geometry import se3
from dynarend_core.perception.calibration._reprojection import known_transforms
from dynarend_core.perception.calibration.boards import Board, BoardConfig
from dynarend_core.perception.calibration.calibrator import calibrate, find_boards
from dynarend_core.perception.calibration.report import CalibrationReport, camera_file
from dynarend_core.perception.calibration.session import SessionInfo, read_session
from dynarend_core.perception.calibration.sighting import CalibrationView, Sighting
from dynarend_core.perception.camera_file import check_same_camera
from dynarend_core.perception.easy_handeye import EasyHandeyeCalibration

if TYPE_CHECKING:
    from rich.table import Table

_DPI = 300


def draw_board(args: argparse.Namespace) -> int:
    """Write the board for the printer."""
    board = Board(board_config(args))
    width, height = (1e3 * float(v) for v in board.size_m)
    image = board.draw(_DPI / 0.0254, margin_m=0.005)
    args.draw_board.parent.mkdir(parents=True, exist_ok=True)
    from PIL import Image

    Image.fromarray(image).save(args.draw_board, dpi=(_DPI, _DPI))
    print(f"{args.draw_board}: {board.config}; {width:.0f} x {height:.0f} mm at {_DPI} dpi, print at 100 %")
    return 0


def board_config(args: argparse.Namespace) -> BoardConfig:
    """The board of the command line."""
    return BoardConfig(args.board, args.columns, args.rows, args.square or 0.04, args.marker or 0.03)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Solve, print, write; returns the report for ``--json``."""
    info, views = read_session(args.session)
    if args.square or args.marker:
        board = replace(
            info.board, square_m=args.square or info.board.square_m, marker_m=args.marker or info.board.marker_m
        )
        info = replace(info, board=board)
    sightings, rejections = find_boards(views, Board(info.board), first=args.from_view)
    report = calibrate(sightings, rejections, info.set_up)
    print_report(report, f"{args.session}: {info.camera}, {info.set_up.value}, {info.board}")
    if args.picture is not None:
        write_picture(args.picture, views, sightings, report, f"{info.camera}, {info.set_up.value}")
    if report.ok:
        _write_files(args, info, views[0], report)
    elif args.out is not None:
        print(f"{args.out} was not written")
    return report_as_json(report)


def _write_files(args: argparse.Namespace, info: SessionInfo, view: CalibrationView, report: CalibrationReport) -> None:
    camera = camera_file(report, info, view)
    if args.out is not None:
        if args.out.is_dir():
            raise ConfigurationError(f"{args.out} is a folder; name a file, e.g. {args.out / (info.camera + '.yaml')}")
        check_same_camera(args.out, info.camera)
        camera.save(args.out)
        print(f"camera file: {args.out}")
    if args.easy_handeye is not None:
        EasyHandeyeCalibration.from_camera_file(camera, info.base_frame, info.gripper_frame).save(args.easy_handeye)
        print(f"easy_handeye2 file: {args.easy_handeye}")


def print_report(report: CalibrationReport, title: str) -> None:
    """Table of the views, the methods, the tests, and the verdict."""
    from rich.console import Console

    console = Console(highlight=False)
    console.print(_view_table(report, title))
    for r in report.rejected:
        console.print(f"view {r.index} refused: {r.reason}")
    methods = ", ".join(f"{m.name} {m.mm:.1f} mm {m.deg:.2f}°" for m in report.methods)
    console.print(f"closed forms against the refined pose: {methods}")
    console.print(
        f"residual {report.residual_px:.2f} px, left-out views missed by {report.left_out_mm:.1f} mm, "
        f"camera known to {report.uncertainty_mm:.1f} mm and {report.uncertainty_deg:.2f}° (standard error)"
    )
    depth = "no depth" if report.depth_ratio is None else f"depth / PnP distance {report.depth_ratio:.3f}"
    console.print(f"board size by the arm's motion: {report.scale.scale:.4f} of what was stated; {depth}")
    for words in report.warnings:
        console.print(f"[yellow]look at this:[/] {words}")
    for words in report.problems:
        console.print(f"[red]refused:[/] {words}")
    if report.ok:
        console.print("[green]usable[/]")


def _view_table(report: CalibrationReport, title: str) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), caption="left out: the board from where the other views expect it")
    for name in ("view", "residual px", "left out mm", "left out °", "arm mm", "depth - PnP mm", "tilt °"):
        table.add_column(name, justify="right")
    for v in report.views:
        depth = ("-", "-") if v.depth is None else (f"{v.depth.offset_mm:+.1f}", f"{v.depth.tilt_deg:.2f}")
        numbers = (f"{v.residual_px:.2f}", f"{v.left_out_mm:.1f}", f"{v.left_out_deg:.2f}", f"{v.arm_mm:.1f}")
        style = "red" if v.index in report.outliers else None
        table.add_row(str(v.index), *numbers, *depth, style=style)
    return table


def write_picture(
    path: Path,
    views: Sequence[CalibrationView],
    sightings: Sequence[Sighting],
    report: CalibrationReport,
    title: str,
) -> None:
    """All views with found corners, and where the calibration and the reported hand pose expect them."""
    from dynarend_core.visualization.calibration_sheet import ViewPicture, calibration_sheet

    results = {v.index: v for v in report.views}
    known = dict(zip((s.index for s in sightings), known_transforms(sightings, report.set_up), strict=True))
    seen = {s.index: s for s in sightings}
    reasons = {r.index: r.reason for r in report.rejected}
    pictures = []
    for i, view in enumerate(views):
        if i in seen:
            expected = _expected(report, seen[i], known[i])
            words = f"view {i}: left out {results[i].left_out_mm:.1f} mm\nresidual {results[i].residual_px:.2f} px"
            pictures.append(ViewPicture(view.rgb, seen[i].detection.pixels, expected, words))
        elif i in reasons:
            empty = np.empty((0, 2))
            pictures.append(ViewPicture(view.rgb, empty, empty, f"view {i}: refused\n{reasons[i]}", refused=True))
    words = f"{title}: left-out views missed by {report.left_out_mm:.1f} mm; errors drawn 20 times enlarged"
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), calibration_sheet(pictures, words, report.ok)[..., ::-1])
    print(f"picture: {path}")


def _expected(report: CalibrationReport, sighting: Sighting, known: np.ndarray) -> np.ndarray:
    """``(n, 2)`` pixels of the corners by calibration and reported hand pose, without any correction of the arm."""
    T = se3.inverse(report.T_parent_camera) @ known @ report.T_carrier_board
    camera = se3.apply(T, sighting.detection.points_board)
    return (camera @ sighting.K.T)[:, :2] / camera[:, 2:]


def report_as_json(report: CalibrationReport) -> dict[str, Any]:
    """The report as JSON's own types."""
    mm, deg = report.method_spread
    return {
        "ok": report.ok,
        "set_up": report.set_up.value,
        "T_parent_camera": report.T_parent_camera.tolist(),
        "T_carrier_board": report.T_carrier_board.tolist(),
        "residual_px": report.residual_px,
        "left_out_mm": report.left_out_mm,
        "uncertainty_mm": report.uncertainty_mm,
        "uncertainty_deg": report.uncertainty_deg,
        "methods": [asdict(m) for m in report.methods],
        "method_spread_mm": mm,
        "method_spread_deg": deg,
        "scale": asdict(report.scale),
        "slip": asdict(report.slip),
        "depth_ratio": report.depth_ratio,
        "depth_tilt_deg": report.depth_tilt_deg,
        "views": [asdict(v) for v in report.views],
        "rejected": [asdict(r) for r in report.rejected],
        "outliers": list(report.outliers),
        "problems": list(report.problems),
        "warnings": list(report.warnings),
    }
