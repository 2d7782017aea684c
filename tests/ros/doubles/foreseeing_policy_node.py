"""A policy node that foresees a brighter table, and says each time it renders."""

import numpy as np

from dynarend_core.errors import CheckpointError
from dynarend_core.foresight import Picture
from dynarend_core.geometry import se3
from dynarend_core.geometry.frames import SCENE_AABB_BASE
from dynarend_core.types import Keyframe, Prediction
from dynarend_ros import runtime
from dynarend_ros.policy_node import PolicyNode


class Still:
    def act(self, observation):
        return Prediction(Keyframe(se3.make(np.diag([1.0, -1.0, -1.0]), np.array([0.5, 0.0, 0.3])), True), 1.0, ())


class Brighter:
    """Its own foresight and what it foresees."""

    aabb = SCENE_AABB_BASE

    def __init__(self, logger):
        self.logger = logger

    def look(self, observation):
        return self

    def present(self, view):
        return self.render(view, 100)

    def future(self, view):
        return self.render(view, 180)

    def render(self, view, grey):
        self.logger.info(f"rendered {grey}")
        shape = (view.height, view.width)
        return Picture(np.full((*shape, 3), grey, np.uint8), np.ones(shape))


class ForeseeingPolicyNode(PolicyNode):
    def load_policy(self, p):
        return Still()

    def load_foresight(self, p):
        if p.policy == "blind":
            raise CheckpointError("blind holds no renderer")
        return Brighter(self.get_logger())


if __name__ == "__main__":
    raise SystemExit(runtime.run(ForeseeingPolicyNode))
