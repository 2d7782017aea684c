"""Demonstrations to rosbag2: one bag an episode, started, saved or discarded by services. Moves nothing.

The arm is moved by whatever teleoperates it; the bag holds what converting it into training data needs
(``dynarend import-bags``).
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from geometry_msgs.msg import TransformStamped
from rclpy.clock import Clock, ClockType
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import String
from std_srvs.srv import Trigger

from dynarend_core.errors import DynaRendError
from dynarend_ros import diagnostics, qos, runtime, topics
from dynarend_ros.bag_writer import PARTIAL, BagWriter, header_stamp_ns
from dynarend_ros.parameters import NodeParameters, parameter
from dynarend_ros.record_streams import Stream, streams_to_record
from dynarend_ros.robots import find_robot

RECALLED_NS = 1_000_000_000


@dataclass(frozen=True)
class RecordParameters:
    """Parameters of the record node."""

    cameras: tuple[str, ...] = parameter(
        ("front", "left_shoulder", "right_shoulder", "wrist"), "Camera names, the prefixes of their topics."
    )
    robot: str = parameter("panda", "Robot of config/robots, or the path of such a file.")
    folder: str = parameter("runs/bags", "Bags are written to <folder>/<task>/episode_<number>.")
    task: str = parameter("demonstration", "Name of the task, a folder name.", dynamic=True)
    instruction: str = parameter("", "What is being done, in words; empty: the topic `instruction`.", dynamic=True)
    image_rate_hz: float = parameter(10.0, "Images kept of each camera a second; 0: all.", low=0.0, high=120.0)
    image_reliability: str = parameter(
        "best_effort", "best_effort matches every driver.", choices=("reliable", "best_effort")
    )
    arm_topic: str = parameter("", "Topic of the arm's controller; empty: the robot's.")


class RecordNode(runtime.SpinningNode):
    """Listens all the time; what must be known at once (poses, intrinsics, instruction) is kept for the next start."""

    def __init__(self) -> None:
        super().__init__("record_node")
        self._settings = NodeParameters(self, RecordParameters)
        p = self._settings.values
        self._robot = find_robot(p.robot)
        self._bag: BagWriter | None = None
        self._path, self._began_s, self._last = Path(), 0.0, "nothing recorded yet"
        self._notes: dict[str, str] = {}
        self._kept: dict[str, tuple[str, str, bool, bytes]] = {}
        self._recent: deque[tuple[str, str, int, bytes]] = deque()
        self._links: dict[str, TransformStamped] = {}
        self._period_ns = round(1e9 / p.image_rate_hz) if p.image_rate_hz else 0
        self._newest_ns: dict[str, int] = {}
        self._status = self.create_publisher(String, topics.RECORD_STATUS, qos.LATCHED)
        arm = p.arm_topic or f"{self._robot.controller}/joint_trajectory"
        for topic, stream in streams_to_record(p.cameras, arm, p.image_reliability).items():
            name = self.resolve_topic_name(topic)
            self.create_subscription(stream.kind, topic, partial(self._take, name, stream), stream.profile, raw=True)
        operations: dict[str, Callable[[], tuple[bool, str]]] = {
            topics.RECORD_START: self.start,
            topics.RECORD_SAVE: partial(self.finish, "saved"),
            topics.RECORD_DISCARD: self.discard,
        }
        for service, operation in operations.items():
            self.create_service(Trigger, service, partial(self._answer, operation))
        self.create_timer(0.5, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.DiagnosticsPublisher(self, self._describe)

    def on_shutdown(self) -> None:
        """What was recorded so far is not lost."""
        if self._bag is not None:
            success, message = self._answered(partial(self.finish, "unfinished"))
            if not success:
                self.get_logger().error(message)

    def start(self) -> tuple[bool, str]:
        """Begin an episode, of the task and instruction that are set now: until it is saved, the next may be set."""
        if self._bag is not None:
            return False, f"{self._path.name} is being recorded: save or discard it first"
        p = self._settings.values
        path = next_episode(Path(p.folder) / p.task)
        bag = BagWriter(path)
        self._path = path
        self._notes = {"task": p.task, "robot": self._robot.name, "cameras": json.dumps(p.cameras)}
        self._notes |= {"instruction": p.instruction} if p.instruction else {}
        self._newest_ns.clear()
        now_ns = time.time_ns()
        for topic, kind, latched, data in self._kept.values():
            bag.write(topic, kind, now_ns, data, latched)
        for topic, kind, arrival_ns, data in self._recent:
            if arrival_ns > now_ns - RECALLED_NS:
                bag.write(topic, kind, arrival_ns, data)
        self._bag, self._began_s = bag, time.monotonic()
        return True, f"recording {self._path}"

    def finish(self, outcome: str) -> tuple[bool, str]:
        """End the episode and keep it.

        Raises:
            DatasetError: the disk refused.
        """
        if self._bag is None:
            return False, "nothing is being recorded"
        bag, self._bag, self._last = self._bag, None, f"incomplete: {self._path}"
        path = bag.finish({**self._notes, "outcome": outcome})
        self._last = f"{outcome}: {path}, {bag.written} messages, {bag.dropped} dropped"
        return True, self._last

    def discard(self) -> tuple[bool, str]:
        """End the episode and delete it."""
        if self._bag is None:
            return False, "nothing is being recorded"
        bag, self._bag = self._bag, None
        bag.discard()
        self._last = f"discarded: {self._path}"
        return True, self._last

    def _answer(
        self, operation: Callable[[], tuple[bool, str]], _request: Trigger.Request, answer: Trigger.Response
    ) -> Trigger.Response:
        answer.success, answer.message = self._answered(operation)
        self.get_logger().info(answer.message)
        self._publish()
        return answer

    @staticmethod
    def _answered(operation: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
        try:
            return operation()
        except (DynaRendError, OSError) as error:
            return False, f"{type(error).__name__}: {error}"

    def _take(self, topic: str, stream: Stream, data: bytes) -> None:
        kind = f"{stream.kind.__module__.split('.')[0]}/msg/{stream.kind.__name__}"
        latched = stream.kept and not stream.thinned
        if stream.merged:
            data = self._merged(stream, data)
        if stream.kept:
            self._kept[topic] = (topic, kind, latched, data)
        if stream.recalled:
            self._recall(topic, kind, data)
        if self._bag is not None and (not stream.thinned or self._is_due(topic, header_stamp_ns(data))):
            self._bag.write(topic, kind, time.time_ns(), data, latched)

    def _recall(self, topic: str, kind: str, data: bytes) -> None:
        now_ns = time.time_ns()
        self._recent.append((topic, kind, now_ns, data))
        while self._recent[0][2] < now_ns - RECALLED_NS:
            self._recent.popleft()

    def _merged(self, stream: Stream, data: bytes) -> bytes:
        """All transforms that hold now, the newest of each child frame; ``data`` has some of them."""
        links = deserialize_message(data, stream.kind).transforms
        self._links |= {link.child_frame_id: link for link in links}
        return bytes(serialize_message(stream.kind(transforms=list(self._links.values()))))

    def _is_due(self, topic: str, stamp_ns: int) -> bool:
        """One image each period of the stamps' own clock: colour and depth of one exposure stay together."""
        if self._period_ns == 0:
            return True
        last_ns = self._newest_ns.get(topic)
        if last_ns is not None and last_ns // self._period_ns == stamp_ns // self._period_ns and last_ns <= stamp_ns:
            return False
        self._newest_ns[topic] = stamp_ns
        return True

    def _publish(self) -> None:
        bag = self._bag
        values: dict[str, Any] = {"recording": bag is not None, "last": self._last}
        if bag is not None:
            seconds = round(time.monotonic() - self._began_s, 1)
            values |= {"path": str(self._path), "seconds": seconds, "messages": bag.written, "dropped": bag.dropped}
        self._status.publish(String(data=json.dumps(values)))

    def _describe(self) -> diagnostics.NodeStatus:
        dropped = self._bag.dropped if self._bag is not None else 0
        text = f"recording {self._path.name}" if self._bag is not None else self._last
        return diagnostics.NodeStatus(text, diagnostics.WARN if dropped else diagnostics.OK, {"dropped": dropped})


def next_episode(folder: Path) -> Path:
    """``episode_<number>``, one above all that are there, also above what interrupted recordings left unfinished."""
    found = [*folder.glob("episode_*"), *(folder / PARTIAL).glob("episode_*")]
    numbers = (path.name.removeprefix("episode_") for path in found)
    return folder / f"episode_{max((int(n) for n in numbers if n.isdigit()), default=-1) + 1:06d}"


def main() -> int:
    """Console script."""
    return runtime.run(RecordNode)


if __name__ == "__main__":
    raise SystemExit(main())
