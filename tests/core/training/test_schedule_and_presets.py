import dataclasses
import itertools

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_core.training.presets import PRESETS, preset
from dynarend_core.training.schedule import learning_rate, progress


def test_the_rate_rises_then_falls_to_a_hundredth():
    rates = [learning_rate(1.0, s, 10, progress(s, 100, 0.0, None)) for s in range(101)]
    assert rates[0] == pytest.approx(0.1, rel=0.01)
    assert max(rates) == max(rates[8:12])
    assert rates[100] == pytest.approx(0.01)
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_a_time_limit_anneals_too():
    assert progress(10, 1000, 30.0, 60.0) == 0.5
    assert progress(900, 1000, 30.0, 60.0) == 0.9
    assert progress(10, 1000, 99.0, 60.0) == 1.0


def test_unknown_presets_name_the_known_ones():
    with pytest.raises(ConfigurationError, match="debug, small, tasks, base, paper"):
        preset("huge")
    assert set(PRESETS) == {"debug", "small", "tasks", "base", "paper"}


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"batch_size": -1}, {"learning_rate": float("nan")}, {"clip_norm": 0.0}, {"yaw_deg": 181.0}],
)
def test_training_settings_out_of_range_are_named(change):
    with pytest.raises(ConfigurationError, match=next(iter(change))):
        dataclasses.replace(preset("small").training, **change)
