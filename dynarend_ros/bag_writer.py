"""One rosbag2 folder (MCAP), written by a thread of its own: the disk must never hold up who listens."""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

from dynarend_core.errors import DatasetError

METADATA_VERSION: Literal[8] = 8
"""Of rosbag2's metadata.yaml: 8 is what Humble and everything newer reads; 9 is not read by Humble."""

PARTIAL = ".partial"
"""Folder beside the bags that holds those that are not complete."""

TYPES = get_typestore(Stores.ROS2_HUMBLE)
_FOREVER = QosTime(2147483647, 4294967295)


class BagWriter:
    """Takes messages as they came off the wire. The folder appears under its name when it is complete.

    Args:
        folder: The bag; must not exist.
        max_waiting_bytes: What may wait for the disk; what comes beyond it is dropped and counted.

    Raises:
        DatasetError: the folder is there already, or what an interrupted recording of its name left in ``.partial``.

    Attributes:
        written: Messages handed to the disk.
        dropped: Messages the disk was too slow for.
    """

    def __init__(self, folder: Path, max_waiting_bytes: int = 256_000_000) -> None:
        self._folder, self._partial = folder, folder.parent / PARTIAL / folder.name
        for path in (self._folder, self._partial):
            if path.exists():
                raise DatasetError(f"{path} exists already; a bag is never overwritten")
        self._partial.parent.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(self._partial, version=METADATA_VERSION, storage_plugin=StoragePlugin.MCAP)
        self._writer.open()
        self._connections: dict[str, Connection] = {}
        self._queue: queue.SimpleQueue[tuple[str, str, bool, int, bytes] | None] = queue.SimpleQueue()
        self._max_waiting, self._waiting, self._lock = max_waiting_bytes, 0, threading.Lock()
        self._error: Exception | None = None
        self.written = self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="bag", daemon=True)
        self._thread.start()

    def write(self, topic: str, kind: str, stamp_ns: int, data: bytes, latched: bool = False) -> None:
        """Hand over one serialized message; returns at once.

        Args:
            topic: Absolute topic name.
            kind: Message type, ``sensor_msgs/msg/Image``.
            stamp_ns: When it was received [ns].
            data: CDR.
            latched: Its publisher is transient local; played back, it will be again.
        """
        with self._lock:
            if self._error is not None or self._waiting + len(data) > self._max_waiting:
                self.dropped += 1
                return
            self._waiting += len(data)
        self._queue.put((topic, kind, latched, stamp_ns, data))

    def finish(self, notes: Mapping[str, str]) -> Path:
        """Write what waits and the metadata with ``notes``; returns the folder.

        Raises:
            DatasetError: the disk refused.
        """
        self._end()
        try:
            if self._error is not None:
                raise self._error
            for key, value in {**notes, "dropped_messages": str(self.dropped)}.items():
                self._writer.set_custom_data(key, value)
            self._writer.close()
            os.replace(self._partial, self._folder)
        except Exception as error:
            self._abort()
            raise DatasetError(f"{self._partial} was not finished: {type(error).__name__}: {error}") from error
        return self._folder

    def discard(self) -> None:
        """Forget everything."""
        self._end()
        self._abort()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _abort(self) -> None:
        """Give the file back as it is; a full disk may refuse even the last of its buffer."""
        with contextlib.suppress(Exception):
            self._writer.abort()

    def _end(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            topic, kind, latched, stamp_ns, data = item
            with self._lock:
                self._waiting -= len(data)
            if self._error is not None:
                continue
            try:
                self._writer.write(self._connection(topic, kind, latched), stamp_ns, data)
                self.written += 1
            except Exception as error:  # a full disk; `finish` says so
                self._error = error

    def _connection(self, topic: str, kind: str, latched: bool) -> Connection:
        if topic not in self._connections:
            durability = QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE
            profile = Qos(
                QosHistory.KEEP_LAST,
                10,
                QosReliability.RELIABLE,
                durability,
                _FOREVER,
                _FOREVER,
                QosLiveliness.AUTOMATIC,
                _FOREVER,
                False,
            )
            self._connections[topic] = self._writer.add_connection(
                topic, kind, typestore=TYPES, offered_qos_profiles=[profile]
            )
        return self._connections[topic]


def header_stamp_ns(data: bytes) -> int:
    """Stamp of a serialized message that begins with a header [ns]."""
    little = data[1] & 1
    seconds, nanoseconds = struct.unpack_from("<iI" if little else ">iI", data, 4)
    return int(seconds) * 1_000_000_000 + int(nanoseconds)


def decode(data: bytes, kind: str) -> Any:
    """A serialized message as rosbags' own class of the same fields.

    Fast CDR aligns after an empty sequence of doubles, where nothing follows; rosbags wants every byte used.

    Raises:
        DatasetError: it is damaged, or of another type.
    """
    for end in (len(data), len(data) - 4):
        with contextlib.suppress(SerdeError):
            return TYPES.deserialize_cdr(data[:end], kind)
    raise DatasetError(f"a message of {len(data)} bytes is no {kind}")
