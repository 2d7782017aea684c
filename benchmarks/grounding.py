"""What makes a small network learn a relation: how often the side asked for is chosen in unseen scenes.

    python benchmarks/grounding.py --task turn_tap --variant all --steps 2400 --json runs/grounding/all.json
    python benchmarks/grounding.py --task turn_tap --variant base --data data/turn_tap       the scenes of a store

Only the first keyframe is asked, of the coarse stage alone. Without --data, scenes are made by the simulator: each is
built once and answered by the expert under every instruction. `right_side` is the share of (scene, instruction) pairs
whose nearest answer is the right one; `near` is that of places within 4 cm of any answer. Seeds of unseen scenes begin
at 50000, outside those of training.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynarend_core.datasets.augmentation import AugmentationConfig
from dynarend_core.datasets.cloud_cache import TaskClouds, load_task
from dynarend_core.datasets.keyframe_dataset import KeyframeDataset, SampleConfig
from dynarend_core.datasets.named_points import NamedPoints, load_named_points
from dynarend_core.datasets.records import Alternative, EpisodeRecord, FrameRecord, Transition
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DynaRendError
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.networks.action_decoder import locate
from dynarend_core.networks.dynarend import DynaRend
from dynarend_core.networks.language import SentenceEncoder
from dynarend_core.networks.network_input import stack_given
from dynarend_core.perception.fusion import FusionConfig
from dynarend_core.training.batch import Batch, LossModule, collate
from dynarend_core.training.grounding import Grounding
from dynarend_core.training.loop import LoopConfig, TrainingLoop, bf16_pays
from dynarend_core.training.names import NameTable
from dynarend_core.training.presets import TrainingConfig, preset

VARIANTS = {  # late match head, names told apart by it, scenes in pairs
    "base": (False, False, False),
    "late": (True, False, False),
    "late_naming": (True, True, False),
    "paired": (False, False, True),
    "late_paired": (True, False, True),
    "all": (True, True, True),
}
UNSEEN_SEED = 50_000
NEAR = 0.08
"""4 cm in the workspace's coordinates."""
MOST_ANSWERS = 6
SAME_SCENE = ("turn_tap",)
"""Tasks whose scene is the same under every variation: only the answer differs."""


def main() -> None:
    """Train one variant and measure it."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--task", default="turn_tap")
    p.add_argument("--variant", choices=VARIANTS, default="all")
    p.add_argument("--preset", default="small")
    p.add_argument("--steps", type=int, default=1200, help="of --batch-size samples (default: %(default)s)")
    p.add_argument("--batch-size", type=int, default=16)
    p.add_argument("--scenes", type=int, default=400, help="training scenes to make (default: %(default)s)")
    p.add_argument("--unseen", type=int, default=80, help="unseen scenes (default: %(default)s)")
    p.add_argument("--data", type=Path, help="store with alternatives to train on; its last scenes count as unseen")
    p.add_argument("--scratch", type=Path, default=Path("runs/grounding"), help="made scenes are kept here")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--every", type=int, default=300, help="steps between measurements (default: %(default)s)")
    p.add_argument("--json", type=Path)
    args = p.parse_args()
    torch.set_num_threads(args.threads)
    report = measure(args)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=2) + "\n")


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Train and look in between: the curve, with the last point's figures beside it."""
    late, naming, paired = VARIANTS[args.variant]
    train, unseen = scenes(args)
    torch.manual_seed(args.seed)
    config = preset(args.preset).network
    network = DynaRend(
        dataclasses.replace(config, zoom=None, coarse=dataclasses.replace(config.coarse, late_match=late))
    )
    encoder = SentenceEncoder()
    grounding = Grounding(NameTable(train.names, encoder), False, True) if naming else None

    def prepare(rng: np.random.Generator, count: int) -> Batch:
        return collate(train.draw_batch(rng, count, paired), encoder, rng)

    training = TrainingConfig(steps=args.steps, batch_size=args.batch_size)
    loop_config = LoopConfig(training, args.seed, bf16=bf16_pays("cpu"))
    loop = TrainingLoop(network, LossModule(network, 0.008, grounding, [args.task]), prepare, loop_config)
    curve, started = [], time.process_time()
    while loop.step < args.steps:
        losses = [log.losses for log in loop.run(min(args.steps, loop.step + args.every))]
        found = {name: float(np.mean([x[name] for x in losses if name in x])) for name in losses[-1]}
        row = {"step": loop.step, **answers(network.eval(), unseen, encoder), "training": found}
        network.train()
        curve.append({**row, "cpu_s": round(time.process_time() - started, 1)})
        print(f"step {loop.step}: right side {row['right_side']:.0%}, near an answer {row['near']:.0%}", flush=True)
    settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != "json"}
    last = {k: curve[-1][k] for k in ("right_side", "near", "asked", "cpu_s")}
    return {**settings, **last, "samples": args.steps * args.batch_size, "curve": curve}


