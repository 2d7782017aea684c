"""`dynarend features`: feature maps of a vision model for every image of a store, computed once."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from dynarend_core.commands.json_report import add_json_option, write_json

DESCRIPTION = """\
Run a vision model (RADIO, DINO, CLIP, ...) of yours over every image of a demonstration store, target views included,
and keep its feature maps in half precision under DATA/.features/NAME, to be looked up as semantic targets without
running the model again. No model is downloaded: save one as TorchScript, or name a class and its weights.

The model gets (n, 3, S, S) and returns a map (n, s, gh, gw) or tokens (n, gh * gw, s). An interrupted run continues;
episodes recorded again, or another model under the same name, are computed again.

examples:
  dynarend features --data data/train --model radio.ts --name radio --input-size 224
  dynarend features --data data/train --model my_models:Dino --weights dino.safetensors --normalisation imagenet \\
      --name dino"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "features", help="compute feature maps of a vision model for all images of a store", description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    p.add_argument("--data", type=Path, required=True, help="demonstration store")
    p.add_argument("--model", required=True, help="TorchScript file, or module:Class")
    p.add_argument("--name", required=True, help="what to call the features, e.g. radio")
    p.add_argument("--weights", type=Path, help=".safetensors or .pt file of tensors for module:Class")
    p.add_argument("--input-size", type=int, default=224, help="edge of the model's input [px] (default: %(default)s)")
    p.add_argument(
        "--normalisation", default="none", help="none, imagenet or clip: of images in [0, 1] (default: %(default)s)"
    )
    p.add_argument("--batch-size", type=int, default=8, help="images at a time (default: %(default)s)")
    p.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="(default: %(default)s)")
    add_json_option(p, "images computed, size and time")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compute what is missing."""
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from dynarend_core.datasets.feature_maps import FeatureMaps, compute_features
    from dynarend_core.datasets.store import DemonstrationStore
    from dynarend_core.errors import DatasetError
    from dynarend_core.training.feature_extractor import ExtractorConfig, FeatureExtractor

    store = DemonstrationStore(args.data)
    tasks = store.tasks()
    if not tasks:
        raise DatasetError(f"{args.data} holds no demonstrations; record some with `dynarend collect`")
    config = ExtractorConfig(
        args.model, args.weights, args.input_size, args.normalisation, args.batch_size, args.device
    )
    extractor, started, images = FeatureExtractor(config), time.perf_counter(), 0
    with Progress() as progress:
        for task in tasks:
            bar = progress.add_task(task, total=None)

            def update(done: int, total: int, bar: TaskID = bar) -> None:
                progress.update(bar, completed=done, total=total)

            images += compute_features(store, task, args.name, extractor, config.identity, update)
    files = (args.data / ".features" / args.name).rglob("*.npy")
    report = {
        "name": args.name,
        "images": images,
        "channels": FeatureMaps(store, tasks[0], args.name).channels,
        "megabytes": sum(f.stat().st_size for f in files) / 1e6,
        "seconds": time.perf_counter() - started,
    }
    Console().print(
        f"{images} images computed in {report['seconds']:.0f} s; {report['channels']} channels, "
        f"{report['megabytes']:.1f} MB in all"
    )
    write_json(args.json, report)
    return 0
