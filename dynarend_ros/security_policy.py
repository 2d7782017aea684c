"""Who may say and hear what on the graph, as an SROS2 policy. Without it whoever reaches the network drives the arm."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree

from dynarend_core.planning.robot import Robot
from dynarend_ros import topics
from dynarend_ros.graph import PACKAGE

OPERATOR = "operator"
"""Enclave of the people's tools: heartbeat, services, a look at everything."""


@dataclass(frozen=True)
class Permissions:
    """What one node may do; names are relative to the graph's namespace unless they begin with a slash."""

    publish: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    request: tuple[str, ...] = ()


_NODE = (
    *("get_parameters", "get_parameter_types", "set_parameters", "set_parameters_atomically", "describe_parameters"),
    *("list_parameters", "get_type_description"),
)
_LIFECYCLE = ("change_state", "get_state", "get_available_states", "get_available_transitions", "get_transition_graph")

OPERATED = (
    *(topics.ARM, topics.DISARM, topics.RESET_FAULT, topics.SAFETY_STOP, topics.STOP, topics.CONFIRM),
    *(topics.RUN, topics.STEP, topics.DRAW, topics.RESET),
)
"""Services that only a person's tools, and nodes named in :func:`permissions`, may call."""


def permissions(robot: Robot, cameras: Iterable[str], arm_topic: str = "") -> dict[str, Permissions]:
    """Permissions by node, for a robot, its cameras and the topic of its arm's controller (empty: the robot's)."""
    arm = arm_topic or f"{robot.controller}/joint_trajectory"
    cancel = f"{robot.controller}/follow_joint_trajectory/_action/cancel_goal"
    gripper = (robot.gripper.name, topics.GRIPPER_TRAJECTORY)
    names = tuple(cameras)
    images = tuple(of(c) for c in names for of in (topics.colour, topics.depth, topics.camera_info))
    poses = (*(topics.camera_transform(c) for c in names), "/tf", "/tf_static")
    policy = (
        *(topics.KEYFRAME, "keyframe_pose", "markers", "value_maps", topics.POLICY_STATUS, topics.POLICY_LATENCY),
        *(topics.RENDERED, topics.FORESEEN, topics.PREDICTION_ERROR, "policy_node/transition_event"),
    )
    executed = (topics.EXECUTION_STATUS, topics.EXECUTION_MESSAGE)
    watched = tuple(topics.alive(name) for name in ("fusion_node", "policy_node", "executor_node"))
    return {
        "sim_node": Permissions(
            publish=(
                *(*images, *poses, "/clock", topics.JOINT_STATES, topics.INSTRUCTION, topics.TASK_STATUS),
                *(topics.OVERVIEW, topics.TIME_REFERENCE),
            ),
            subscribe=(arm, *gripper),
            reply=(topics.RESET,),
        ),
        "fusion_node": Permissions(
            publish=(topics.CLOUD, topics.FUSION_LATENCY, "/tf_static"),
            subscribe=(*images, *poses, topics.JOINT_STATES),
        ),
        "policy_node": Permissions(
            publish=policy,
            subscribe=(topics.CLOUD, topics.JOINT_STATES, topics.INSTRUCTION, *executed, *watched),
            reply=(topics.RUN, topics.STEP, topics.DRAW, *(f"policy_node/{name}" for name in _LIFECYCLE)),
        ),
        "executor_node": Permissions(
            publish=(*executed, topics.PLANNED_TRAJECTORY, topics.LIMITS, arm, *gripper, topics.EXECUTION_EVENT),
            subscribe=(topics.KEYFRAME, topics.JOINT_STATES, topics.CLOUD, topics.SAFETY_STATE, arm),
            reply=(topics.STOP, topics.CONFIRM),
        ),
        "safety_node": Permissions(
            publish=(topics.SAFETY_STATE, topics.EXECUTION_EVENT, arm),
            subscribe=(
                *(topics.JOINT_STATES, topics.CLOUD, topics.HEARTBEAT, topics.POLICY_LATENCY),
                *(topics.EXECUTION_STATUS, arm, *watched),
            ),
            reply=(topics.ARM, topics.DISARM, topics.RESET_FAULT, topics.SAFETY_STOP),
            request=(topics.STOP, cancel),
        ),
        "evaluation_node": Permissions(
            publish=(topics.EVALUATION_STATUS, topics.INSTRUCTION),
            subscribe=(*executed, topics.POLICY_LATENCY, topics.POLICY_STATUS, topics.SAFETY_STATE),
            reply=(topics.EVALUATION_NEXT, topics.EVALUATION_SUCCESS, topics.EVALUATION_FAILURE),
            request=(topics.RUN, topics.STOP),
        ),
        OPERATOR: Permissions(
            publish=(topics.HEARTBEAT, topics.INSTRUCTION),
            subscribe=("*",),
            request=(*OPERATED, topics.EVALUATION_NEXT, topics.EVALUATION_SUCCESS, topics.EVALUATION_FAILURE),
        ),
    }


def everyone(node: str) -> Permissions:
    """What every node of this package does beside its own work."""
    return Permissions(
        publish=("/rosout", "/parameter_events", "/diagnostics", topics.alive(node)),
        subscribe=("/clock", "/parameter_events", topics.alive(node)),
        reply=tuple(f"{node}/{name}" for name in _NODE),
    )


def policy_document(granted: dict[str, Permissions], namespace: str = "") -> str:
    """The SROS2 policy (schema 0.2.0) for ``ros2 security generate_artifacts``: one enclave a node."""
    root = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(root, "enclaves")
    for node, own in granted.items():
        enclave = ElementTree.SubElement(enclaves, "enclave", path=f"/{PACKAGE}/{node}")
        profiles = ElementTree.SubElement(enclave, "profiles")
        profile = ElementTree.SubElement(profiles, "profile", ns=f"/{namespace.strip('/')}", node=node)
        common = everyone(node)
        _grant(profile, "topics", "publish", "topic", (*own.publish, *common.publish))
        _grant(profile, "topics", "subscribe", "topic", (*own.subscribe, *common.subscribe))
        _grant(profile, "services", "reply", "service", (*own.reply, *common.reply))
        _grant(profile, "services", "request", "service", own.request)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _grant(profile: ElementTree.Element, group: str, verb: str, tag: str, names: Iterable[str]) -> None:
    unique = list(dict.fromkeys(name for name in names if name))
    if unique:
        parent = ElementTree.SubElement(profile, group, {verb: "ALLOW"})
        for name in unique:
            ElementTree.SubElement(parent, tag).text = name
