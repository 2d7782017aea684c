"""``/diagnostics`` of one node, once a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@dataclass(frozen=True)
class NodeStatus:
    """What a node says about itself, and about its parts (cameras), each a status ``<node>: <part>`` of its own."""

    message: str = "ok"
    level: bytes = OK
    values: dict[str, object] = field(default_factory=dict)
    parts: dict[str, NodeStatus] = field(default_factory=dict)

    def to_message(self, name: str, hardware_id: str = "") -> DiagnosticStatus:
        """As a message, without the parts."""
        values = [KeyValue(key=key, value=str(value)) for key, value in self.values.items()]
        return DiagnosticStatus(
            level=self.level, name=name, message=self.message, hardware_id=hardware_id, values=values
        )


class DiagnosticsPublisher:
    """Publishes ``describe()`` every ``period_s`` seconds of wall time (also when simulated time stands still).

    All robots share the topic, so a status has the node's name with its namespace.

    Args:
        node: Whose status it is.
        describe: Says it.
        period_s: Time between two statuses [s].
        hardware_id: The hardware that the node speaks of, e.g. the robot's name.
    """

    def __init__(
        self, node: Node, describe: Callable[[], NodeStatus], period_s: float = 1.0, hardware_id: str = ""
    ) -> None:
        self._node = node
        self._describe = describe
        self._hardware_id = hardware_id
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        node.create_timer(period_s, self.publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def publish(self) -> None:
        """Publish the status now."""
        status = self._describe()
        relaxed = getattr(self._node, "relaxed", {})
        if relaxed:
            values = {**status.values, "relaxed": ", ".join(f"{name} = {text}" for name, text in relaxed.items())}
            status = replace(status, values=values)
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        name = self._node.get_fully_qualified_name().lstrip("/")
        parts = [part.to_message(f"{name}: {key}", self._hardware_id) for key, part in status.parts.items()]
        message.status = [status.to_message(name, self._hardware_id), *parts]
        self._publisher.publish(message)
