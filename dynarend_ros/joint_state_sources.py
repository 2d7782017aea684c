"""Who publishes the joint states, and how often: what makes their age mean less than it says."""

from __future__ import annotations

from rclpy.node import Node
from rclpy.subscription import Subscription

from dynarend_ros.arm_state import ArmState

REPUBLISHERS = ("joint_state_publisher", "joint_state_publisher_gui")
PERIODS = 2.5
"""An age limit shorter than so many periods is passed when one message is lost."""


class JointStateSources:
    """Looks at the publishers of the joint states, and tells the arm's state of one that makes old ones look new.

    Args:
        node: Whose graph is looked at; its log gets one warning of each thing that is wrong.
        joints: Subscription of the joint states.
        arm: Where the arm is.
        max_age_s: Their age limit [s].
    """

    def __init__(self, node: Node, joints: Subscription, arm: ArmState, max_age_s: float) -> None:
        self._node, self._joints, self._arm, self._max_age_s = node, joints, arm, max_age_s
        self._warned: set[str] = set()

    def troubles(self) -> list[str]:
        """A sentence, with the remedy, for each thing that is wrong."""
        found = {"republished": self._republisher(), "slow": self._slowness()}
        for name, text in found.items():
            if text and name not in self._warned:
                self._warned.add(name)
                self._node.get_logger().warning(text)
        return [text for text in found.values() if text]

    def _republisher(self) -> str:
        topic = self._joints.topic_name  # as it is after remapping
        names = sorted({end.node_name for end in self._node.get_publishers_info_by_topic(topic)} & set(REPUBLISHERS))
        self._arm.republished(bool(names))
        if not names:
            return ""
        return (
            f"{names[0]} publishes {topic}: it puts new stamps on old positions, also when the robot's driver is dead; "
            "remap joint_states to the driver's own (Franka: franka/joint_states, xArm: xarm/joint_states)"
        )

    def _slowness(self) -> str:
        period_s, limit_s = self._arm.period_s(), self._max_age_s
        if PERIODS * period_s <= limit_s:
            return ""
        return (
            f"joint_states come at {1.0 / period_s:.0f} Hz: with a limit of {limit_s:.2f} s one lost is too many; "
            f"have them at {PERIODS / limit_s:.0f} Hz, or set the limit to {PERIODS * period_s:.2f} s"
        )
