"""What the policy foresees, for the operator, and whether it came. Nothing is rendered unless somebody wants it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Float32

from dynarend_core.errors import CheckpointError
from dynarend_core.types import Observation, PointCloud
from dynarend_ros import qos, topics
from dynarend_ros.conversions import rgb_to_message
from dynarend_ros.policy_parameters import PolicyParameters

if TYPE_CHECKING:
    from dynarend_core.foresight import Looks, PredictionError, StepWatch


class PolicyForesight:
    """Publishes ``rendered/future`` and ``prediction_error``; silent, said once, if the policy has no renderer.

    ``look`` and ``judge`` belong to the thread that acts, after its keyframe has left; the rest to the node's own.

    Args:
        node: Owner of the publishers.
        parameters: The policy node's.
        base_frame: Frame of everything.
        load: Gives what looks ahead, or raises CheckpointError.
    """

    def __init__(
        self, node: Node, parameters: PolicyParameters, base_frame: str, load: Callable[[PolicyParameters], Looks]
    ) -> None:
        self._p, self._base_frame, self._logger = parameters, base_frame, node.get_logger()
        self._future = node.create_publisher(Image, topics.FORESEEN, qos.RELIABLE)
        self._error = node.create_publisher(Float32, topics.PREDICTION_ERROR, qos.RELIABLE)
        self._ended_ns: int | None = None
        self._last: PredictionError | None = None
        self._watch = self._load(load)

    def _load(self, load: Callable[[PolicyParameters], Looks]) -> StepWatch | None:
        p = self._p
        try:
            foresight = load(p)
        except CheckpointError as error:
            self._logger.info(f"{topics.FORESEEN} and {topics.PREDICTION_ERROR} stay silent: {error}")
            return None
        from dynarend_core.foresight import StepWatch  # torch is slow to import: only in the process that needs it
        from dynarend_core.visualization.splat import look_at

        eye, at = (np.array(v, dtype=np.float64) for v in (p.view_from, p.view_at))
        where = look_at(eye, at, np.deg2rad(p.view_fov_deg), p.view_size, p.view_size)
        return StepWatch(foresight, where)

    def _judges(self) -> bool:
        return self._p.check_steps or self._error.get_subscription_count() > 0

    def forget(self) -> None:
        """A new task begins, or the motion was called off."""
        self._ended_ns = self._last = None
        if self._watch is not None:
            self._watch.forget()

    def step_ended(self, seen_ns: int) -> None:
        """The executor is done; clouds newer than ``seen_ns`` show what came of it."""
        if self._watch is not None and self._judges():
            self._ended_ns = seen_ns

    def wants(self, stamp_ns: int) -> bool:
        """Whether a cloud of that stamp is to be judged though no keyframe is asked for; true once a step."""
        if self._ended_ns is None or stamp_ns <= self._ended_ns:
            return False
        self._ended_ns = None
        return True

    def look(self, observation: Observation, cloud: PointCloud) -> None:
        """Render the scene as it will be after the keyframe, if somebody wants that."""
        if self._watch is None or not (self._judges() or self._future.get_subscription_count()):
            return
        rgb = self._watch.look(observation, cloud).rgb
        if self._future.get_subscription_count():
            self._future.publish(rgb_to_message(np.ascontiguousarray(rgb), self._base_frame, cloud.stamp_ns))

    def judge(self, cloud: PointCloud) -> None:
        """Compare the cloud after a step with what was foreseen before it, if anything was."""
        if self._watch is None or not self._judges():
            return
        error = self._watch.judge(cloud)
        if error is None:
            return
        self._last = error
        self._error.publish(Float32(data=error.score))
        if surprise := self.surprise():
            self._logger.warning(surprise)

    def surprise(self) -> str:
        """What to say of the last step if it did not do what was foreseen, else empty."""
        last = self._last
        if last is None or last.score < self._p.surprise_score:
            return ""
        return f"the last step did not do what was foreseen (prediction_error {last.score:.2f})"

    def values(self) -> dict[str, object]:
        """For the diagnostics: the last step's errors."""
        last = self._last
        if last is None:
            return {}
        return {
            "prediction_error": f"{last.score:.3f}",
            "foreseen_psnr_db": f"{last.psnr_db:.1f}",
            "foreseen_depth_cm": f"{last.depth_cm:.1f}",
        }
