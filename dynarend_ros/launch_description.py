"""A graph as launch_ros actions. Imports ``launch`` only where a launch file asks for it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynarend_ros.graph import PACKAGE, NodeSpec, environment, process_environment
from dynarend_ros.graph_arguments import FLAG, arguments_of, arranged_graph
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
    from launch.logging import get_logger
    from launch.substitutions import LaunchConfiguration

    from launch import LaunchDescription

    arguments = arguments_of(graph_name)

    def nodes(context: Any) -> list[Any]:
        for text in ignored(context.argv, graph_name):
            get_logger("dynarend_ros").warning(text)
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


def ignored(command_line: Iterable[str], graph_name: str) -> list[str]:
    """A sentence for each ``name:=value`` that the graph does not have; launch itself says nothing of them.

    A launch file that includes this one may have declared them for itself, so they are no reason to refuse.
    """
    known = (PARAMS_FILE, *arguments_of(graph_name))
    names = [text.partition(":=")[0] for text in command_line if ":=" in text]
    return [
        f"graph {graph_name} has no argument {name!r}{_meant(name, known)}: it changes nothing there"
        for name in names
        if name not in known
    ]


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


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
