"""The fake arm behind a ``joint_state_publisher`` that goes on when what it hears has died, in mid-motion."""

import time
from dataclasses import dataclass

from fake_arm import FakeArm, Parameters

from dynarend_ros import runtime
from dynarend_ros.conversions import stamp_from_ns
from dynarend_ros.parameters import parameter


@dataclass(frozen=True)
class RestampedParameters(Parameters):
    dies_after_s: float = parameter(0.5, "The source dies so long after the first motion began [s].")


class Republisher:
    """Publishes what it heard last with the time of now, as long as anybody wants to hear."""

    def __init__(self, topic, is_dead):
        self.topic, self.is_dead, self.last = topic, is_dead, None

    def publish(self, message):
        if self.last is None or not self.is_dead():
            self.last = message
        self.last.header.stamp = stamp_from_ns(time.time_ns())
        self.topic.publish(self.last)


class RestampedArm(FakeArm):
    def __init__(self):
        super().__init__(RestampedParameters)
        self.states = Republisher(
            self.states, lambda: self.first is not None and time.monotonic() - self.first > self.p.dies_after_s
        )


if __name__ == "__main__":
    raise SystemExit(runtime.run(RestampedArm))
