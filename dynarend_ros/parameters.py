"""One mechanism for node parameters: a frozen dataclass per node is declared, described and validated.

@dataclass(frozen=True)
class FusionParameters:
    voxel_m: float = parameter(0.005, "Edge of a voxel [m].", low=0.001, high=0.1)

parameters = NodeParameters(node, FusionParameters)
parameters.values.voxel_m
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.parameter import Parameter

from dynarend_core.errors import ConfigurationError
from dynarend_ros.runtime import SpinningNode

T = TypeVar("T")

_FROM_ROS = ("use_sim_time", "qos_overrides.", "start_type_description_service")
"""Parameters every ROS node may have."""


def parameter(
    default: Any,
    description: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    dynamic: bool = False,
    relaxed: Relaxed | None = None,
) -> Any:
    """A dataclass field that is a ROS parameter.

    Args:
        default: Default; its type (bool, int, float, str, or a tuple of str or float) is the parameter's type.
        description: Shown by ``ros2 param describe``; with units.
        low: Smallest allowed number.
        high: Largest allowed number.
        choices: Allowed strings.
        dynamic: May be changed while the node runs.
        relaxed: Whether a value protects less than the default does; such values are said at start and in
            ``/diagnostics``.
    """
    metadata = {"description": description, "low": low, "high": high, "choices": choices, "dynamic": dynamic}
    return dataclasses.field(default=default, metadata={**metadata, "relaxed": relaxed})


Relaxed = Callable[[Any, Any], bool]
"""Given a value and the default: whether the value protects less."""


def if_changed(value: Any, default: Any) -> bool:
    """The default is the safe value."""
    return bool(value != default)


def if_higher(value: float, default: float) -> bool:
    """The default is the highest safe value."""
    return value > default


def if_lower(value: float, default: float) -> bool:
    """The default is the lowest safe value."""
    return value < default


def if_higher_or_off(value: float, default: float) -> bool:
    """The default is the highest safe value, and 0 switches the check off."""
    return value > default or value == 0


def if_fewer(value: Iterable[str], default: Iterable[str]) -> bool:
    """All names of the default are needed."""
    return not set(default) <= set(value)


def relaxations(values: Any) -> dict[str, str]:
    """Name to ``value (default)`` of every parameter that protects less than its default."""
    return {
        f.name: f"{getattr(values, f.name)} (default {f.default})"
        for f in dataclasses.fields(values)
        if f.metadata["relaxed"] is not None and f.metadata["relaxed"](getattr(values, f.name), f.default)
    }


def _coerce(field: dataclasses.Field, value: Any) -> Any:
    """Value in the field's own type (YAML writes 1 for 1.0 and a list for a tuple)."""
    default: Any = field.default
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if kind is tuple and not isinstance(value, str | int | float):
        inner = type(default[0])
        return tuple(inner(v) for v in value)
    if type(value) is not kind:
        raise ConfigurationError(
            f"parameter {field.name!r} must be {kind.__name__}, got {value!r} ({type(value).__name__})"
        )
    return value


def _check(field: dataclasses.Field, value: Any) -> None:
    meta = field.metadata
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        low, high = meta["low"], meta["high"]
        if not math.isfinite(number) or (low is not None and number < low) or (high is not None and number > high):
            limits = f"[{'-inf' if low is None else low}, {'inf' if high is None else high}]"
            raise ConfigurationError(f"parameter {field.name!r} = {number} is outside {limits}")
    if meta["choices"] and value not in meta["choices"]:
        raise ConfigurationError(f"parameter {field.name!r} = {value!r} is not one of {', '.join(meta['choices'])}")


def build(cls: type[T], values: dict[str, Any]) -> T:
    """Instance of the parameter dataclass ``cls`` from raw values.

    Raises:
        ConfigurationError: wrong type, out of range, not a choice, or refused by the class's ``__post_init__``.
    """
    checked: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        if field.name in values:
            checked[field.name] = _coerce(field, values[field.name])
            _check(field, checked[field.name])
    return cls(**checked)


def _descriptor(field: dataclasses.Field) -> ParameterDescriptor:
    meta = field.metadata
    parts = []
    if meta["low"] is not None or meta["high"] is not None:
        parts.append(f"range [{meta['low']}, {meta['high']}]")
    if meta["choices"]:
        parts.append("one of " + ", ".join(meta["choices"]))
    # Types and ranges are enforced by build(), whose messages name value and limit; rclpy would refuse 1 for 1.0.
    return ParameterDescriptor(
        name=field.name,
        description=meta["description"],
        additional_constraints="; ".join(parts),
        read_only=not meta["dynamic"],
        dynamic_typing=True,
    )


class NodeParameters(Generic[T]):
    """Declares every field of ``cls`` on ``node`` and keeps ``values`` valid.

    Args:
        node: The node.
        cls: Frozen dataclass whose fields are made by :func:`parameter`.
        on_change: Called with the new values after a dynamic parameter changed.

    Raises:
        ConfigurationError: an override has the wrong type or value, or is for a parameter that does not exist.
    """

    def __init__(self, node: SpinningNode, cls: type[T], on_change: Callable[[T], None] | None = None) -> None:
        self._cls = cls
        self._names = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        self._on_change = on_change
        self._refuse_unknown(node)
        raw = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type]
            default = list(field.default) if isinstance(field.default, tuple) else field.default
            try:
                raw[field.name] = node.declare_parameter(field.name, default, _descriptor(field)).value
            except (InvalidParameterTypeException, InvalidParameterValueException) as error:
                raise ConfigurationError(f"{node.get_name()}: {error}") from error
        try:
            self.values: T = build(cls, raw)
        except ConfigurationError as error:
            raise ConfigurationError(f"{node.get_name()}: {error}") from error
        node.relaxed = relaxations(self.values)
        if node.relaxed:
            node.get_logger().warning(
                "RELAXED: " + ", ".join(f"{name} = {text}" for name, text in node.relaxed.items())
            )
        node.add_on_set_parameters_callback(self._set)

    def _refuse_unknown(self, node: SpinningNode) -> None:
        unknown = sorted(name for name in node.given.own - self._names if not name.startswith(_FROM_ROS))
        if not unknown:
            return
        near = difflib.get_close_matches(unknown[0], self._names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(self._names))}"
        raise ConfigurationError(f"{node.get_name()} has no parameter {unknown[0]!r}{hint}")

    def _set(self, changes: list[Parameter]) -> SetParametersResult:
        ours = {p.name: p.value for p in changes if p.name in self._names}
        if not ours:
            return SetParametersResult(successful=True)
        try:
            self.values = build(self._cls, {**dataclasses.asdict(self.values), **ours})  # type: ignore[call-overload]
        except ConfigurationError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._on_change is not None:
            self._on_change(self.values)
        return SetParametersResult(successful=True)
