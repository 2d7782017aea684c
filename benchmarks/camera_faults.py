"""Camera faults, one after the other: is each named in /diagnostics, and is an old picture ever sold as a new one?

python benchmarks/camera_faults.py --minutes 60 --json runs/camera_faults.json

Three cameras look at patches of their own and paint the number of the exposure into their pictures, so every cloud
tells how old its content is, whatever its stamp says.
"""

import argparse
import json
import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from sensor_msgs.msg import PointCloud2

from dynarend_core.geometry import se3
from dynarend_core.geometry.cameras import intrinsics_from_fov
from dynarend_core.types import CameraView
from dynarend_ros import qos, topics
from dynarend_ros.conversions import cloud_from_message, stamp_to_ns
from dynarend_ros.domain import free_domain_id
from dynarend_ros.graph import NodeSpec, environment
from dynarend_ros.graph_client import GraphClient
from dynarend_ros.process_runner import ProcessRunner
from dynarend_ros.sim_cameras import SimCameras

CAMERAS = ("front", "left_shoulder", "right_shoulder")
PATCH_Y = dict(zip(CAMERAS, (0.0, -0.3, 0.3), strict=True))
W, H, RATE_HZ = 64, 48, 10.0
DOWN = np.diag([1.0, -1.0, -1.0])
FAULTS = {
    "unplug": "no frame",
    "freeze": "frozen",
    "freeze_depth": "frozen",
    "black": "black",
    "nan": "of the depth pixels are valid",
    "future": "in the future",
    "late": "old",
    "half_rate": "Hz, others give",
    "wrong_size": "camera_info is for",
    "wrong_focal_length": "changed while it ran",
}
NAMED_WITHIN_S = 20.0
MAX_CLOUD_AGE_S = 2.0


@dataclass
class Judge:
    """Looks into every cloud."""

    ticks: dict[int, int] = field(default_factory=dict)
    clouds: int = 0
    stale: int = 0
    worst_age_s: float = 0.0
    future: int = 0

    def on_cloud(self, message: PointCloud2) -> None:
        self.clouds += 1
        stamp_ns = stamp_to_ns(message.header.stamp)
        age_s = (time.time_ns() - stamp_ns) / 1e9
        self.worst_age_s = max(self.worst_age_s, age_s)
        self.future += age_s < -0.2
        cloud = cloud_from_message(message)
        for y in PATCH_Y.values():
            patch = cloud.rgb[np.abs(cloud.xyz[:, 1] - y) < 0.1]
            if len(patch) and stamp_ns in self.ticks:
                age = (self.ticks[stamp_ns] - int(np.median(patch[:, 1]))) % 200
                self.stale += 2 < age < 198
        self.ticks = {k: v for k, v in self.ticks.items() if k > stamp_ns - 10**10}


class Cameras:
    """Publishes all cameras, with a fault in one of them."""

    def __init__(self, client: GraphClient, judge: Judge) -> None:
        self.out, self.judge, self.tick = SimCameras(client.node, CAMERAS, "panda_link0"), judge, 0
        self.fault, self.victim = "", ""
        self.rng = np.random.default_rng(0)
        self.last: dict[str, CameraView] = {}
        client.node.create_timer(1.0 / RATE_HZ, self.publish)

    def publish(self) -> None:
        self.tick += 1
        stamp_ns = time.time_ns()
        self.judge.ticks[stamp_ns] = self.tick % 200
        for name in CAMERAS:
            self.publish_one(name, stamp_ns)

    def publish_one(self, name: str, stamp_ns: int) -> None:
        fault = self.fault if name == self.victim else ""
        if fault == "unplug" or (fault == "half_rate" and self.tick % 2):
            return
        view, last = self.view(name), self.last.get(name)
        if fault.startswith("freeze") and last is not None:
            view = last if fault == "freeze" else replace(view, depth_m=last.depth_m)
        self.last[name] = view
        if fault == "black":
            view = CameraView(name, np.zeros_like(view.rgb), view.depth_m, view.K, view.T_base_camera)
        elif fault == "nan":
            view = CameraView(name, view.rgb, np.full_like(view.depth_m, np.nan), view.K, view.T_base_camera)
        elif fault == "wrong_focal_length":
            view = CameraView(name, view.rgb, view.depth_m, view.K * [[1.5], [1.5], [1.0]], view.T_base_camera)
            view.K[:2, 2] = W / 2, H / 2
        shift_ns = {"future": 5_000_000_000, "late": -5_000_000_000}.get(fault, 0)
        self.out.publish([view], stamp_ns + shift_ns, (320, 240) if fault == "wrong_size" else None)

    def view(self, name: str) -> CameraView:
        rgb = np.full((H, W, 3), 90, np.uint8)
        rgb[..., 1] = self.tick % 200
        depth = self.rng.normal(0.5, 0.002, (H, W)).astype(np.float32)
        T = se3.make(DOWN, np.array([0.45, PATCH_Y[name], 0.5]))
        return CameraView(name, rgb, depth, intrinsics_from_fov(W, H, 0.25), T)


