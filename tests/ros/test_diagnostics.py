"""Whose a status is, where several robots share ``/diagnostics``."""

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from dynarend_ros.diagnostics import DiagnosticsPublisher, NodeStatus


def test_a_status_names_the_namespace_of_its_node_and_the_hardware(client):
    heard = {}

    def hear(message):
        heard.update({status.name: status.hardware_id for status in message.status})

    client.node.create_subscription(DiagnosticArray, "/diagnostics", hear, 10)
    nodes = [Node("arm_node", namespace="/lab/left"), Node("arm_node")]
    try:
        status = NodeStatus(parts={"front": NodeStatus()})
        publishers = [
            DiagnosticsPublisher(node, lambda: status, hardware_id=robot)
            for node, robot in zip(nodes, ("fr3", "panda"), strict=True)
        ]

        def all_heard():
            for publisher in publishers:
                publisher.publish()
            return len(heard) == 4

        assert client.wait_for(all_heard, 20.0), heard
    finally:
        for node in nodes:
            node.destroy_node()
    assert heard == {
        "lab/left/arm_node": "fr3",
        "lab/left/arm_node: front": "fr3",
        "arm_node": "panda",
        "arm_node: front": "panda",
    }
