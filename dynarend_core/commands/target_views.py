"""`dynarend target-views`: add views to learn rendering from to demonstrations that no simulator can look at again."""

from __future__ import annotations

import argparse
import time
import zlib
from pathlib import Path

from dynarend_core.commands.json_report import add_json_option, write_json
from dynarend_core.errors import ConfigurationError

DESCRIPTION = """\
Copy a demonstration store and add target views to every frame: views that pretraining renders and policies never see.

--source warp looks at the surfaces that the input cameras saw from an orbit of up to 30 degrees; where they do not
tell what is seen, the view has no depth and no ray is drawn. --source module:Class, or the name of an entry point of
the group dynarend.target_views, uses a model of your own, such as a multi-view diffusion model (docs/data.md).
In simulation, `dynarend collect --target-views K` renders true views instead.

Equal seeds give equal stores. Episodes that --out holds already are skipped, so an interrupted run continues.

examples:
  dynarend target-views --data data/real --out data/real_k4 --views 4
  dynarend target-views --data data/real --out data/real_d2 --views 2 --source my_models.diffusion:Views"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "target-views", help="add warped or generated views to demonstrations, to learn rendering from",
        description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    p.add_argument("--data", type=Path, required=True, help="store to read")
    p.add_argument("--out", type=Path, required=True, help="store to write")
    p.add_argument("--views", type=int, default=4, metavar="K", help="views a frame (default: %(default)s)")
    p.add_argument("--source", default="warp", help="warp, an entry point, or module:Class (default: %(default)s)")
    p.add_argument("--seed", type=int, default=0, help="where the views are taken from (default: %(default)s)")
    add_json_option(p, "episodes, frames, time and the share of pixels with depth")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Copy the store with target views."""
    import numpy as np
    from rich.console import Console
    from rich.progress import track

    from dynarend_core.datasets.store import DemonstrationStore
    from dynarend_core.datasets.target_source import load_source, with_target_views

    if args.views < 1 or args.seed < 0:
        raise ConfigurationError(f"--views must be at least 1, --seed at least 0, got {args.views} and {args.seed}")
    if args.out.resolve() == args.data.resolve():
        raise ConfigurationError(f"--out must be another folder than --data, both are {args.data}")
    store, out, source = (
        DemonstrationStore(args.data),
        DemonstrationStore(args.out),
        load_source(args.source, args.views),
    )
    jobs = [(task, i) for task in store.tasks() for i in store.episodes(task)]
    if not jobs:
        raise ConfigurationError(f"{args.data} holds no demonstrations; record some with `dynarend collect`")
    todo = [(task, i) for task, i in jobs if not out.path(task, i).exists()]
    started, frames, shares = time.perf_counter(), 0, []
    for task, i in track(todo, "target views"):
        rng = np.random.default_rng([args.seed, zlib.crc32(task.encode()), i])
        episode, known = with_target_views(store.read(task, i), source, rng)
        out.write(task, i, episode)
        frames += len(episode.frames)
        shares.append(known)
    report = {
        "source": args.source,
        "views": args.views,
        "episodes": len(todo),
        "skipped": len(jobs) - len(todo),
        "frames": frames,
        "share_with_depth": float(np.mean(shares)) if shares else None,
        "seconds": time.perf_counter() - started,
    }
    share = f", {100 * report['share_with_depth']:.0f} % of the pixels with depth" if shares else ""
    Console().print(f"{len(todo)} episodes, {frames} frames{share}; {report['skipped']} were there already")
    write_json(args.json, report)
    return 0
