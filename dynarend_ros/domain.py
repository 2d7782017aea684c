"""A ROS domain that nobody on this machine uses."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

from dynarend_core.errors import ConfigurationError

LAST = 101
"""Above, DDS ports meet the ports that Linux gives to clients."""


def _in_use(domain_id: int) -> bool:
    """Whether a participant listens in the domain: RTPS fixes the port of the first one (7400 + 250 d + 10)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", 7400 + 250 * domain_id + 10))
        except OSError:
            return True
    return False


def free_domain_id(candidates: Iterable[int] | None = None) -> int:
    """First unused domain; without ``candidates`` the search begins at a place of this process's own.

    Raises:
        ConfigurationError: all are in use.
    """
    if candidates is None:
        candidates = ((os.getpid() + i) % LAST + 1 for i in range(LAST))
    tried = 0
    for domain_id in candidates:
        if not _in_use(domain_id):
            return domain_id
        tried += 1
    raise ConfigurationError(f"all {tried} ROS domains tried are in use on this machine; end old graphs")
