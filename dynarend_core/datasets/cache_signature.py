"""What a cache was made from, as one word: a cache that says another one is made again."""

from __future__ import annotations

import hashlib
from typing import Any

from dynarend_core.datasets.store import DemonstrationStore


def store_key(store: DemonstrationStore, episodes: int | None = None) -> str:
    """Eight digits that change with the tasks and the first so many episodes of each; a copy has the same."""
    chosen = {task: store.episodes(task)[:episodes] for task in store.tasks()}
    sizes = {task: [store.path(task, e).stat().st_size for e in ids] for task, ids in chosen.items()}
    return hashlib.sha256(repr((chosen, sizes)).encode()).hexdigest()[:8]


def cache_signature(store: DemonstrationStore, task: str, episodes: list[int], *settings: Any) -> str:
    """Changes with the settings, with the episodes, and whenever one of their files is written."""
    stats = [store.path(task, e).stat() for e in episodes]
    text = repr([*settings, episodes, [(s.st_size, s.st_mtime_ns) for s in stats]])
    return hashlib.sha256(text.encode()).hexdigest()
