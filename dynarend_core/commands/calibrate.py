"""``dynarend calibrate``: where is each camera, and is that still true?"""

from __future__ import annotations

import argparse
from pathlib import Path

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

DESCRIPTION = """\
Find a camera's place from recorded views of a board (docs/calibration.md), or check the places that are in use.

  dynarend calibrate SESSION --out config/cameras/front.yaml
      Solve a recorded session (calibrate.launch.py records it; a folder with session.json). Views that are of no use
      are refused with the reason. All unknowns are refined by reprojection; the report names the residual of each
      view, the error of predicting a view that was left out, the disagreement of the closed-form methods, and what
      depth says. A wrong board size or a slipped camera is named, and no camera file is written (exit code 1).

  dynarend calibrate --simulate --set-up eye-in-hand --poses 15 --seeds 5 --json runs/calibrate.json
      Render sessions in MuJoCo with the noise of real instruments and compare with the truth.
      --record FOLDER keeps the last one; --true-scale 1.03 and --slip-at 8 spoil it on purpose.

  dynarend calibrate --check SNAPSHOT --cameras config/cameras --out runs/check
      Draw the robot's model over each camera's image and paint where the cameras' clouds disagree. SNAPSHOT holds a
      session of every camera, <camera>/session.json, recorded at one pose of the arm; the last view of each counts.
      --check --simulate renders them; --bump left_shoulder moves that camera by 15 mm and 0.7 degrees.

  dynarend calibrate --draw-board board.png
      The board to print: 300 dpi, at 100 % scale. Measure a square on the print."""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "calibrate",
        help="find where each camera is, and check it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("session", type=Path, nargs="?", help="folder of a recorded session")
    p.add_argument("--simulate", action="store_true", help="render instead of reading a folder")
    p.add_argument("--check", nargs="?", const=Path(), type=Path, metavar="SNAPSHOT", help="check cameras in use")
    p.add_argument("--out", type=Path, help="camera file to write (default: none); with --check a folder for pictures")
    p.add_argument("--easy-handeye", type=Path, metavar="FILE", help="also write easy_handeye2's .calib file")
    p.add_argument("--picture", type=Path, metavar="PNG", help="draw all views with their errors")
    p.add_argument("--from-view", type=int, default=0, metavar="N", help="use only the views from N on (after a slip)")
    add_json_option(p, "the whole report")
    _add_board_options(p)
    _add_simulation_options(p)
    p.add_argument("--cameras", type=Path, default=Path("config/cameras"), help="folder of camera files, for --check")
    p.set_defaults(run=run)


def _add_board_options(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group(
        "board", "with --simulate and --draw-board; a recorded session names its own (--square, --marker correct it)"
    )
    g.add_argument("--board", choices=("charuco", "apriltag"), default="charuco", help="default: %(default)s")
    g.add_argument("--columns", type=int, default=7, help="squares or tags in a row (default: %(default)s)")
    g.add_argument("--rows", type=int, default=5, help="rows (default: %(default)s)")
    g.add_argument("--square", type=float, metavar="M", help="edge of a square, or tag to tag [m] (recorded, or 0.04)")
    g.add_argument("--marker", type=float, metavar="M", help="edge of a marker [m] (recorded, or 0.03)")
    g.add_argument("--draw-board", type=Path, metavar="PNG", help="write the board for the printer and stop")


def _add_simulation_options(p: argparse.ArgumentParser) -> None:
    g = p.add_argument_group("simulation")
    g.add_argument("--set-up", choices=("eye-in-hand", "eye-to-hand"), default="eye-in-hand", help="who has the camera")
    g.add_argument("--poses", type=int, default=15, help="views a session (default: %(default)s)")
    g.add_argument("--seeds", type=int, default=1, help="number of sessions (default: %(default)s)")
    g.add_argument("--seed-start", type=int, default=0, help="seed of the first (default: %(default)s)")
    g.add_argument("--true-scale", type=float, default=1.0, help="print so much larger than stated (default: 1)")
    g.add_argument("--slip-at", type=int, metavar="VIEW", help="bump the camera by 6 mm and 0.8 deg before this view")
    g.add_argument("--joint-offset", type=float, metavar="DEG", help="error of the arm's joint zeros (default: 0.02)")
    g.add_argument("--record", type=Path, metavar="FOLDER", help="write the last session here")
    g.add_argument("--bump", metavar="CAMERA", help="with --check --simulate: move this camera")


def run(args: argparse.Namespace) -> int:
    """Dispatch; exit code 1 where a calibration is refused or a check fails."""
    from dynarend_core.commands import calibrate_check, calibrate_session, calibrate_simulation

    if args.draw_board is not None:
        return calibrate_session.draw_board(args)
    if args.check is not None:
        return calibrate_check.run(args)
    if args.simulate:
        return calibrate_simulation.run(args)
    if args.session is None:
        raise ConfigurationError("name a session folder, or use --simulate, --check or --draw-board; see --help")
    report = calibrate_session.run(args)
    write_json(args.json, report)
    return 0 if report["ok"] else 1
