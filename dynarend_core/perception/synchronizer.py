"""Brings images of several cameras together by their stamps. No ROS, no clock of its own."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
        unused: Frames that were passed over: the camera is faster than the others, or a set was skipped.
        skew_ns: Stamp minus that of the set's reference, newest set [ns].
        last_arrival_s: Steady time of the last frame [s]; None before the first.
    """

    received: int = 0
    lost: int = 0
    late: int = 0
    unused: int = 0
    skew_ns: int = 0
    last_arrival_s: float | None = None


@dataclass(frozen=True)
class FrameSet(Generic[T]):
    """Frames of one moment, that of the reference camera's frame. ``missing`` names the cameras that have none."""

    stamp_ns: int
    frames: dict[str, T]
    missing: tuple[str, ...] = ()


@dataclass
class _Pending(Generic[T]):
    stamp_ns: int
    arrival_s: float
    frame: T


class FrameSynchronizer(Generic[T]):
    """To each frame of a reference camera, the nearest frame of every other camera, at most ``slop_ns`` away.

    The reference is the first camera in the list that has a frame there. A frame before the reference's is taken at
    once if the camera's period says that no nearer one will follow; otherwise the next one is waited for.
    A set that stays incomplete is given out after ``timeout_s`` with what it has; a camera that was missing is not
    waited for again until it sends something. Sets leave with rising stamps, no frame is in two of them, and what
    comes after its set left is counted as late and dropped. If several are due, the newest leaves and the older ones
    are skipped. A jump back in time of more than a second (a simulator's reset, a bag that loops) starts anew.

    Args:
        cameras: Names of the cameras that make a complete set, the preferred reference first.
        slop_ns: Largest distance from the reference's stamp [ns]; 0 wants equal stamps.
        timeout_s: Patience with a camera [s of the clock passed as ``now_s``].
        min_cameras: Sets of fewer cameras are not given out.
    """

    JUMP_BACK_NS = 1_000_000_000
    MAX_PENDING = 16

    def __init__(self, cameras: Sequence[str], slop_ns: int = 0, timeout_s: float = 0.2, min_cameras: int = 1) -> None:
        if not cameras or len(set(cameras)) != len(cameras):
            raise InvalidInputError(f"cameras must be distinct and at least one, got {list(cameras)}")
        if not 1 <= min_cameras <= len(cameras):
            raise InvalidInputError(f"min_cameras must be 1 to {len(cameras)}, got {min_cameras}")
        self.cameras = tuple(cameras)
        self.counters = {name: CameraCounters() for name in cameras}
        self._slop_ns, self._timeout_s, self._min_cameras = slop_ns, timeout_s, min_cameras
        self._absent: set[str] = set()
        self._reset()

    def _reset(self) -> None:
        self._pending: dict[str, list[_Pending[T]]] = {name: [] for name in self.cameras}
        self._used_ns: dict[str, int] = {}
        self._period_ns: dict[str, int] = {}
        self._newest_ns: dict[str, int] = {}
        self._last_ns: int | None = None

    def add(self, camera: str, stamp_ns: int, frame: T, now_s: float) -> FrameSet[T] | None:
        """Add a frame; returns the set it completed, if any."""
        counter = self.counters[camera]
        counter.received += 1
        counter.last_arrival_s = now_s
        self._absent.discard(camera)
        if self._last_ns is not None and stamp_ns < self._last_ns - self.JUMP_BACK_NS:
            self._reset()
        if self._is_late(camera, stamp_ns):
            counter.late += 1
            return None
        if camera in self._newest_ns and stamp_ns > self._newest_ns[camera]:
            self._period_ns[camera] = stamp_ns - self._newest_ns[camera]
        self._newest_ns[camera] = max(stamp_ns, self._newest_ns.get(camera, stamp_ns))
        queue = self._pending[camera]
        bisect.insort(queue, _Pending(stamp_ns, now_s, frame), key=lambda entry: entry.stamp_ns)
        counter.unused += max(len(queue) - self.MAX_PENDING, 0)
        del queue[: -self.MAX_PENDING]
        return self.poll(now_s)

    def poll(self, now_s: float) -> FrameSet[T] | None:
        """The newest set that is complete, or due although it is not; call it also while nothing arrives."""
        expected = [name for name in self.cameras if name not in self._absent]
        for reference in sorted(self._references(), key=lambda entry: -entry.stamp_ns):
            matches = self._matches(reference.stamp_ns)
            settled = [n in matches and self._is_settled(n, reference.stamp_ns, matches) for n in expected]
            if not all(settled) or len(matches) < self._min_cameras:
                # A straggler of the last set must not become a set of its own.
                fresh = self._last_ns is None or reference.stamp_ns > self._last_ns + self._slop_ns
                if not fresh or now_s - reference.arrival_s < self._timeout_s:
                    continue
            return self._release(reference.stamp_ns, matches)
        return None

    def _is_late(self, camera: str, stamp_ns: int) -> bool:
        return self._last_ns is not None and stamp_ns <= max(self._last_ns, self._used_ns.get(camera, self._last_ns))

    def _references(self) -> Iterator[_Pending[T]]:
        """Frames that no frame of a preferred camera lies near, newer than the last set."""
        for rank, name in enumerate(self.cameras):
            for entry in self._pending[name]:
                if self._last_ns is not None and entry.stamp_ns <= self._last_ns:
                    continue
                near = (self._nearest(other, entry.stamp_ns) for other in self.cameras[:rank])
                if all(other is None for other in near):
                    yield entry

    def _nearest(self, camera: str, stamp_ns: int) -> _Pending[T] | None:
        queue = self._pending[camera]
        best = min(queue, key=lambda entry: abs(entry.stamp_ns - stamp_ns), default=None)
        return best if best is not None and abs(best.stamp_ns - stamp_ns) <= self._slop_ns else None

    def _matches(self, stamp_ns: int) -> dict[str, _Pending[T]]:
        nearest = {name: self._nearest(name, stamp_ns) for name in self.cameras}
        return {name: entry for name, entry in nearest.items() if entry is not None}

    def _is_settled(self, camera: str, stamp_ns: int, matches: dict[str, _Pending[T]]) -> bool:
        """Whether no nearer frame of the camera can still come."""
        before_ns = stamp_ns - matches[camera].stamp_ns
        if before_ns <= 0 or self._newest_ns[camera] >= stamp_ns or camera not in self._period_ns:
            return True
        return self._period_ns[camera] >= 2 * before_ns

    def _release(self, stamp_ns: int, matches: dict[str, _Pending[T]]) -> FrameSet[T] | None:
        """Give out a set and close every older one; whoever is missing in one has lost a frame."""
        for entry in self._references():
            if entry.stamp_ns < stamp_ns:
                self._count_lost(self._matches(entry.stamp_ns))
        self._count_lost(matches)
        self._last_ns = stamp_ns
        for name, queue in self._pending.items():
            passed_ns = matches[name].stamp_ns if name in matches else stamp_ns - self._slop_ns
            gone = sum(entry.stamp_ns <= passed_ns for entry in queue)
            self.counters[name].unused += gone - (name in matches)
            del queue[:gone]
            if name in matches:
                self._used_ns[name] = passed_ns
                self.counters[name].skew_ns = passed_ns - stamp_ns
        missing = tuple(name for name in self.cameras if name not in matches)
        self._absent.update(missing)
        if len(matches) < self._min_cameras:
            return None
        return FrameSet(stamp_ns, {name: matches[name].frame for name in self.cameras if name in matches}, missing)

    def _count_lost(self, matches: dict[str, _Pending[T]]) -> None:
        for name in self.cameras:
            self.counters[name].lost += name not in matches