@torch.inference_mode()
def answers(network: DynaRend, unseen: KeyframeDataset, encoder: SentenceEncoder) -> dict[str, float]:
    """Ask every unseen scene under all its instructions."""
    right, near = [], []
    task, still = unseen.tasks[0], np.random.default_rng(0)
    for row in unseen.rows[0].tolist():
        others = task.alternatives.get(int(task.frame[row]), ())
        own = unseen.augmented(0, row, np.random.default_rng(0))
        asked = [own]
        for other in others[: MOST_ANSWERS - 1]:
            words = other.instructions[int(still.integers(len(other.instructions)))]
            asked.append(unseen.augmented(0, row, np.random.default_rng(0), (words, other.keyframe)))
        places = np.stack([a.target for a in asked])
        found, _ = locate(network.look(stack_given([a.given for a in asked], encoder)).values.heat)
        distance = np.linalg.norm(found.numpy()[:, None] - places, axis=-1)
        near += (distance.min(axis=1) < NEAR).tolist()
        apart = np.linalg.norm(places[:, None] - places, axis=-1) < NEAR
        right += [bool(apart[i, d.argmin()]) for i, d in enumerate(distance)]
    return {"right_side": float(np.mean(right)), "near": float(np.mean(near)), "asked": len(right)}


def scenes(args: argparse.Namespace) -> tuple[KeyframeDataset, KeyframeDataset]:
    """Scenes to train on, moved about, and unseen ones, as they are."""
    moving = AugmentationConfig(translation_m=0.10, yaw_deg=20.0)
    n = preset(args.preset).network
    if args.data is not None:
        store = DemonstrationStore(args.data)
        task, named = opened(store, args.task)
        last = np.arange(len(task.instructions))[-args.unseen :]
        first = np.setdiff1d(np.arange(len(task.instructions)), last)
        parts = [(first_steps(task), named, first), (first_steps(task), named, last)]
    elif args.task not in SAME_SCENE:
        raise SystemExit(f"scenes can be made for {', '.join(SAME_SCENE)}; for {args.task} give --data STORE")
    else:
        made = [(args.scenes, 0), (args.unseen, UNSEEN_SEED)]
        stores = [make(args.scratch / f"{args.task}_{seed}_{count}", args.task, count, seed) for count, seed in made]
        opened_stores = [opened(store, args.task) for store in stores]
        parts = [(first_steps(task), named, np.arange(len(task.instructions))) for task, named in opened_stores]
    (task, named, chosen), (other, _, held_out) = parts
    size = SampleConfig(n.points, 0, 0.0, 0.0, moving, n.first_points)
    still = dataclasses.replace(size, augmentation=quiet())
    return (
        KeyframeDataset([task], SCENE_AABB_BASE, size, [chosen], [named]),
        KeyframeDataset([other], SCENE_AABB_BASE, still, [held_out]),
    )


def quiet() -> AugmentationConfig:
    """No augmentation at all."""
    zero = {f.name: 0.0 for f in dataclasses.fields(AugmentationConfig) if f.name not in ("margin_m", "surface")}
    return AugmentationConfig(**zero)


def opened(store: DemonstrationStore, task: str) -> tuple[TaskClouds, NamedPoints]:
    """Clouds and named points of a store."""
    return load_task(store, task, FusionConfig(SCENE_AABB_BASE)), load_named_points(store, task, SCENE_AABB_BASE)


def first_steps(task: TaskClouds) -> TaskClouds:
    """The first transitions alone, from frames in which the arm is not displaced."""
    kept = (task.step == 0) & ~task.displaced[task.frame]
    names = ("frame", "episode", "step", "target", "target_open", "target_ignore", "origin")
    return dataclasses.replace(task, **{name: getattr(task, name)[kept] for name in names})


def make(folder: Path, task: str, count: int, seed: int) -> DemonstrationStore:
    """A store of ``count`` scenes with the expert's first keyframe under every instruction; nothing is executed."""
    from dynarend_core.sim.mujoco.environment import MujocoEnvironment

    store = DemonstrationStore(folder)
    missing = [i for i in range(count) if i not in store.episodes(task)]
    environment = MujocoEnvironment() if missing else None
    for i in missing:
        assert environment is not None
        record = scene(environment, task, seed + i)
        if record is not None:
            store.write(task, i, record)
    return store


def scene(environment: Any, task: str, seed: int) -> EpisodeRecord | None:
    """One scene and its answers; None where the arm can reach no answer."""
    variations = environment.variation_count(task)
    try:
        observation = environment.reset(task, seed % variations, seed, phrasing=0)
    except DynaRendError:
        return None
    world = environment.world
    told = list(answered(world, variations))
    own, others = told[0], told[1:]
    frame = FrameRecord(
        observation.views, observation.gripper, observation.q, observation.stamp_ns, "start", (), world.object_ids()
    )
    move = Transition(0, 0, own.keyframe, 0)
    return EpisodeRecord(
        task, world.task.variation, seed, own.instructions, own.instructions[0], (frame,), (move,),
        object_names=world.object_names, alternatives={0: tuple(others)},
    )  # fmt: skip


def answered(world: Any, variations: int) -> Iterator[Alternative]:
    """The scene's own instruction and answer, then those of the other variations."""
    task, own = world.task, world.task.variation
    try:
        for variation in (own, *(v for v in range(variations) if v != own)):
            task.variation = variation
            yield Alternative(tuple(task.instructions()[:-1]), task.waypoints(world)[0])
    finally:
        task.variation = own


if __name__ == "__main__":
    main()
