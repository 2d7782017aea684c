"""Stamps of a drifting clock become host time: late frames do not move them, drift does not add up."""

import numpy as np
import pytest

from dynarend_core.perception.clock_offset import ClockOffset

DELAY_MS = 20.0


def stamped(drift, seconds=3600.0, rate_hz=15.0, jitter_ms=0.0, first_late_ms=0.0):
    """True times of exposure and what became of them [ms]; the foreign clock began 5000 s after the host's."""
    rng, offset = np.random.default_rng(0), ClockOffset()
    true_ms = 1e3 * np.arange(0.0, seconds, 1.0 / rate_hz)
    late_ms = DELAY_MS + jitter_ms * rng.random(len(true_ms))
    late_ms[0] += first_late_ms
    foreign_ms = (1.0 + drift) * true_ms - 5e6
    out = [s + offset.update(s, arrival) for s, arrival in zip(foreign_ms, true_ms + late_ms, strict=True)]
    return true_ms, np.array(out)


@pytest.mark.parametrize("drift", [100e-6, -100e-6])
def test_a_drift_of_100_ppm_stays_within_10_ms_for_an_hour(drift):
    true_ms, host_ms = stamped(drift, jitter_ms=4.0)
    assert np.abs(host_ms - true_ms - DELAY_MS).max() < 10.0


def test_jitter_moves_a_stamp_by_no_more_than_itself_and_stamps_rise():
    true_ms, host_ms = stamped(0.0, seconds=120.0, jitter_ms=30.0)
    error_ms = host_ms - true_ms - DELAY_MS
    assert error_ms.min() > -1e-6
    assert error_ms.max() < 30.0
    assert np.median(error_ms) < 1.0
    assert (np.diff(host_ms) > 0).all()


def test_a_first_frame_that_waited_is_forgotten_with_the_next():
    true_ms, host_ms = stamped(0.0, seconds=2.0, first_late_ms=60.0)
    np.testing.assert_allclose(host_ms[1:] - true_ms[1:], DELAY_MS, atol=1e-6)
