import socket

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_ros.domain import LAST, free_domain_id


def test_a_domain_with_a_participant_is_passed_over():
    mine = free_domain_id()
    assert 1 <= mine <= LAST
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as participant:
        participant.bind(("0.0.0.0", 7410 + 250 * mine))
        with pytest.raises(ConfigurationError, match="end old graphs"):
            free_domain_id([mine])
