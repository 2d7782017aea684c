"""A policy is anything with ``act(observation) -> Prediction``. This one needs no training: it presses what is named.

It looks for the colours that the instruction names, in their order: above the button, then down. The evaluation that
judges trained policies judges it too, by the name of the function that makes it:

dynarend evaluate --policy examples/02_your_own_policy.py:make --tasks push_buttons --episodes 6 --out runs/mine

or without the command:

python examples/02_your_own_policy.py --episodes 6
"""

from __future__ import annotations

import argparse

import numpy as np

from dynarend_core.evaluation.report import summarise
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec, run_episode
from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.perception.fusion import fuse
from dynarend_core.sim.environment import EVALUATION_SEED_START
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.sim.mujoco.task import COLORS
from dynarend_core.types import Keyframe, Observation, Prediction

COLOURS = {name: np.round(255 * np.asarray(rgb)).astype(int) for name, rgb in COLORS.items()}
ABOVE_M, PRESS_M = 0.08, -0.005


class PressTheNamedColours:
    """Even steps go above a button, odd steps press it."""

    def act(self, observation: Observation) -> Prediction:
        """Choose the next keyframe.

        Raises:
            ValueError: no known colour is left to press, or it is nowhere to be seen. The evaluation counts that as
                a failure of the policy, with the message.
        """
        named = [word for word in observation.instruction.replace(",", " ").split() if word in COLOURS]
        button, pressing = observation.step // 2, observation.step % 2 == 1
        if button >= len(named):
            raise ValueError(f"nothing is left to press of {named}")
        position = self._find(observation, named[button])
        position[2] += PRESS_M if pressing else ABOVE_M
        T_base_gripper = se3.make(rotation_x(np.pi), position)  # pointing down
        return Prediction(Keyframe(T_base_gripper, gripper_open=False, ignore_collisions=pressing), 1.0, value_maps=())

    def _find(self, observation: Observation, colour: str) -> np.ndarray:
        """Top of the button: the median of the points of its colour, ``(3,)`` [m], base frame."""
        cloud = fuse(observation.views)
        difference = np.abs(cloud.rgb.astype(int) - COLOURS[colour]).max(axis=1)
        points = cloud.xyz[(difference < 40) & (cloud.xyz[:, 2] > 0.015) & (cloud.xyz[:, 2] < 0.04)]
        if len(points) < 3:
            raise ValueError(f"nothing {colour} to be seen")
        return np.array([*np.median(points[:, :2], axis=0), points[:, 2].max()], dtype=np.float64)


def make() -> PressTheNamedColours:
    """What ``dynarend evaluate --policy FILE.py:make`` calls, once a process."""
    return PressTheNamedColours()


def evaluate(episodes: int) -> list[EpisodeResult]:
    """Run unseen scenes of ``push_buttons``, each with another variation: one, two or three buttons."""
    environment = MujocoEnvironment()
    policy = make()
    try:
        specs = [EpisodeSpec("push_buttons", i, EVALUATION_SEED_START + i) for i in range(episodes)]
        return [run_episode(environment, policy, spec) for spec in specs]
    finally:
        environment.close()


def main() -> None:
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=6)
    results = evaluate(parser.parse_args().episodes)
    for result in results:
        outcome = "solved" if result.success else f"{result.failure_reason.value}: {result.message}"
        print(f'"{result.instruction}": {outcome}')
    report = summarise(results, "examples/02_your_own_policy.py")
    print(f"success {report.mean_success:.0%} (95 % interval {report.wilson_low:.0%} to {report.wilson_high:.0%})")


if __name__ == "__main__":
    main()