def status(client: GraphClient, camera: str) -> str:
    return client.counters.get(f"fusion_node: {camera}", {}).get("message", "")


def run(args: argparse.Namespace) -> dict:
    domain = free_domain_id()
    os.environ.update(environment(domain))
    log: list[str] = []
    client, judge = GraphClient("camera_faults"), Judge()
    limits = {"max_age_s": 1.0, "max_future_s": 0.2, "detect_frozen": True, "min_brightness": 3.0}
    settings = {"cameras": list(CAMERAS), "moving_cameras": [""], "extrinsics": "topic", "sync_slop_s": 0.02, **limits}
    spec = NodeSpec(executable="fusion_node", name="fusion_node", config="cameras.yaml", parameters=settings)
    client.node.create_subscription(PointCloud2, topics.CLOUD, judge.on_cloud, qos.RELIABLE)
    cameras = Cameras(client, judge)
    events: list[dict] = []
    with ProcessRunner([spec], domain, lambda name, line: log.append(line)) as runner:
        assert client.wait_for(lambda: judge.clouds > 5, 120.0), log
        end_s = time.monotonic() + 60.0 * args.minutes
        while time.monotonic() < end_s or len(events) < len(FAULTS):
            fault = list(FAULTS)[len(events) % len(FAULTS)]
            victim = CAMERAS[int(cameras.rng.integers(len(CAMERAS)))]
            events.append(one_fault(client, judge, cameras, fault, victim, args.seconds))
            events[-1]["crashed"] = runner.nodes[0].exit_code is not None
            print(json.dumps(events[-1]), flush=True)
            assert not events[-1]["crashed"], log[-20:]
    client.close()
    return {
        "events": len(events),
        "clouds": judge.clouds,
        "faults_not_named": [e for e in events if e["named_after_s"] is None],
        "faults_not_recovered": [e for e in events if not e["recovered"]],
        "without_clouds_of_the_others": [e for e in events if not e["clouds_meanwhile"]],
        "stale_patches_published": judge.stale,
        "clouds_from_the_future": judge.future,
        "worst_cloud_age_s": round(judge.worst_age_s, 3),
        "named_after_s": {f: named_after(events, f) for f in FAULTS},
    }


def named_after(events: list[dict], fault: str) -> float | None:
    """Median over the events of a fault [s]."""
    seconds = [e["named_after_s"] for e in events if e["fault"] == fault and e["named_after_s"] is not None]
    return round(float(np.median(seconds)), 2) if seconds else None


def one_fault(client: GraphClient, judge: Judge, cameras: Cameras, fault: str, victim: str, seconds: float) -> dict:
    start_s = time.monotonic()
    cameras.victim, cameras.fault = victim, fault
    named = client.wait_for(lambda: FAULTS[fault] in status(client, victim), NAMED_WITHIN_S)
    named_s = round(time.monotonic() - start_s, 2) if named else None
    before = judge.clouds
    time.sleep(max(seconds - (time.monotonic() - start_s), 0.5))
    meanwhile = judge.clouds - before
    cameras.fault = ""
    recovered = client.wait_for(lambda: status(client, victim) == "ok", NAMED_WITHIN_S)
    return {
        "fault": fault,
        "camera": victim,
        "named_after_s": named_s,
        "clouds_meanwhile": meanwhile,
        "recovered": recovered,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="at least; every fault comes once")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long a fault lasts")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    report = run(args)
    print(json.dumps(report, indent=2))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report, indent=2) + "\n")
    faults = ("faults_not_named", "faults_not_recovered", "without_clouds_of_the_others")
    bad = sum(len(report[key]) for key in faults) + report["stale_patches_published"] + report["clouds_from_the_future"]
    return int(bad > 0 or report["worst_cloud_age_s"] > MAX_CLOUD_AGE_S)


if __name__ == "__main__":
    raise SystemExit(main())
