"""The policy node's memory: one task at a time, reached or not as the arm is seen."""

import numpy as np

from dynarend_core.geometry import se3
from dynarend_core.geometry.rotations import rotation_x
from dynarend_core.types import GripperState, Keyframe, Observation
from dynarend_ros.acting_loop import ActingLimits, ActingLoop
from dynarend_ros.policy_memory import PolicyMemory


def pose(x):
    return se3.make(rotation_x(np.pi), np.array([x, 0.0, 0.2]))


def seen(x):
    return Observation((), GripperState(pose(x), True, 0.03), "go")


def test_only_keyframes_that_were_sent_are_remembered():
    memory = PolicyMemory()
    first = memory.recall(seen(0.3), 1).memory
    assert first.past == ()
    assert memory.recall(seen(0.3), 1).memory.past == ()  # the answer was not wanted any more
    memory.sent(Keyframe(pose(0.4), False))
    memory.recall(seen(0.4), 1)
    memory.sent(Keyframe(pose(0.6), False))
    past = memory.recall(seen(0.5), 1).memory.past
    assert [p.reached for p in past] == [False, True]
    assert [p.width_m for p in past] == [0.03, 0.03]
    assert memory.recall(seen(0.5), 1).memory.past == past  # asked again, nothing was done in between


def test_a_new_instruction_forgets_the_old_task_even_with_the_same_words():
    loop = ActingLoop(ActingLimits(), running=True, on_change=lambda *_: None)
    memory, clouds = PolicyMemory(), iter(range(1, 9))

    def turn():
        return loop.take_turn(next(clouds), 0.0, 0.0, lambda: True)

    loop.start_task("go", 0)
    first = turn()
    memory.recall(seen(0.3), first.task)
    assert loop.answer(first, 1, 0.0, lambda: memory.sent(Keyframe(pose(0.4), True)))
    loop.start_task("go", 1)
    again = memory.recall(seen(0.4), turn().task).memory
    assert again.past == ()
    assert again.first.gripper.T_base_gripper[0, 3] == 0.4
