"""Every error this package raises on purpose. Messages name the value, the limit and the remedy."""

from __future__ import annotations


class DynaRendError(Exception):
    """Base of all errors raised by DynaRend."""


class InvalidInputError(DynaRendError, ValueError):
    """An argument has the wrong shape, type, range or frame."""


class ObservationError(DynaRendError):
    """An observation cannot be used: no valid depth, a missing camera, a stale or non-finite input."""


class CameraError(DynaRendError):
    """A camera cannot be opened or configured, or stopped giving images."""


class DatasetError(DynaRendError):
    """A demonstration store or episode is missing, damaged or of another schema."""


class UnsafePickleError(DatasetError):
    """A pickle asked for a class outside the short list that RLBench episodes need."""


class CheckpointError(DynaRendError):
    """A policy checkpoint is missing, damaged or does not fit the network."""


class ConfigurationError(DynaRendError):
    """A preset, task, robot or file setting is unknown or contradictory."""


class PlanningError(DynaRendError):
    """No motion could be planned. ``cause`` is one of :class:`dynarend_core.types.FailureReason`'s values."""

    def __init__(self, message: str, cause: str) -> None:
        super().__init__(message)
        self.cause = cause

    def __reduce__(self) -> tuple[type[PlanningError], tuple[str, str]]:
        """Both arguments, so that it can come from another process."""
        return type(self), (str(self), self.cause)


class SimulationError(DynaRendError):
    """The simulator could not build or reset a scene, or its state became non-finite."""


class MissingDependencyError(DynaRendError, ImportError):
    """An optional package is not installed; the message names the command that installs it."""


class TrainingError(DynaRendError):
    """Training cannot go on: it has diverged."""
