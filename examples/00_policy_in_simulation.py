"""Run a trained policy on one unseen scene: look, choose a keyframe, move there, look again.

python examples/00_policy_in_simulation.py --task open_drawer --variation 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

from dynarend_core.policy import Policy
from dynarend_core.sim.mujoco.environment import MujocoEnvironment
from dynarend_core.types import EpisodeMemory, FailureReason


def run(policy: Policy, task: str, variation: int, seed: int, max_keyframes: int = 8) -> bool:
    """One episode, closed loop; True if the task was solved."""
    environment = MujocoEnvironment()
    observation = environment.reset(task, variation, seed)
    memory = EpisodeMemory.begin(observation)
    print(f'"{observation.instruction}"')
    try:
        for number in range(1, max_keyframes + 1):
            prediction = policy.act(memory.recalled(observation))
            keyframe = prediction.keyframe
            result = environment.step(keyframe)
            x, y, z = keyframe.T_base_gripper[:3, 3]
            print(
                f"keyframe {number}: ({x:.3f}, {y:.3f}, {z:.3f}) m, {'open' if keyframe.gripper_open else 'closed'}, "
                f"confidence {prediction.confidence:.2f}, {prediction.latency_s * 1e3:.0f} ms"
            )
            if result.success:
                return True
            if result.failure_reason is not FailureReason.NONE:
                print(f"{result.failure_reason.value}: {result.message}")
                return False
            observation = result.observation
            memory = memory.after(keyframe, observation)
        return False
    finally:
        environment.close()


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--policy", type=Path, default=Path("models/policies/small"), help="policy folder")
    parser.add_argument("--task", default="open_drawer", help=", ".join(MujocoEnvironment.task_names()))
    parser.add_argument("--variation", type=int, default=0)
    parser.add_argument("--seed", type=int, default=100_000, help="100000 and above were never trained on")
    args = parser.parse_args()
    solved = run(Policy.from_checkpoint(args.policy), args.task, args.variation, args.seed)
    print("solved" if solved else "not solved")


if __name__ == "__main__":
    main()
