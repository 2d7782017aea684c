"""Recorded scenes with a view that the network is not given: what a rendering can be compared with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dynarend_core.datasets.records import EpisodeRecord, FrameRecord
from dynarend_core.datasets.rlbench_reader import RLBenchEpisode, read_episode
from dynarend_core.datasets.store import DemonstrationStore
from dynarend_core.errors import DatasetError
from dynarend_core.types import CameraView, Observation

TARGET_VIEWS = "target views"
"""Instead of a camera's name: the store's extra views, another one in every scene."""


@dataclass(frozen=True)
class Scene:
    """One moment of a demonstration and the next keyframe.

    Attributes:
        task: Task name.
        camera: What is compared: a camera's name or :data:`TARGET_VIEWS`.
        observation: What the network is given; ``camera`` is not in it.
        now: The compared camera's image at the observed moment.
        future: Its image at the next keyframe. It may stand elsewhere then.
    """

    task: str
    camera: str
    observation: Observation
    now: CameraView
    future: CameraView


SceneSource = Callable[[int], Iterator[Scene]]
"""At most so many scenes of each task."""


def stored_scenes(store: DemonstrationStore, camera: str | None, count: int) -> Iterator[Scene]:
    """Scenes of a store, ``count`` a task: each of another episode and step while there are enough.

    Args:
        store: Held-out demonstrations.
        camera: Input camera to leave out of the cloud, or a target view; None takes a target view and a camera that
            stands still in turn (only a still one shows what changes), or the first camera without target views.
        count: Scenes a task.

    Raises:
        DatasetError: No demonstrations, damaged ones, or an unknown camera.
    """
    if not store.tasks():
        raise DatasetError(f"{store.root} holds no demonstrations; record some with `dynarend collect`")
    for task in store.tasks():
        records = (store.read(task, episode) for episode in store.episodes(task)[:count])
        steps = ([_stored_scene(r, i, camera, n) for i in _order(len(r.transitions), n)] for n, r in enumerate(records))
        yield from _spread(list(steps), count)


def rlbench_scenes(folder: Path, camera: str | None, count: int) -> Iterator[Scene]:
    """Scenes of recorded RLBench episodes anywhere below a folder, ``count`` a task, as :func:`stored_scenes`.

    Args:
        folder: An episode, or a folder above some.
        camera: Camera to leave out of the cloud; None takes the overhead camera, which policies are not given.
        count: Scenes a task.

    Raises:
        DatasetError: No episodes, damaged ones, or an unknown camera.
    """
    paths = sorted(file.parent for file in folder.rglob("low_dim_obs.pkl"))
    if not paths:
        raise DatasetError(f"{folder} holds no RLBench episodes; give the folder above .../episodes/episode0")
    for task, group in itertools.groupby(paths, _task_of):
        episodes = (read_episode(path) for path in list(group)[:count])
        steps = [_rlbench_steps(episode, task, camera or "overhead", n) for n, episode in enumerate(episodes)]
        yield from _spread(steps, count)


def _order(steps: int, first: int) -> list[int]:
    """All steps of an episode, beginning with another one in every episode."""
    return [(first + i) % steps for i in range(steps)]


def _spread(episodes: Sequence[Sequence[Scene]], count: int) -> Iterator[Scene]:
    """One scene of every episode, then a second one, up to ``count``."""
    turns = itertools.zip_longest(*episodes)
    return itertools.islice((s for s in itertools.chain.from_iterable(turns) if s is not None), count)


def _stored_scene(record: EpisodeRecord, index: int, camera: str | None, number: int) -> Scene:
    transition = record.transitions[index]
    before, after = (record.frames[i] for i in (transition.frame_index, transition.target_index))
    observation = record.observation(transition, record.instructions[0])
    name, label = camera, camera
    if before.targets and (camera == TARGET_VIEWS or (camera is None and number % 2 == 0)):
        name, label = before.targets[number // 2 % len(before.targets)].name, TARGET_VIEWS
    elif camera is None:
        name = label = _still(before, after)
    now, future = (_named(frame, name, record.task) for frame in (before, after))
    return Scene(record.task, str(label), _without(observation, now.name), now, future)


def _still(before: FrameRecord, after: FrameRecord) -> str:
    """The first input camera that does not move, else the first."""
    poses = {v.name: v.T_base_camera for v in after.views}
    still = [v.name for v in before.views if np.allclose(poses.get(v.name, np.nan), v.T_base_camera, atol=1e-6)]
    return (still or [before.views[0].name])[0]


def _named(frame: FrameRecord, name: str | None, task: str) -> CameraView:
    views = {v.name: v for v in (*frame.views, *frame.targets)}
    if name not in views:
        raise DatasetError(f"task {task!r} has no camera {name!r}; it has {', '.join(views)}")
    return views[name]


def _without(observation: Observation, camera: str) -> Observation:
    views = tuple(v for v in observation.views if v.name != camera)
    if not views:
        raise DatasetError(f"camera {camera!r} is the only one; nothing is left to render from")
    return dataclasses.replace(observation, views=views)


def _task_of(episode: Path) -> str:
    """RLBench's layout: ``<task>/<variation>/episodes/<episode>``."""
    parents = episode.absolute().parents
    return parents[2].name if len(parents) > 3 and parents[0].name == "episodes" else episode.name


def _rlbench_steps(episode: RLBenchEpisode, task: str, camera: str, number: int) -> list[Scene]:
    """One scene a keyframe, seen from the keyframe before."""
    moments = [0, *episode.keyframes()]
    scenes = []
    for step in _order(len(moments) - 1, number):
        (now,), (future,) = (episode.views(moments[i], (camera,)) for i in (step, step + 1))
        observation = _without(episode.observation(moments[step], None, step), camera)
        scenes.append(Scene(task, camera, observation, now, future))
    return scenes
