"""``dynarend import-bags``: recorded bags to a store of demonstrations."""

from __future__ import annotations

import argparse
from pathlib import Path

from dynarend_core.commands.json_report import add_json_option, write_json

DESCRIPTION = """\
Turn bags recorded with graph `record` (docs/recording.md) into demonstrations that `dynarend pretrain` and `dynarend
finetune` read: the first moment and every keyframe (gripper changed, or the arm stopped; docs/data.md), all cameras.
Folders below that hold a metadata.yaml are bags; one that cannot be used is named with the reason and left out.

examples:
  dynarend import-bags runs/bags --out data/real
  dynarend import-bags runs/bags/push_buttons --out data/real --cameras front,wrist --instruction "push the red button"
"""


def register(subparsers: argparse._SubParsersAction) -> None:
    """Add the verb."""
    p = subparsers.add_parser(
        "import-bags",
        help="turn recorded bags into demonstrations to train on",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("bags", type=Path, help="a bag, or a folder of bags")
    p.add_argument("--out", type=Path, required=True, help="store to add to; episodes are numbered on")
    p.add_argument("--robot", default="panda", help="robot of config/robots, or the path of such a file")
    p.add_argument("--cameras", default="front,left_shoulder,right_shoulder,wrist", help="cameras, with commas")
    p.add_argument("--task", default="", help="task name (default: what the recorder noted)")
    p.add_argument("--instruction", default="", help="instruction (default: what the recorder noted or heard)")
    p.add_argument("--slop-s", type=float, default=0.05, help="largest distance of two cameras' stamps [s]")
    add_json_option(p, "what became of every bag")
    p.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert; returns 1 if a bag could not be used or none was there."""
    from dynarend_core.datasets.store import DemonstrationStore
    from dynarend_core.errors import DynaRendError
    from dynarend_ros.bag_episode import BagConversion, episode_from_bag
    from dynarend_ros.robots import find_robot

    robot, store = find_robot(args.robot), DemonstrationStore(args.out)
    conversion = BagConversion(args.cameras.split(","), args.slop_s, task=args.task, instruction=args.instruction)
    bags = sorted(p.parent for p in args.bags.rglob("metadata.yaml") if ".partial" not in p.parts)
    report = []
    for bag in bags:
        try:
            episode = episode_from_bag(bag, robot, conversion)
            number = max(store.episodes(episode.task), default=-1) + 1
            path = store.write(episode.task, number, episode)
            entry = {"bag": str(bag), "episode": str(path), "keyframes": len(episode.transitions), "problem": ""}
        except DynaRendError as error:
            entry = {"bag": str(bag), "episode": "", "keyframes": 0, "problem": str(error)}
        report.append(entry)
        print(f"{bag}: {entry['problem'] or '{} keyframes, {}'.format(entry['keyframes'], entry['episode'])}")
    bad = sum(bool(entry["problem"]) for entry in report)
    print(f"{len(bags) - bad} of {len(bags)} bags converted" if bags else f"no bags below {args.bags}")
    write_json(args.json, report)
    return int(bool(bad) or not bags)
