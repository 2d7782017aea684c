"""``dynarend bench``: how long fusion, policy, the simulator's cameras and pretraining take on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.table import Table

    from dynarend_core.types import CameraView

DESCRIPTION = """\
Time the hot paths on this machine: four 640x480 RGB-D views to a cropped 5 mm cloud (fusion.ours_ms), cloud to
keyframe for each preset (policy.<preset>_ms), the simulator's cameras in one scene (render.*), a camera and a second
of physics over all tasks (simulator.*), and a pretraining step with volume rendering (rendering.*, on a GPU also
rendering_cuda.*). Medians, with the 10th and 90th percentile. Views come from the simulator where OpenGL works, else
from a ray-cast scene; depths carry 1 mm of noise. benchmarks/README.md explains every field.

Other programs on the same cores spoil the figures: mind machine.load_1min in the report.

example:
  dynarend bench --json runs/bench.json"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "bench",
        help="timings of fusion, policy, rendering and pretraining on this machine",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_json_option(p, "timings, sizes and the machine's description")
    p.add_argument("--threads", type=int, help="CPU threads (default: 2, or fewer if fewer cores are available)")
    p.add_argument("--repeats", type=int, default=20, help="timed calls each (default: 20)")
    p.add_argument("--presets", default="small,base", help="comma-separated policy presets (default: small,base)")
    p.add_argument("--rendering-preset", default="small", help="preset whose pretraining is timed; '' for none")
    p.add_argument("--policies", type=Path, default=Path("models/policies"), help="where trained policies lie")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, print a table, write JSON."""
    from rich.console import Console

    from dynarend_core.benchmarks.fusion import time_fusion
    from dynarend_core.benchmarks.policy import time_policy
    from dynarend_core.benchmarks.pretraining import time_pretraining
    from dynarend_core.benchmarks.timing import free_cores, machine
    from dynarend_core.training.presets import preset

    threads = min(2, free_cores()) if args.threads is None else args.threads
    if threads < 1 or args.repeats < 1:
        raise ConfigurationError(f"--threads and --repeats must be at least 1, got {threads} and {args.repeats}")
    presets = args.presets.split(",") if args.presets else []
    for name in (*presets, *filter(None, [args.rendering_preset])):
        preset(name)  # an unknown one is an error now, not after minutes of timing
    console = Console()
    report: dict[str, Any] = {"machine": {**machine(), "threads": threads}, "policy": {}}
    with console.status("rendering"):
        report["render"], report["simulator"], views, scene = _simulate(args.repeats)
    with console.status("fusion"):
        cloud, fusion = time_fusion(views, threads, args.repeats)
        report["fusion"] = {**fusion, "scene": scene}
    for name in presets:
        with console.status(f"policy {name}"):
            report["policy"] |= time_policy(name, cloud, threads, args.policies, args.repeats)
    for device in _devices(args.rendering_preset):
        with console.status(f"pretraining {args.rendering_preset} on {device}"):
            group = "rendering" if device == "cpu" else f"rendering_{device}"
            report[group] = time_pretraining(args.rendering_preset, views, threads, device, args.repeats)
    console.print(_table(report))
    for group in ("rendering", "rendering_cuda"):
        if group in report:
            console.print(_rendering_line(group, report[group]), highlight=False)
    if args.json is not None:
        write_json(args.json, report)
        console.print(f"report: {args.json}")
    return 0


def _simulate(repeats: int) -> tuple[dict[str, Any], dict[str, Any], tuple[CameraView, ...], str]:
    """Timings of cameras and of the simulator, and views to fuse; without OpenGL, the reason and ray-cast views."""
    from dynarend_core.benchmarks.render import time_rendering
    from dynarend_core.benchmarks.scene import add_depth_noise, synthetic_views
    from dynarend_core.benchmarks.simulator import time_simulator

    try:
        fields, views = time_rendering(repeats)
        simulator = time_simulator()
    except Exception as error:  # OpenGL fails in many ways, with many types; the other timings do not need it
        why = {"unavailable": f"{type(error).__name__}: {error}"}
        return why, why, synthetic_views(), "ray-cast"
    return fields, simulator, add_depth_noise(views), "mujoco"


def _devices(rendering_preset: str) -> list[str]:
    """Where pretraining is timed."""
    import torch

    return ["cpu", *(["cuda"] if torch.cuda.is_available() else [])] if rendering_preset else []


def _rendering_line(group: str, fields: dict[str, Any]) -> str:
    gain = fields["rays_per_s"] / fields["reference_rays_per_s"]
    return (
        f"{group}: {fields['rays_per_s']} rays/s forward and backward, {gain:.0f} times the plain loop; "
        f"{100 * fields['render_share']:.0f} % of a step; {fields['memory_per_scene_mib']:.1f} MiB a scene"
    )


def _table(report: dict[str, Any]) -> Table:
    from rich.table import Table

    cpu = report["machine"]
    table = Table(title=f"{cpu['cpu']}, threads: {cpu['threads']}, load {cpu['load_1min']}")
    for column in ("what", "median ms", "p10", "p90", "calls"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for group in (g for g in ("fusion", "policy", "render", "simulator", "rendering", "rendering_cuda") if g in report):
        for field, value in report[group].items():
            name = field.removesuffix("_repeats")
            if name == field:
                continue
            row = [f"{report[group][f'{name}{part}']:.1f}" for part in ("_ms", "_p10_ms", "_p90_ms")]
            note = " (random weights)" if report[group].get(f"{name}_weights") == "random" else ""
            table.add_row(f"{group}.{name}{note}", *row, str(value))
    return table
