from dataclasses import dataclass

import pytest

from dynarend_core.errors import ConfigurationError
from dynarend_ros.parameters import build, parameter


@dataclass(frozen=True)
class Example:
    rate_hz: float = parameter(10.0, "Rate [Hz].", low=0.0, high=100.0)
    count: int = parameter(3, "Count.", low=1)
    mode: str = parameter("a", "Mode.", choices=("a", "b"))
    names: tuple[str, ...] = parameter(("x",), "Names.")
    box: tuple[float, ...] = parameter((0.0, 1.0), "Box [m].")

    def __post_init__(self):
        if self.box[0] > self.box[1]:
            raise ConfigurationError("box is empty")


def test_yaml_types_are_taken_as_meant():
    values = build(Example, {"rate_hz": 5, "names": ["p", "q"], "box": [0, 2]})
    assert values == Example(rate_hz=5.0, names=("p", "q"), box=(0.0, 2.0))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"rate_hz": 101.0}, r"rate_hz.*101.*\[0.0, 100.0\]"),
        ({"rate_hz": float("nan")}, "rate_hz"),
        ({"count": 0}, r"\[1, inf\]"),
        ({"count": 2.5}, "must be int"),
        ({"count": True}, "must be int"),
        ({"mode": "c"}, "a, b"),
        ({"names": "x"}, "must be tuple"),
        ({"box": [2.0, 1.0]}, "box is empty"),
    ],
)
def test_bad_values_are_refused_with_their_name_and_limit(values, says):
    with pytest.raises(ConfigurationError, match=says):
        build(Example, values)
