"""Listens to whatever graph runs in this ROS domain, from outside, and disturbs nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo

from dynarend_core.commands.finding import Level
from dynarend_core.geometry.transform_tree import TransformError
from dynarend_ros import qos, transforms
from dynarend_ros.conversions import stamp_to_ns

NAME = "dynarend_doctor"
DISCOVERY_S = 2.0
_LEVELS = {DiagnosticStatus.OK: Level.OK, DiagnosticStatus.WARN: Level.WARN}
_COLOUR_INFO = "/color/camera_info"


@dataclass
class HeardCamera:
    """One camera: its optical frame, ages of its messages on arrival [s], and why TF does not reach it (None: does)."""

    frame: str = ""
    ages_s: list[float] = field(default_factory=list)
    tf_problem: str | None = None


@dataclass
class Heard:
    """What was heard.

    Attributes:
        nodes: Names of the nodes.
        reports: Newest ``/diagnostics`` by name: level and message.
        cameras: By topic of the colour camera's camera_info.
    """

    nodes: list[str] = field(default_factory=list)
    reports: dict[str, tuple[Level, str]] = field(default_factory=dict)
    cameras: dict[str, HeardCamera] = field(default_factory=dict)


def listen(seconds: float, base_frame: str) -> Heard:
    """Find nodes and cameras, then listen for ``seconds``; a participant and a context of its own."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node(NAME, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        _spin(executor, min(DISCOVERY_S, seconds))
        heard = Heard(nodes=sorted({name for name in node.get_node_names() if name != NAME}))
        if heard.nodes:
            _listen(node, executor, seconds, base_frame, heard)
        return heard
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        context.try_shutdown()


def _spin(executor: SingleThreadedExecutor, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left_s := deadline - time.monotonic()) > 0:
        executor.spin_once(timeout_sec=left_s)


def _listen(node: Node, executor: SingleThreadedExecutor, seconds: float, base_frame: str, heard: Heard) -> None:
    topics = dict(node.get_topic_names_and_types())
    simulated = "/clock" in topics and node.count_publishers("/clock") > 0
    node.set_parameters([Parameter("use_sim_time", value=simulated)])
    tf = transforms.listen(node, lambda: None) if transforms.available() else None

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            heard.reports[status.name] = (_LEVELS.get(status.level, Level.FAIL), status.message)

    def on_info(camera: HeardCamera, message: CameraInfo) -> None:
        camera.frame = message.header.frame_id
        camera.ages_s.append((node.get_clock().now().nanoseconds - stamp_to_ns(message.header.stamp)) / 1e9)

    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    for topic in topics:
        if topic.endswith(_COLOUR_INFO) and node.count_publishers(topic):
            camera = heard.cameras[topic] = HeardCamera()
            node.create_subscription(CameraInfo, topic, partial(on_info, camera), qos.images("best_effort"))
    _spin(executor, seconds)
    for camera in heard.cameras.values():
        if camera.frame:
            camera.tf_problem = _chain_problem(tf, base_frame, camera.frame)


def _chain_problem(tf: transforms.Transforms | None, base_frame: str, frame: str) -> str | None:
    if tf is None:
        return "tf2_msgs is not installed"
    try:
        tf.lookup(base_frame, frame)
    except TransformError as error:
        return str(error)
    return None
