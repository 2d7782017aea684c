"""When a long run is saved and validated in between."""

from __future__ import annotations

import time
from collections.abc import Callable


class Upkeep:
    """Asked after every step. Validation never takes more than a twentieth of the time, however long it is.

    Args:
        save_every_s: Between the end of one saving and the next [s].
        save: Saves the run.
        validate_every_s: The same for validation, where that takes little [s].
        validate: Validates it.
        clock: Steady time [s].
    """

    PATIENCE = 20.0

    def __init__(
        self,
        save_every_s: float,
        save: Callable[[], object],
        validate_every_s: float,
        validate: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._save, self._save_every_s = save, save_every_s
        self._validate, self._validate_every_s = validate, validate_every_s
        self._clock = clock
        self._save_due_s, self._validate_due_s = clock() + save_every_s, clock() + validate_every_s

    def look(self) -> None:
        """Do what is due."""
        start_s = self._clock()
        if start_s > self._save_due_s:
            self._save()
            self._save_due_s = self._clock() + self._save_every_s
        start_s = self._clock()
        if start_s > self._validate_due_s:
            self._validate()
            end_s = self._clock()
            self._validate_due_s = end_s + max(self._validate_every_s, self.PATIENCE * (end_s - start_s))
