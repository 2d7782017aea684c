"""A process that sends one keyframe as soon as an executor listens, and then only lives."""

import time
from dataclasses import dataclass

import numpy as np
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.geometry import se3
from dynarend_core.types import Keyframe
from dynarend_ros import qos, runtime, topics
from dynarend_ros.conversions import keyframe_to_message
from dynarend_ros.parameters import NodeParameters, parameter

GRASP_DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Parameters:
    position: tuple[float, ...] = parameter((0.5, 0.3, 0.3), "Tip position [m].")


class KeyframeSource(runtime.SpinningNode):
    def __init__(self):
        super().__init__("keyframe_source")
        self.p = NodeParameters(self, Parameters).values
        self.keyframe = self.create_publisher(MultiDOFJointTrajectory, topics.KEYFRAME, qos.KEYFRAME)
        self.listened_since = None

    def tick(self):
        if self.listened_since is None and self.keyframe.get_subscription_count() >= 2:  # executor and test
            self.listened_since = time.monotonic()
        if self.listened_since is not None and time.monotonic() - self.listened_since > 0.5:
            T = se3.make(GRASP_DOWN, np.array(self.p.position))
            self.keyframe.publish(keyframe_to_message(Keyframe(T, True), "panda_link0", time.time_ns()))
            self.listened_since = float("inf")
        return 0.05


if __name__ == "__main__":
    raise SystemExit(runtime.run(KeyframeSource))
