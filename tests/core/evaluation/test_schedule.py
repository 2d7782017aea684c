import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.evaluation.schedule import schedule_episodes
from dynarend_core.sim.environment import EVALUATION_SEED_START

TASKS = {"open_drawer": 3, "push_buttons": 50}


def schedule(episodes, **options):
    return schedule_episodes(list(TASKS), episodes, TASKS.__getitem__, lambda task, variation: 5, **options)


def test_every_variation_occurs_or_they_are_spread_over_the_whole_range():
    specs = schedule(25)
    drawer = [s.variation for s in specs if s.task == "open_drawer"]
    buttons = [s.variation for s in specs if s.task == "push_buttons"]
    assert set(drawer) == {0, 1, 2}
    assert max(map(drawer.count, range(3))) - min(map(drawer.count, range(3))) <= 1
    assert buttons == list(range(0, 50, 2))
    assert {s.variation for s in schedule(50) if s.task == "push_buttons"} == set(range(50))


def test_seeds_are_unseen_distinct_and_the_same_for_all_tasks():
    specs = schedule(25, seed_start=EVALUATION_SEED_START + 7)
    for task in TASKS:
        assert [s.seed for s in specs if s.task == task] == list(
            range(EVALUATION_SEED_START + 7, EVALUATION_SEED_START + 32)
        )


def test_all_phrasings_occur_and_only_the_last_is_held_out():
    specs = schedule(50)
    assert {s.phrasing for s in specs} == set(range(5))
    assert all(s.held_out == (s.phrasing == 4) for s in specs)
    share = sum(s.held_out for s in specs) / len(specs)
    assert 0.1 < share < 0.3


def test_the_draw_depends_on_task_and_seed_only():
    long, short = schedule(25), schedule(10)
    assert [s.phrasing for s in long[: len(short)]] == [s.phrasing for s in short]
    alone = schedule_episodes(["push_buttons"], 10, TASKS.__getitem__, lambda task, variation: 5)
    assert [s.phrasing for s in alone] == [s.phrasing for s in short if s.task == "push_buttons"]
    assert [s.phrasing for s in alone] != [s.phrasing for s in short if s.task == "open_drawer"]


def test_repeats_have_scenes_of_their_own_and_the_same_share_of_every_variation():
    specs = schedule(10, repeats=5)
    for task in TASKS:
        seeds = [s.seed for s in specs if s.task == task]
        assert len(set(seeds)) == 50
    assert [sum(s.repeat == r for s in specs) for r in range(5)] == [20] * 5
    assert {s.variation for s in specs if s.task == "push_buttons"} == set(range(50))
    first = [s.variation for s in specs if s.task == "push_buttons" and s.repeat == 0]
    assert first == list(range(0, 50, 5))


@pytest.mark.parametrize(
    "options",
    [{"episodes": 0}, {"episodes": 5, "repeats": 0}, {"episodes": 5, "seed_start": EVALUATION_SEED_START - 1}],
)
def test_seen_seeds_and_empty_schedules_are_refused(options):
    with pytest.raises(ConfigurationError):
        schedule(**options)
