"""A graph as launch_ros actions. Imports ``launch`` only where a launch file asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynarend_ros.graph import GRAPHS, PACKAGE, NodeSpec, environment, share_folder

if TYPE_CHECKING:
    from launch import LaunchDescription


def launch_description(graph_name: str) -> LaunchDescription:
    """The same processes, parameters and environment as ``dynarend up <graph_name>``.

    Launch arguments: ``params_file`` (default: the graph's file in ``config/``) and, where a policy acts, ``policy``
    (checkpoint folder).
    """
    from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable, Shutdown
    from launch.substitutions import LaunchConfiguration
    from launch_ros.actions import Node
    from launch_ros.parameter_descriptions import ParameterValue

    from launch import LaunchDescription

    specs = GRAPHS[graph_name]
    default_file = str(share_folder("config") / specs[0].config)

    def action(spec: NodeSpec) -> Node:
        parameters = [LaunchConfiguration("params_file"), {**spec.parameters, "use_sim_time": spec.use_sim_time}]
        if spec.name == "policy_node":
            # A string also where the folder is called 7: launch would guess the type.
            parameters.append({"policy": ParameterValue(LaunchConfiguration("policy"), value_type=str)})
        return Node(
            package=PACKAGE,
            executable=spec.executable,
            name=spec.name,
            output="screen",
            parameters=parameters,
            remappings=list(spec.remappings.items()),
            on_exit=Shutdown(reason=f"{spec.name} ended") if spec.required else None,
        )

    arguments = [DeclareLaunchArgument("params_file", default_value=default_file, description="ROS parameter file.")]
    if any(spec.name == "policy_node" for spec in specs):
        arguments.append(DeclareLaunchArgument("policy", description="Folder of the policy checkpoint."))
    return LaunchDescription(
        [
            *arguments,
            *(SetEnvironmentVariable(key, value) for key, value in environment().items()),
            *(action(spec) for spec in specs),
        ]
    )
