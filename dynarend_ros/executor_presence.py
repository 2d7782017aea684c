"""Whether somebody is there to carry keyframes out. A keyframe sent to nobody is lost, and waited for in vain."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription


class ExecutorPresence:
    """Who listens to keyframes and answers them: what only records or shows them does not count.

    Args:
        node: The node that sends keyframes.
        keyframes: Where it sends them.
        answers: Where it hears how they ended.
    """

    def __init__(self, node: Node, keyframes: Publisher, answers: Subscription) -> None:
        self._node, self._keyframes, self._answers = node, keyframes, answers

    def is_there(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing()

    def missing(self) -> str:
        """What is missing; empty if nothing is."""
        # By the names the topics have after remapping.
        listeners = self._node.get_subscriptions_info_by_topic(self._keyframes.topic_name)
        answering = self._node.get_publishers_info_by_topic(self._answers.topic_name)
        names = [{(end.node_namespace, end.node_name) for end in ends} for ends in (listeners, answering)]
        if names[0] & names[1]:
            return ""
        return f"no executor listens to {self._keyframes.topic_name} and answers on {self._answers.topic_name}"
