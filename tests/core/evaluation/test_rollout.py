"""An episode ends for exactly one reason, and nothing a policy or simulator does can crash the run."""

import numpy as np
import pytest

from dynarend_core.errors import (
    ConfigurationError,
    MissingDependencyError,
    ObservationError,
    PlanningError,
    SimulationError,
)
from dynarend_core.evaluation.rollout import EpisodeSpec, run_episode
from dynarend_core.types import FailureReason, GripperState, Keyframe, Observation, Prediction, StepResult


class ScriptedEnvironment:
    """Answers with the given outcomes, one a keyframe: True, False, a failure reason, or an error to raise."""

    def __init__(self, *outcomes, reset_error=None):
        self.outcomes, self.reset_error = list(outcomes), reset_error
        self.calls = []
        self.perturbation = None

    def observe(self):
        return Observation((), GripperState(np.eye(4), True), "do it", step=len(self.calls))

    def reset(self, task, variation, seed, phrasing=None, perturbation="none"):
        if self.reset_error:
            raise self.reset_error
        self.perturbation = perturbation
        return self.observe()

    def step(self, keyframe):
        outcome = self.outcomes[len(self.calls)]
        self.calls.append(keyframe)
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, FailureReason):
            return StepResult(self.observe(), False, outcome, "in words")
        return StepResult(self.observe(), outcome)

    def close(self):
        pass


class ScriptedPolicy:
    def __init__(self, error_at=None, T=None):
        self.error_at, self.T, self.seen = error_at, np.eye(4) if T is None else T, []

    def act(self, observation):
        self.seen.append(observation.step)
        if observation.step == self.error_at:
            raise ObservationError("blind")
        return Prediction(Keyframe(self.T, True), 1.0, ())


def play(environment, policy=None, perturbation="none", **options):
    spec = EpisodeSpec("task", 0, 1, 2, perturbation=perturbation)
    return run_episode(environment, policy or ScriptedPolicy(), spec, **options)


def test_success_ends_the_episode_at_once():
    environment, policy = ScriptedEnvironment(False, True, False), ScriptedPolicy()
    result = play(environment, policy)
    assert result.success
    assert result.failure_reason is FailureReason.NONE
    assert result.steps == len(environment.calls) == len(result.latencies_ms) == 2
    assert policy.seen == [0, 1]
    assert result.instruction == "do it"
    assert (result.spec.task, result.spec.seed, result.spec.phrasing) == ("task", 1, 2)
    assert result.message == ""


def test_the_perturbation_reaches_the_environment_and_the_result():
    environment = ScriptedEnvironment(True, True)
    assert play(environment).spec.perturbation == environment.perturbation == "none"
    result = play(environment, perturbation="camera_pose")
    assert result.spec.perturbation == environment.perturbation == "camera_pose"


def test_running_out_of_keyframes_is_a_timeout():
    result = play(ScriptedEnvironment(*[False] * 9), max_keyframes=4)
    assert (result.success, result.failure_reason, result.steps) == (False, FailureReason.TIMEOUT, 4)
    assert "4 keyframes" in result.message


def test_a_failed_step_ends_the_episode_with_its_reason():
    result = play(ScriptedEnvironment(False, FailureReason.WRONG_OBJECT, True))
    assert (result.success, result.failure_reason, result.steps) == (False, FailureReason.WRONG_OBJECT, 2)
    assert result.message == "in words"


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        (ScriptedEnvironment(PlanningError("no way", cause="ik")), FailureReason.IK),
        (ScriptedEnvironment(PlanningError("no way", cause="planning")), FailureReason.PLANNING),
        (ScriptedEnvironment(SimulationError("no way")), FailureReason.SIMULATOR),
        (ScriptedEnvironment(ZeroDivisionError("no way")), FailureReason.SIMULATOR),
        (ScriptedEnvironment(reset_error=SimulationError("no way")), FailureReason.SIMULATOR),
    ],
)
def test_errors_of_the_environment_become_failures_with_their_cause(environment, reason):
    result = play(environment)
    assert (result.success, result.failure_reason, result.steps) == (False, reason, 0)
    assert "no way" in result.message


@pytest.mark.parametrize(
    "environment",
    [
        ScriptedEnvironment(reset_error=MissingDependencyError("no OpenGL")),
        ScriptedEnvironment(MissingDependencyError("no OpenGL")),
    ],
)
def test_what_the_machine_lacks_is_no_failure_of_the_policy(environment):
    with pytest.raises(MissingDependencyError, match="OpenGL"):
        play(environment)


def test_errors_of_the_policy_become_failures_and_name_the_keyframe():
    result = play(ScriptedEnvironment(False, False), ScriptedPolicy(error_at=1))
    assert (result.failure_reason, result.steps) == (FailureReason.POLICY, 1)
    assert result.message == "keyframe 1: ObservationError: blind"


@pytest.mark.parametrize("T", [np.full((4, 4), np.nan), np.zeros((4, 4)), np.eye(3)])
def test_a_keyframe_that_is_no_pose_never_reaches_the_environment(T):
    environment = ScriptedEnvironment(True)
    result = play(environment, ScriptedPolicy(T=T))
    assert result.failure_reason is FailureReason.POLICY
    assert environment.calls == []


def test_an_unknown_task_is_the_callers_mistake():
    with pytest.raises(ConfigurationError):
        play(ScriptedEnvironment(reset_error=ConfigurationError("unknown task")))


def test_pictures_frame_every_keyframe():
    pictures = iter(range(100))
    result = play(ScriptedEnvironment(False, False, True), snapshot=lambda: np.full((1, 1, 3), next(pictures)))
    assert [int(frame[0, 0, 0]) for frame in result.frames] == [0, 1, 2, 3]


def test_the_policy_is_reminded_of_what_it_did_and_saw_first():
    environment, remembered = ScriptedEnvironment(False, False, True), []

    class Remembering(ScriptedPolicy):
        def act(self, observation):
            remembered.append(observation.memory)
            return super().act(observation)

    play(environment, Remembering())
    assert [len(memory.past) for memory in remembered] == [0, 1, 2]
    assert {memory.first.step for memory in remembered} == {remembered[0].first.step}
