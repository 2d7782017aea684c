"""Episodes on other machines: the work list goes to a Dask scheduler, which does the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dynarend_core.errors import ConfigurationError, MissingDependencyError, SimulationError
from dynarend_core.evaluation.parallel import Stage, lost_episode
from dynarend_core.evaluation.rollout import MAX_KEYFRAMES, EpisodeResult, EpisodeSpec

CONNECT_S = 20.0


def run_on_dask(
    specs: Sequence[EpisodeSpec],
    make_stage: Callable[[], Stage],
    scheduler: str,
    max_keyframes: int = MAX_KEYFRAMES,
) -> Iterator[EpisodeResult]:
    """Run episodes on the workers of a scheduler and yield results as they come, in any order.

    The workers need this package, and the policy under the same path. A worker thread builds one stage and keeps it.
    Dask repeats an episode whose worker died, and gives it up after a few.

    Args:
        specs: What to run.
        make_stage: Builds environment and policy; pickled.
        scheduler: Its address, e.g. ``tcp://10.0.0.1:8786``.
        max_keyframes: See :func:`~dynarend_core.evaluation.rollout.run_episode`.

    Raises:
        ConfigurationError: no scheduler answers there.
        DynaRendError: whatever ``make_stage`` raises.
        MissingDependencyError: Dask is not installed.
        SimulationError: the scheduler went away.
    """
    distributed = _distributed()
    try:
        client = distributed.Client(scheduler, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no Dask scheduler answers at {scheduler}: {error}; start one with `dask scheduler`"
        ) from error
    with client:
        futures = {client.submit(_play, spec, make_stage, max_keyframes, pure=False): spec for spec in specs}
        done = distributed.as_completed(list(futures), loop=client.loop, with_results=True, raise_errors=False)
        for future, result in done:
            if future.status == "finished":
                yield result
            elif future.status != "error":
                raise SimulationError(
                    f"the Dask scheduler at {scheduler} went away; run the same command again to go on (with --out)"
                )
            elif isinstance(result[1], distributed.scheduler.KilledWorker):
                yield lost_episode(futures[future], "the Dask workers that ran it died")
            else:
                raise result[1]
            future.release()


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingDependencyError(
            "--engine dask needs Dask on every machine: pip install 'dynarend_ros[dask]', or distributed"
        ) from error
    return distributed


_kept = threading.local()


def _play(spec: EpisodeSpec, make_stage: Callable[[], Stage], max_keyframes: int) -> EpisodeResult:
    if getattr(_kept, "made_by", None) != make_stage:
        if hasattr(_kept, "stage"):
            _kept.stage.environment.close()
        _kept.stage, _kept.made_by = make_stage(), make_stage
    stage: Stage = _kept.stage
    return stage.play(spec, max_keyframes)
