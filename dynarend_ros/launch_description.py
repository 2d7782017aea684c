"""A graph as launch_ros actions. Imports ``launch`` only where a launch file asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynarend_ros.graph import GRAPHS, PACKAGE, NodeSpec, environment, process_environment, share_folder
from dynarend_ros.graph_arguments import arguments_of, arranged_graph

if TYPE_CHECKING:
    from launch import LaunchDescription


def launch_description(graph_name: str) -> LaunchDescription:
    """The same processes, parameters and environment as ``dynarend up <graph_name>``.

    Launch arguments are those of :mod:`dynarend_ros.graph_arguments`, and ``params_file`` in place of the graph's file
    in ``config/``. Empty ones leave what that file says.
    """
    from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
    from launch.substitutions import LaunchConfiguration

    from launch import LaunchDescription

    file = str(share_folder("config") / GRAPHS[graph_name][0].config)
    arguments = arguments_of(graph_name)

    def nodes(context: Any) -> list[Any]:
        values = {name: LaunchConfiguration(name).perform(context) for name in arguments}
        params_file = LaunchConfiguration("params_file").perform(context)
        return [_action(spec) for spec in arranged_graph(graph_name, values, params_file=params_file)]

    declared = [
        DeclareLaunchArgument(
            name,
            default_value="",
            description=argument.description + " Empty: as in params_file.",
            **({"choices": ["", *argument.choices]} if argument.choices else {}),
        )
        for name, argument in arguments.items()
    ]
    return LaunchDescription(
        [
            DeclareLaunchArgument("params_file", default_value=file, description="ROS parameter file."),
            *declared,
            *(SetEnvironmentVariable(key, value) for key, value in environment().items()),
            OpaqueFunction(function=nodes),
        ]
    )


def _action(spec: NodeSpec) -> Any:
    from launch.actions import Shutdown
    from launch_ros.actions import Node

    return Node(
        package=PACKAGE,
        executable=spec.executable,
        name=spec.name,
        namespace=spec.namespace,
        output="screen",
        parameters=[str(spec.config_path()), {**spec.parameters, "use_sim_time": spec.use_sim_time}],
        remappings=list(spec.remappings.items()),
        additional_env=process_environment(spec),
        on_exit=Shutdown(reason=f"{spec.name} ended") if spec.required else None,
    )
