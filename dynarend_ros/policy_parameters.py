"""Parameters of the policy node, and what it needs of a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dynarend_core.types import Observation, Prediction
from dynarend_ros.parameters import if_changed, if_higher, parameter


class Acting(Protocol):
    """What the node needs of a policy."""

    def act(self, observation: Observation) -> Prediction:
        """Next keyframe for the observation."""
        ...


@dataclass(frozen=True)
class PolicyParameters:
    """Parameters of the policy node."""

    policy: str = parameter("", "Folder of the policy checkpoint.")
    device: str = parameter("cpu", "Where it runs: cpu, cuda, cuda:1, ...")
    autostart: str = parameter(
        "active",
        "Lifecycle state to reach at once: inactive has loaded the policy, active may act.",
        choices=("unconfigured", "inactive", "active"),
    )
    instruction: str = parameter("", "Instruction to begin with; empty: wait for the topic.")
    autorun: bool = parameter(
        False, "Act as soon as there is an instruction; otherwise wait for `run` or `step`.", relaxed=if_changed
    )
    robot: str = parameter("panda", "Robot of config/robots, or the path of such a file.")
    open_share: float = parameter(
        0.9, "Share of the gripper's opening from which it counts as open.", low=0.1, high=1.0
    )
    joint_state_max_age_s: float = parameter(
        0.5, "Refuse older joint states [s, steady].", low=0.01, high=10.0, relaxed=if_higher
    )
    cloud_max_age_s: float = parameter(
        1.0, "A cloud that arrived earlier moves nothing [s, steady].", low=0.01, high=60.0, relaxed=if_higher
    )
    max_keyframes: int = parameter(25, "Stop after so many keyframes of one instruction.", low=1, high=1000)
    max_failures: int = parameter(3, "Stop after so many failures in a row.", low=1, high=100, relaxed=if_higher)
    draw_live: bool = parameter(False, "Draw every prediction at once; costs about as much time as acting.")
    check_steps: bool = parameter(
        False, "Compare every step with what was foreseen, also when nobody listens to `prediction_error`."
    )
    surprise_score: float = parameter(
        1.2, "From this prediction_error on, a step is flagged in the diagnostics.", low=0.1, high=1000.0
    )
    view_from: tuple[float, ...] = parameter(
        (1.62, 0.0, 0.83), "Where `rendered/future` is seen from [m, base frame]; best a camera of the training data."
    )
    view_at: tuple[float, ...] = parameter((0.44, 0.0, 0.28), "What it looks at [m, base frame].")
    view_fov_deg: float = parameter(40.0, "Its vertical field of view [degrees].", low=5.0, high=120.0)
    view_size: int = parameter(64, "Its width and height [px]; time grows with the square.", low=16, high=512)
    execution_timeout_s: float = parameter(120.0, "No answer of the executor for so long is a failure [s].", low=1.0)
