"""Four 640x480 RGB-D cameras through ROS: does every set become a cloud, how old is the cloud, what breaks first?

python benchmarks/camera_rates.py --json runs/camera_rates.json

Software cameras of the RealSense SDK, camera_node and fusion_node as processes, a subscriber of the cloud here; first
at 15 Hz, then at 30 Hz. Software cameras cost more than real ones: camera_node's process draws their noise. Counters
are those of /diagnostics, up to a second off; sets and ages are exact.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sensor_msgs.msg import CameraInfo, PointCloud2

from dynarend_core.benchmarks.timing import machine
from dynarend_ros import qos, topics, transforms
from dynarend_ros.conversions import stamp_to_ns
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import NodeSpec, environment
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.process_runner import ProcessRunner

CAMERAS = ("front", "left_shoulder", "right_shoulder", "wrist")
SETTLE_S = 3.0
LAST_CLOUDS_S = 2.0
P99_GOAL_MS = 150.0


@dataclass
class Heard:
    """Stamps of what each camera published, and of the clouds with their ages on arrival."""

    sent: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in CAMERAS})
    age_ms: dict[int, float] = field(default_factory=dict)

    def on_info(self, camera: str, message: CameraInfo) -> None:
        self.sent[camera].add(stamp_to_ns(message.header.stamp))

    def on_cloud(self, message: PointCloud2) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self.age_ms[stamp_ns] = (time.time_ns() - stamp_ns) / 1e6


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def nodes(rate_hz: int, size: str, scene: str) -> list[NodeSpec]:
    profile = [f"{size}x{rate_hz}"]
    cameras = {"source": "software", "scene": scene, "cameras": list(CAMERAS), "serials": [""]}
    cameras |= {"color_profiles": profile, "depth_profiles": profile}
    extrinsics = "tf" if transforms.available() else "topic"
    fusion = {"cameras": list(CAMERAS), "extrinsics": extrinsics, "max_rate_hz": 0.0, "camera_files": [""]}
    settings = {"camera_node": cameras, "fusion_node": fusion}
    return [NodeSpec(executable=n, name=n, config="cameras.yaml", parameters=p) for n, p in settings.items()]


def counters(client: GraphClient, node: str) -> dict[str, int]:
    """Sums over the cameras of what a node counts."""
    parts = [values for name, values in client.counters.items() if name.startswith(f"{node}: ")]
    keys = ("frames", "lost_before_us", "partial_sets", "received", "lost", "late", "refused")
    sums = {key: sum(int(part[key]) for part in parts) for key in keys if all(key in part for part in parts)}
    own = client.counters.get(node, {})
    return sums | {key: int(own[key]) for key in ("sets_skipped", "sets_not_wanted") if key in own}


def measure(rate_hz: int, seconds: float, size: str, scene: str) -> dict:
    """One rate: what was sent, what arrived, how late, at what cost."""
    domain = free_domain_id()
    os.environ.update(environment(domain))
    client, heard = GraphClient("camera_rates"), Heard()
    client.node.create_subscription(PointCloud2, topics.CLOUD, heard.on_cloud, qos.RELIABLE)
    for name in CAMERAS:
        receive = lambda m, n=name: heard.on_info(n, m)  # noqa: E731
        client.node.create_subscription(CameraInfo, topics.camera_info(name), receive, qos.images("reliable"))
    log: list[str] = []
    try:
        with ProcessRunner(nodes(rate_hz, size, scene), domain, lambda _name, line: log.append(line)) as runner:
            assert client.wait_for(lambda: len(heard.age_ms) > 5, 120.0), log
            time.sleep(SETTLE_S)
            before = {n.spec.name: (counters(client, n.spec.name), cpu_seconds(n.process.pid)) for n in runner.nodes}
            start_ns, start_s = time.time_ns(), time.monotonic()
            time.sleep(seconds)
            end_ns, wall_s = time.time_ns(), time.monotonic() - start_s
            cpu = {n.spec.name: (cpu_seconds(n.process.pid) - before[n.spec.name][1]) / wall_s for n in runner.nodes}
            time.sleep(LAST_CLOUDS_S)
            runner.check()
            after = {n.spec.name: counters(client, n.spec.name) for n in runner.nodes}
    finally:
        client.close()
    counted = {node: {k: v - before[node][0].get(k, 0) for k, v in values.items()} for node, values in after.items()}
    return judge(heard, start_ns, end_ns, rate_hz) | {"cores_used": cpu, "counters": counted, "size": size}


def judge(heard: Heard, start_ns: int, end_ns: int, rate_hz: int) -> dict:
    """What became of the sets stamped in the window."""
    seconds = (end_ns - start_ns) / 1e9
    sent = {n: {t for t in stamps if start_ns <= t < end_ns} for n, stamps in heard.sent.items()}
    sets = set.union(*sent.values())
    whole = set.intersection(*sent.values())
    ages = [heard.age_ms[t] for t in sets if t in heard.age_ms]
    percentiles = np.percentile(ages, [50, 99, 100]) if ages else [np.nan] * 3
    return {
        "rate_hz": rate_hz,
        "seconds": round(seconds, 1),
        "sets_wanted": round(seconds * rate_hz),
        "sets_sent": len(sets),
        "sets_sent_by_all_cameras": len(whole),
        "sets_without_cloud": len(sets) - len(ages),
        "stamp_to_cloud_ms": dict(zip(("p50", "p99", "max"), (round(float(p), 1) for p in percentiles), strict=True)),
        "breaks_first": breaks_first(seconds * rate_hz, len(sets), len(whole), len(ages), float(percentiles[1])),
    }


def breaks_first(wanted: float, sent: int, whole: int, clouds: int, p99_ms: float) -> str:
    """The first link of the chain that gives less than 99 % of what it gets."""
    if sent < 0.99 * wanted:
        return f"the software cameras: {sent} of {wanted:.0f} sets were made"
    if whole < 0.99 * sent:
        return f"camera_node: {whole} of {sent} sets were published by all cameras"
    if clouds < 0.99 * sent:
        return f"fusion_node: {clouds} of {sent} sets became clouds"
    if p99_ms >= P99_GOAL_MS:
        return f"latency: p99 {p99_ms:.0f} ms, goal {P99_GOAL_MS:.0f} ms"
    return "nothing"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=int, nargs="+", default=[15, 30], help="frames a second (default: 15 30)")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each rate (default: 60)")
    parser.add_argument("--size", default="640x480", help="of the images (default: 640x480)")
    parser.add_argument("--scene", default="mujoco", choices=("mujoco", "raycast"), help="what the cameras see")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report: dict = {"cameras": len(CAMERAS), "runs": []}
    for rate_hz in args.rates:
        run = measure(rate_hz, args.seconds, args.size, args.scene)
        run["cores_used"] = {name: round(cores, 2) for name, cores in run["cores_used"].items()}
        report["runs"].append(run)
        print(json.dumps(run, indent=2), flush=True)
    report["machine"] = machine()  # the load at the end: that of the runs
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    first = report["runs"][0]
    good = first["sets_without_cloud"] == 0 and first["stamp_to_cloud_ms"]["p99"] < P99_GOAL_MS
    print(f"{first['rate_hz']} Hz: " + ("every set arrived in time" if good else first["breaks_first"]))
    return int(not good)


if __name__ == "__main__":
    raise SystemExit(main())
