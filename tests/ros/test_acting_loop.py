import pytest

from dynarend_ros.acting_loop import ActingLimits, ActingLoop


class Session:
    """A loop, a clock, and the keyframes that left."""

    def __init__(self, running=True, **limits):
        self.said, self.sent, self.stamp, self.now = [], [], 100, 0.0
        self.has_executor, self.asked = True, 0
        self.loop = ActingLoop(ActingLimits(**limits), running, lambda reason, problem: self.said.append(reason))

    def turn(self, cloud_age_s=0.0):
        self.stamp += 1
        return self.loop.take_turn(self.stamp, cloud_age_s, self.now, self.look_for_executor)

    def look_for_executor(self):
        self.asked += 1
        return self.has_executor

    def answer(self, turn):
        return self.loop.answer(turn, self.stamp, self.now, lambda: self.sent.append(self.stamp))


@pytest.fixture
def session():
    session = Session()
    session.loop.start_task("open it", 0)
    return session


def test_one_keyframe_at_a_time_and_the_next_needs_a_newer_cloud(session):
    turn = session.turn()
    assert session.turn() is None  # thinking
    assert session.answer(turn)
    assert session.turn() is None  # moving
    session.loop.execution_ended(session.sent[-1] + 5, True, 0)
    assert session.turn() is None  # somebody else's keyframe ended
    session.loop.execution_ended(session.sent[-1], True, session.stamp + 2)
    assert session.turn() is None  # seen while it moved
    assert session.turn() is None
    assert session.turn().step == 1


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda loop: loop.set_running(False),
        lambda loop: loop.start_task("open it", 0),  # the same words in a new scene
        lambda loop: loop.halt(0),
    ],
)
def test_an_answer_that_comes_after_pause_stop_or_a_new_task_is_dropped(session, meanwhile):
    turn = session.turn()
    meanwhile(session.loop)
    assert not session.answer(turn)
    assert session.sent == []


def test_after_a_stop_nothing_moves_until_asked_for_and_then_on_a_newer_cloud(session):
    session.answer(session.turn())
    session.loop.halt(session.stamp + 1)
    assert session.turn() is None
    assert not session.loop.status()["running"]
    assert "stopped" in session.loop.reason
    session.loop.set_running(True)
    assert session.turn() is not None


def test_an_old_cloud_moves_nothing(session):
    assert session.turn(cloud_age_s=1.5) is None
    assert session.turn(cloud_age_s=0.5) is not None


def test_without_an_executor_nothing_is_thought_out_and_no_turn_is_lost(session):
    session.has_executor = False
    assert session.turn() is None
    session.has_executor = True
    assert session.turn().step == 0


def test_an_executor_is_looked_for_only_where_nothing_else_is_missing(session):
    assert session.turn(cloud_age_s=1.5) is None
    assert session.asked == 0
    assert session.answer(session.turn())
    assert session.turn() is None  # moving
    assert session.asked == 1


def test_a_step_is_one_keyframe_and_is_forgotten_when_no_cloud_comes():
    session = Session(running=False)
    assert session.loop.request_step(0.0)[0] is False
    session.loop.start_task("open it", 0)
    assert session.turn() is None
    assert session.loop.request_step(0.0)[0]
    assert session.answer(session.turn())
    session.loop.execution_ended(session.stamp, True, 0)
    assert session.turn() is None
    assert session.loop.request_step(0.0)[0]
    session.now = 6.0
    assert session.turn() is None
    session.loop.check_timeouts(session.now)
    assert "step dropped" in session.said[-1]


def test_failures_in_a_row_and_the_limit_of_keyframes_stop_the_loop():
    session = Session(max_failures=2, max_keyframes=3)
    session.loop.start_task("open it", 0)
    session.loop.turn_failed(session.turn(), "no", 0)
    assert "trying again (1 of 2" in session.said[-1]
    session.loop.turn_failed(session.turn(), "no", 0)
    assert session.said[-1] == "stopped after 2 failures in a row: no"
    assert session.turn() is None
    session.loop.start_task("again", 0)
    session.loop.set_running(True)
    for _ in range(3):
        session.answer(session.turn())
        session.loop.execution_ended(session.stamp, True, 0)
    assert session.said[-1] == "stopped: 3 keyframes, the limit"
    assert session.turn() is None


def test_a_silent_executor_is_a_failure(session):
    session.answer(session.turn())
    session.loop.check_timeouts(119.0)
    assert session.loop.failures == 0
    session.loop.check_timeouts(121.0)
    assert session.loop.failures == 1
