"""A graph as launch_ros actions. Imports ``launch`` only where a launch file asks for it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_core.errors import ConfigurationError
from dynarend_ros.graph import PACKAGE, NodeSpec, environment, process_environment
from dynarend_ros.graph_arguments import ARGUMENTS, FLAG, arguments_of, arranged_graph
from dynarend_ros.process_end import PARENT_VARIABLE

if TYPE_CHECKING:
    from launch import LaunchDescription

PARAMS_FILE = "params_file"


def launch_description(graph_name: str) -> LaunchDescription:
    """The same processes, parameters and environment as ``dynarend up <graph_name>``.

    Launch arguments are those of :mod:`dynarend_ros.graph_arguments`, and ``params_file``, a parameter file on top of
    the graph's own in ``config/``. All are empty by default: an include shares its arguments with what follows it in
    the same launch file, and what one graph was told must not become another's default.
    """
    from launch.actions import DeclareLaunchArgument, OpaqueFunction
    from launch.substitutions import LaunchConfiguration

    from launch import LaunchDescription

    arguments = arguments_of(graph_name)

    def nodes(context: Any) -> list[Any]:
        refuse_misspelled(context.launch_configurations, graph_name)
        values = {name: LaunchConfiguration(name).perform(context) for name in arguments}
        values |= {name: text.lower() for name, text in values.items() if arguments[name].choices == FLAG}
        params_file = LaunchConfiguration(PARAMS_FILE).perform(context)
        return [_action(spec) for spec in arranged_graph(graph_name, values, params_file=params_file)]

    declared = [
        DeclareLaunchArgument(name, default_value="", description=argument.description, **_choices(argument.choices))
        for name, argument in arguments.items()
    ]
    file = DeclareLaunchArgument(
        PARAMS_FILE,
        default_value="",
        description="ROS parameter file on top of the graph's own; it need not name every node. Empty: none.",
    )
    return LaunchDescription([file, *declared, OpaqueFunction(function=nodes)])


def refuse_misspelled(given: Iterable[str], graph_name: str) -> None:
    """Refuse an argument that looks like a misspelled one of the graph; launch itself ignores what nobody declared.

    Raises:
        ConfigurationError: names both.
    """
    known = {PARAMS_FILE, *arguments_of(graph_name)}
    for name in given:
        near = difflib.get_close_matches(name, known, 1, 0.75)
        if name not in known and name not in ARGUMENTS and near:
            raise ConfigurationError(f"graph {graph_name} has no argument {name!r}; did you mean {near[0]!r}?")


def _choices(choices: tuple[str, ...]) -> dict[str, list[str]]:
    if not choices:
        return {}
    capital = [text.capitalize() for text in FLAG] if choices == FLAG else []
    return {"choices": ["", *choices, *capital]}


def _action(spec: NodeSpec) -> Any:
    from launch.actions import Shutdown
    from launch_ros.actions import Node

    return Node(
        package=PACKAGE,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        output="screen",
        parameters=[str(layer) if isinstance(layer, Path) else dict(layer) for layer in spec.parameter_layers()],
        remappings=list(spec.remappings.items()),
        ros_arguments=["--enclave", spec.enclave],
        additional_env={**environment(), **process_environment(spec), PARENT_VARIABLE: str(os.getpid())},
        on_exit=Shutdown(reason=f"{spec.name} ended") if spec.required else None,
    )
