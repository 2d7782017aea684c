"""Brings images of several cameras together by their stamps. No ROS, no clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from dynarend_core.errors import InvalidInputError

T = TypeVar("T")


@dataclass
class CameraCounters:
    """What happened to one camera's frames.

    Attributes:
        received: Frames that arrived.
        lost: Sets of the other cameras in which this camera's frame is missing.
        late: Frames that arrived after their set had been given out, and were not used.
        last_arrival_s: Steady time of the last frame [s]; None before the first.
    """

    received: int = 0
    lost: int = 0
    late: int = 0
    last_arrival_s: float | None = None


@dataclass(frozen=True)
class FrameSet(Generic[T]):
    """Frames of one moment. ``missing`` names the cameras that have none."""

    stamp_ns: int
    frames: dict[str, T]
    missing: tuple[str, ...] = ()


@dataclass
class _Pending(Generic[T]):
    stamp_ns: int
    arrival_s: float
    frames: dict[str, T] = field(default_factory=dict)


class FrameSynchronizer(Generic[T]):
    """Collects one frame of every camera whose stamps lie within ``slop_ns`` of each other.

    A set that stays incomplete is given out after ``timeout_s`` with what it has; the camera that was missing is not
    waited for again until it sends something. Sets leave in the order of their stamps, never twice, never out of date:
    whatever is older than the last set is counted as late and dropped. A jump back in time of more than a second
    (a simulator's reset, a bag that loops) starts anew.

    Args:
        cameras: Names of the cameras that make a complete set.
        slop_ns: Allowed distance from the stamp of a set's first frame [ns]; 0 wants equal stamps.
        timeout_s: Patience with a camera [s of the clock passed as ``now_s``].
    """

    JUMP_BACK_NS = 1_000_000_000
    MAX_PENDING = 32

    def __init__(self, cameras: Sequence[str], slop_ns: int = 0, timeout_s: float = 0.2) -> None:
        if not cameras or len(set(cameras)) != len(cameras):
            raise InvalidInputError(f"cameras must be distinct and at least one, got {list(cameras)}")
        self.cameras = tuple(cameras)
        self.counters = {name: CameraCounters() for name in cameras}
        self._slop_ns = slop_ns
        self._timeout_s = timeout_s
        self._pending: list[_Pending[T]] = []
        self._last_ns: int | None = None
        self._absent: set[str] = set()

    def add(self, camera: str, stamp_ns: int, frame: T, now_s: float) -> FrameSet[T] | None:
        """Add a frame; returns the set it completed, if any."""
        counter = self.counters[camera]
        counter.received += 1
        counter.last_arrival_s = now_s
        self._absent.discard(camera)
        if self._last_ns is not None and stamp_ns < self._last_ns - self.JUMP_BACK_NS:
            self._pending.clear()
            self._last_ns = None
        if self._last_ns is not None and stamp_ns <= self._last_ns + self._slop_ns:
            counter.late += 1
            return None
        self._slot(camera, stamp_ns, now_s).frames[camera] = frame
        return self.poll(now_s)

    def poll(self, now_s: float) -> FrameSet[T] | None:
        """The newest set that is complete, or due although it is not; call it also while nothing arrives."""
        expected = [name for name in self.cameras if name not in self._absent]
        for entry in reversed(self._pending):
            complete = all(name in entry.frames for name in expected)
            if complete or now_s - entry.arrival_s >= self._timeout_s:
                return self._release(entry)
        return None

    def _slot(self, camera: str, stamp_ns: int, now_s: float) -> _Pending[T]:
        for entry in self._pending:
            if camera not in entry.frames and abs(entry.stamp_ns - stamp_ns) <= self._slop_ns:
                return entry
        entry = _Pending[T](stamp_ns, now_s)
        self._pending.append(entry)
        self._pending.sort(key=lambda e: e.stamp_ns)
        del self._pending[: -self.MAX_PENDING]
        return entry

    def _release(self, released: _Pending[T]) -> FrameSet[T]:
        """Close ``released`` and every older set; whoever is missing in one has lost a frame."""
        done = [entry for entry in self._pending if entry.stamp_ns <= released.stamp_ns]
        self._pending = [entry for entry in self._pending if entry.stamp_ns > released.stamp_ns]
        self._last_ns = released.stamp_ns
        for entry in done:
            for name in self.cameras:
                self.counters[name].lost += name not in entry.frames
        missing = tuple(name for name in self.cameras if name not in released.frames)
        self._absent.update(missing)
        return FrameSet(released.stamp_ns, released.frames, missing)
