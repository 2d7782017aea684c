"""What is there to hear commands and to take goals; only what acts on them counts."""

from __future__ import annotations

from rclpy.node import Node

ONLY_LISTEN = ("safety_node", "record_node", "rosbag2_recorder", "executor_node")
"""Nodes that hear commands and do not carry them out; nor do hidden ones, such as those of ``ros2 topic echo``."""

FEEDBACK = "_FeedbackMessage"


def listeners(node: Node, topic: str) -> list[str]:
    """Types under which somebody who may act listens to a topic."""
    ends = node.get_subscriptions_info_by_topic(node.resolve_topic_name(topic))
    return sorted({e.topic_type for e in ends if e.node_name not in ONLY_LISTEN and not e.node_name.startswith("_")})


def action_servers(node: Node, action: str) -> list[str]:
    """Types of the servers of an action. A server is who publishes its feedback; clients do not."""
    ends = node.get_publishers_info_by_topic(node.resolve_topic_name(f"{action}/_action/feedback"))
    return sorted({e.topic_type.removesuffix(FEEDBACK) for e in ends})


def missing_arm(node: Node, topic: str) -> str:
    """Why a command to the arm's controller would go nowhere; empty if somebody listens."""
    if listeners(node, topic):
        return ""
    return (
        f"nobody listens to {node.resolve_topic_name(topic)}, the topic of the arm's controller: is the controller "
        "active, under this name (arm.controller of the robot's file, or arm_topic)?"
    )
