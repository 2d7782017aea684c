"""What the policy is reminded of: its keyframes since the last instruction and what was seen first."""

from __future__ import annotations

from dynarend_core.types import EpisodeMemory, Keyframe, Observation


class PolicyMemory:
    """Memory of one task at a time; used by the thread that asks the policy, and by no other."""

    def __init__(self) -> None:
        self._memory: EpisodeMemory | None = None
        self._task: int | None = None
        self._sent: Keyframe | None = None

    def recall(self, observation: Observation, task: int) -> Observation:
        """The observation with what is remembered; another number of the task means that a new one begins.

        Whether the last keyframe was reached is seen by where the arm is now, however it came there.
        """
        if self._memory is None or task != self._task:
            self._memory, self._task = EpisodeMemory.begin(observation), task
        elif self._sent is not None:
            self._memory = self._memory.after(self._sent, observation)
        self._sent = None
        return self._memory.recalled(observation)

    def sent(self, keyframe: Keyframe) -> None:
        """A keyframe is on its way to the executor."""
        self._sent = keyframe
