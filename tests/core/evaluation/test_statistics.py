import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynarend_core.errors import InvalidInputError
from dynarend_core.evaluation.statistics import Z_95, percentiles, wilson_interval

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_interval_holds_the_rate_and_stays_within_bounds(count):
    successes, trials = count
    low, high = wilson_interval(successes, trials)
    assert 0.0 <= low <= successes / trials <= high <= 1.0
    assert low < high


@given(counts)
def test_bounds_solve_wilsons_equation(count):
    """Each bound p satisfies (rate - p)^2 = z^2 p (1 - p) / n: the definition, not the closed form."""
    successes, trials = count
    for p in wilson_interval(successes, trials):
        assert (successes / trials - p) ** 2 == pytest.approx(Z_95**2 * p * (1 - p) / trials, abs=1e-9)


@given(counts)
def test_interval_of_failures_mirrors_that_of_successes(count):
    successes, trials = count
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(trials - successes, trials)
    np.testing.assert_allclose(mirrored, (1 - high, 1 - low), atol=1e-12)


def test_published_values():
    np.testing.assert_allclose(wilson_interval(81, 263), (0.2553, 0.3662), atol=1e-4)  # Newcombe, 1998
    np.testing.assert_allclose(wilson_interval(0, 20), (0.0, 0.1611), atol=1e-4)


def test_more_trials_narrow_the_interval_and_none_say_nothing():
    widths = [np.diff(wilson_interval(9 * n, 10 * n))[0] for n in (1, 4, 16)]
    assert widths[0] > widths[1] > widths[2]
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("count", [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(count):
    with pytest.raises(InvalidInputError, match="successes"):
        wilson_interval(*count)


def test_percentiles_are_named_and_ordered():
    assert percentiles(range(101)) == {"p50": 50.0, "p90": 90.0, "p99": 99.0}
    assert percentiles([3.0], ranks=(1,)) == {"p1": 3.0}
    assert percentiles([]) == {}
