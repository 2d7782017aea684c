"""Whether another process runs a node of the same full name: two of a kind would command one arm."""

from __future__ import annotations

import os
import socket
import time
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Empty

from dynarend_core.errors import ConfigurationError
from dynarend_ros import qos, topics


class Namesakes:
    """Claim to a node's full name: on this machine at once, by a socket of that name; elsewhere once DDS finds it.

    The kernel frees the name whichever way the process ends.

    Args:
        node: The node, before it offers ``alive/<node>`` itself.
        kind: What is claimed in its namespace besides its name: one node of that kind commands, whatever it is called.

    Raises:
        ConfigurationError: a process on this machine has that name, in this domain.
    """

    LEASE_S = 1.0
    YOUNG_S = 10.0
    """DDS takes up to some seconds to find another machine's node; whoever is younger than this then gives way."""

    def __init__(self, node: Node, kind: str = "") -> None:
        self._node = node
        self._others = 0
        self._born_s = time.monotonic()
        self._claims: list[socket.socket] = []
        for name in dict.fromkeys((node.get_name(), kind or node.get_name())):
            self._claim(f"{node.get_namespace().rstrip('/')}/{name}")
        events = qos.subscription_events(liveliness=self._changed)
        topic, profile = topics.alive(node.get_name()), qos.watched(self.LEASE_S)
        node.create_subscription(Empty, topic, lambda _: None, profile, event_callbacks=events)

    def give_way(self) -> None:
        """Call often: a young node gives way to a namesake, an older one says that there is one.

        Raises:
            ConfigurationError: this node is the one to go.
        """
        if not self._others:
            return
        if time.monotonic() - self._born_s < self.YOUNG_S:
            raise self._refusal(self._node.get_fully_qualified_name())
        self._node.get_logger().error(
            f"another {self._node.get_fully_qualified_name()} is alive", throttle_duration_sec=2.0
        )

    def close(self) -> None:
        """Free the name."""
        for claim in self._claims:
            claim.close()

    def _claim(self, name: str) -> None:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._claims.append(claim)
        try:
            claim.bind(f"\0dynarend_ros/{os.environ.get('ROS_DOMAIN_ID') or '0'}{name}")
        except OSError as error:
            self.close()
            raise self._refusal(name) from error

    def _refusal(self, name: str) -> ConfigurationError:
        return ConfigurationError(
            f"another {name} is already running; end it first, or start this one in another namespace (namespace:=...) "
            "or ROS_DOMAIN_ID"
        )

    def _changed(self, event: Any) -> None:
        self._others = max(event.alive_count - 1, 0)  # one of those alive is this node
