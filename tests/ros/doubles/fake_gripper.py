"""A gripper's drivers as they are: names and types that must fit, one position a goal, results that say how."""

import importlib
import types

import fake_moveit_messages as fakes

TYPES = {"GripperCommand": "control_msgs/action/GripperCommand"}
TYPES["ParallelGripperCommand"] = "control_msgs/action/ParallelGripperCommand"


def end(topic_type, node_name="gripper_driver"):
    return types.SimpleNamespace(topic_type=topic_type, node_name=node_name, node_namespace="/")


class Node(fakes.Node):
    """A node in a graph of the action servers and topic listeners given by name and type."""

    def __init__(self, servers=None, heard=None):
        super().__init__()
        self.servers, self.heard = servers or {}, heard or {}

    def resolve_topic_name(self, name):
        return name if name.startswith("/") else f"/{name}"

    def _at(self, found, name):
        return [e for key, ends in found.items() if self.resolve_topic_name(key) == name for e in ends]

    def get_publishers_info_by_topic(self, name):
        action, _, rest = name.partition("/_action/")
        assert rest == "feedback", name
        ends = {key: [end(f"{kind}_FeedbackMessage")] for key, kind in self.servers.items()}
        return self._at(ends, action)

    def get_subscriptions_info_by_topic(self, name):
        return self._at({key: [end(*e) for e in ends] for key, ends in self.heard.items()}, name)


class Client(fakes.ActionClient):
    """Ready only for a server of its own type; the server refuses what the real one refuses."""

    def __init__(self, node, kind, name):
        super().__init__(kind, name)
        self.node = node
        actions = importlib.import_module("control_msgs.action")
        (self.type,) = [TYPES[n] for n in TYPES if getattr(actions, n, None) is kind]

    def server_is_ready(self):
        return self.ready and self.node.servers.get(self.name) == self.type

    def send_goal_async(self, goal):
        if self.type == TYPES["ParallelGripperCommand"]:
            # parallel_gripper_action_controller, goal_callback
            self.accepts = len(goal.command.position) == 1 and len(goal.command.effort) <= 1
        return super().send_goal_async(goal)

    def end(self, status, reached_goal=False, stalled=False):
        """End the goal sent last."""
        self.handles[-1].end(status, reached_goal=reached_goal, stalled=stalled)
