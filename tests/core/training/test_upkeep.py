"""Long runs are saved and validated as time goes by, and validation takes little of it."""

import pytest

from dynarend_core.training.upkeep import Upkeep


class Run:
    """Steps of a second; saving and validating take as long as they are told to."""

    def __init__(self, save_s, validate_s):
        self.now_s, self.saved, self.validated = 0.0, [], []
        self.save_s, self.validate_s = save_s, validate_s
        self.upkeep = Upkeep(60.0, self.save, 300.0, self.validate, lambda: self.now_s)

    def save(self):
        self.saved.append(self.now_s)
        self.now_s += self.save_s

    def validate(self):
        self.validated.append(self.now_s)
        self.now_s += self.validate_s

    def go_on_until(self, end_s):
        while self.now_s < end_s:
            self.now_s += 1.0
            self.upkeep.look()


def test_both_come_about_as_often_as_wanted_where_they_take_no_time():
    run = Run(0.0, 0.0)
    run.go_on_until(3600.0)
    assert 57 <= len(run.saved) <= 60
    assert 11 <= len(run.validated) <= 12


def test_nothing_is_done_before_it_is_due():
    run = Run(0.0, 0.0)
    run.go_on_until(59.0)
    assert run.saved == run.validated == []


@pytest.mark.parametrize("validate_s", [5.0, 60.0, 200.0])
def test_slow_validation_takes_a_twentieth_at_most_and_saving_goes_on(validate_s):
    run = Run(0.0, validate_s)
    run.go_on_until(20000.0)
    assert len(run.validated) >= 3
    assert len(run.validated) * validate_s < run.now_s / 20.0 + validate_s
    gaps = [b - a for a, b in zip(run.saved, run.saved[1:], strict=False)]
    assert max(gaps) <= 62.0 + validate_s
