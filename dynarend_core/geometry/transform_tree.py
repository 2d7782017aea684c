"""A tree of frames over time with tf2's semantics, in plain Python: for machines without tf2."""

from __future__ import annotations

import bisect
import threading
from dataclasses import dataclass, field

import numpy as np

from dynarend_core.errors import DynaRendError, InvalidInputError
from dynarend_core.geometry import se3

Array = np.ndarray


class TransformError(DynaRendError):
    """A transform cannot be given."""


class UnknownFrameError(TransformError):
    """Nobody has ever named this frame (tf2: LookupException)."""


class UnconnectedFramesError(TransformError):
    """Both frames exist, but no chain joins them (tf2: ConnectivityException)."""


class ExtrapolationError(TransformError):
    """The time lies before the first or after the last transform of a link (tf2: ExtrapolationException).

    ``ahead`` tells that it lies after: waiting may help.
    """

    def __init__(self, message: str, ahead: bool) -> None:
        super().__init__(message)
        self.ahead = ahead


@dataclass
class _Link:
    """Transforms of one child in its parent over time; a static one holds for all times."""

    parent: str
    static: bool
    stamps: list[int] = field(default_factory=list)
    transforms: list[Array] = field(default_factory=list)


class TransformTree:
    """Collects transforms and answers for chains of them at a time.

    As in tf2: each frame has one parent; a dynamic link is interpolated between its two neighbours in time (straight
    in position, shortest rotation), never extrapolated; static links hold always; what is older than ``cache_s``
    before a link's newest transform is forgotten. Safe to use from several threads.
    """

    def __init__(self, cache_s: float = 10.0) -> None:
        self._cache_ns = round(cache_s * 1e9)
        self._links: dict[str, _Link] = {}
        self._frames: set[str] = set()
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Forget all that moves; static links stay, as in tf2."""
        with self._lock:
            self._links = {child: link for child, link in self._links.items() if link.static}

    def set(self, parent: str, child: str, T_parent_child: Array, stamp_ns: int, static: bool = False) -> bool:
        """Add a transform; False if it is older than the cache reaches back, and was ignored.

        Raises:
            InvalidInputError: an empty frame name, a frame that is its own parent, or no rigid transform.
        """
        parent, child = parent.lstrip("/"), child.lstrip("/")
        if not parent or not child or parent == child:
            raise InvalidInputError(f"a transform needs two different frames, got {parent!r} -> {child!r}")
        T = se3.check(T_parent_child, f"transform {parent} -> {child}")
        with self._lock:
            self._frames |= {parent, child}
            link = self._links.get(child)
            if static or link is None or link.static or link.parent != parent:
                self._links[child] = _Link(parent, static, [stamp_ns], [T])
                return True
            if link.stamps[-1] - stamp_ns > self._cache_ns:
                return False
            self._insert(link, stamp_ns, T)
            return True

    def _insert(self, link: _Link, stamp_ns: int, T: Array) -> None:
        at = bisect.bisect_left(link.stamps, stamp_ns)
        if at < len(link.stamps) and link.stamps[at] == stamp_ns:
            link.transforms[at] = T
            return
        link.stamps.insert(at, stamp_ns)
        link.transforms.insert(at, T)
        old = bisect.bisect_left(link.stamps, link.stamps[-1] - self._cache_ns)
        del link.stamps[:old], link.transforms[:old]

    def lookup(self, target: str, source: str, stamp_ns: int | None = None) -> Array:
        """``T_target_source`` ``(4, 4)`` at a time; None: the newest time at which the whole chain is known.

        Raises:
            UnknownFrameError: a frame was never named.
            UnconnectedFramesError: no chain joins them.
            ExtrapolationError: the time is not covered by a link of the chain.
        """
        with self._lock:
            for frame in (target, source):
                if frame not in self._frames:
                    raise UnknownFrameError(f"frame {frame!r} is not known; known: {', '.join(sorted(self._frames))}")
            up_target, up_source = self._path(target), self._path(source)
            common = next((frame for frame in up_source if frame in up_target), None)
            if common is None:
                raise UnconnectedFramesError(
                    f"no chain joins {target!r} ({up_target[-1]}) and {source!r} ({up_source[-1]})"
                )
            legs = [path[: path.index(common)] for path in (up_target, up_source)]
            if stamp_ns is None:
                stamp_ns = self._newest_common(legs[0] + legs[1])
            T_common_target, T_common_source = (self._climb(leg, stamp_ns) for leg in legs)
        return se3.inverse(T_common_target) @ T_common_source

    def newest_ns(self, target: str, source: str) -> int | None:
        """Newest time at which the chain is known; None if it is static throughout or the frames do not connect."""
        with self._lock:
            paths = [self._path(frame) for frame in (target, source)]
            moving = set(paths[0]) ^ set(paths[1])
            stamps = [self._links[f].stamps[-1] for f in moving if f in self._links and not self._links[f].static]
        return min(stamps, default=None)

    def _path(self, frame: str) -> list[str]:
        """The frame and all above it, up to the root; a loop ends where it closes."""
        path = [frame]
        while path[-1] in self._links and self._links[path[-1]].parent not in path:
            path.append(self._links[path[-1]].parent)
        return path

    def _newest_common(self, frames: list[str]) -> int:
        return min((self._links[f].stamps[-1] for f in frames if not self._links[f].static), default=0)

    def _climb(self, frames: list[str], stamp_ns: int) -> Array:
        T = np.eye(4)
        for frame in frames:
            T = self._at(frame, stamp_ns) @ T
        return T

    def _at(self, child: str, stamp_ns: int) -> Array:
        link = self._links[child]
        if link.static:
            return link.transforms[0]
        after = bisect.bisect_left(link.stamps, stamp_ns)
        if after < len(link.stamps) and link.stamps[after] == stamp_ns:
            return link.transforms[after]
        if after in (0, len(link.stamps)):
            first_s, last_s = link.stamps[0] / 1e9, link.stamps[-1] / 1e9
            gap_s = stamp_ns / 1e9 - (first_s if after == 0 else last_s)
            raise ExtrapolationError(
                f"{link.parent} -> {child} is known from {first_s:.3f} s to {last_s:.3f} s; "
                f"asked for {abs(gap_s):.3f} s {'later' if gap_s > 0 else 'earlier'}",
                ahead=gap_s > 0,
            )
        before = after - 1
        s = (stamp_ns - link.stamps[before]) / (link.stamps[after] - link.stamps[before])
        return se3.interpolate(link.transforms[before], link.transforms[after], s)
