"""Results of episodes as JSON objects, and back."""

from __future__ import annotations

import dataclasses
from typing import Any

from dynarend_core.errors import DatasetError
from dynarend_core.evaluation.rollout import EpisodeResult, EpisodeSpec
from dynarend_core.types import FailureReason

_SPEC_FIELDS = tuple(field.name for field in dataclasses.fields(EpisodeSpec))


def to_record(result: EpisodeResult) -> dict[str, Any]:
    """What is kept of an episode: all but pictures and latencies."""
    return {
        **dataclasses.asdict(result.spec),
        "instruction": result.instruction,
        "success": result.success,
        "failure": result.failure_reason.value,
        "message": result.message,
        "keyframes": result.steps,
        "wall_s": round(result.wall_s, 3),
    }


def to_line(result: EpisodeResult) -> dict[str, Any]:
    """The same with the latencies [ms], from which :func:`from_line` makes the result again."""
    return {**to_record(result), "latencies_ms": [round(ms, 2) for ms in result.latencies_ms]}


def from_line(record: dict[str, Any]) -> EpisodeResult:
    """The result of a line that :func:`to_line` made, without pictures.

    Raises:
        DatasetError: a field is missing or has no meaning.
    """
    try:
        return EpisodeResult(
            spec=EpisodeSpec(**{name: record[name] for name in _SPEC_FIELDS}),
            success=bool(record["success"]),
            failure_reason=FailureReason(record["failure"]),
            message=str(record["message"]),
            instruction=str(record["instruction"]),
            steps=int(record["keyframes"]),
            wall_s=float(record["wall_s"]),
            latencies_ms=tuple(float(ms) for ms in record["latencies_ms"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"not a result of an episode ({type(error).__name__}: {error})") from error
