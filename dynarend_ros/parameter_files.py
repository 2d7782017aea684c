"""Parameters a node was started with, read the same way under every namespace and every node name.

rclpy applies a parameter file's entries only where its key is the node's full name, and says nothing where it is not: a
pushed namespace, ``-r __node:=`` or a typo leave a node with its defaults. Here a key without a slash
(``executor_node``) holds for that node in every namespace and under every name, and a file that has nothing for the
node it was handed to is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from dynarend_core.errors import ConfigurationError

PARAMETERS_KEY = "ros__parameters"


@dataclass(frozen=True)
class NodeName:
    """What a node is called.

    Attributes:
        default: The name in its code, which keys in parameter files may use whatever the node was renamed to.
        name: The name it runs under.
        namespace: Absolute namespace, "/" for the root.
    """

    default: str
    name: str
    namespace: str

    @property
    def full(self) -> str:
        """Fully qualified name, such as ``/cell1/executor_node``."""
        return f"{self.namespace.rstrip('/')}/{self.name}"


@dataclass(frozen=True)
class GivenParameters:
    """What a node was started with.

    Attributes:
        values: Parameter to value; later arguments replace earlier ones.
        own: Names given for this very node, as opposed to those given for all nodes (``/**``).
    """

    values: dict[str, Any] = field(default_factory=dict)
    own: frozenset[str] = frozenset()


def node_name(arguments: Sequence[str], default: str) -> NodeName:
    """Name and namespace after the remappings ``__node`` (``__name``) and ``__ns`` in ``arguments``."""
    name, namespace = default, "/"
    for option, value in _ros_arguments(arguments):
        if option not in ("-r", "--remap"):
            continue
        source, _, target = value.partition(":=")
        prefix, _, rule = source.rpartition(":")
        if prefix not in ("", default):
            continue
        if rule in ("__node", "__name"):
            name = target
        elif rule == "__ns":
            namespace = "/" + target.strip("/")
    return NodeName(default, name, namespace)


def given_parameters(arguments: Sequence[str], node: NodeName) -> GivenParameters:
    """Parameters for ``node`` from ``--params-file`` and ``-p`` in ``arguments``.

    Args:
        arguments: Command line, ``--ros-args`` included.
        node: Whose parameters they are.

    Raises:
        ConfigurationError: a file is missing or unreadable, or has no key for this node.
    """
    values: dict[str, Any] = {}
    own: set[str] = set()
    for option, value in _ros_arguments(arguments):
        if option == "--params-file":
            wildcard, specific = entries_for(Path(value), node)
        elif option in ("-p", "--param"):
            wildcard, specific = {}, _single(value, node)
        else:
            continue
        values |= {**wildcard, **specific}
        own |= set(specific)
    return GivenParameters(values, frozenset(own))


def entries_for(file: Path, node: NodeName) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a parameter file says for all nodes, and for ``node``.

    Raises:
        ConfigurationError: the file is missing or unreadable, or none of its keys is for this node.
    """
    wildcard: dict[str, Any] = {}
    specific: dict[str, Any] = {}
    content = read_parameter_file(file)
    matched = False
    for key, values in content.items():
        if not matches(key, node):
            continue
        matched = True
        (wildcard if "*" in key.rpartition("/")[2] else specific).update(values)
    if content and not matched:
        keys = ", ".join(content)
        raise ConfigurationError(
            f"none of the keys of {file} ({keys}) is for {node.full}: nothing of it would apply. "
            f"Write {node.default}{_instead(node, content)}"
        )
    return wildcard, specific


def _instead(node: NodeName, keys: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(node.default, [key.rpartition("/")[2] for key in keys], 1, 0.75)
    return f" instead of {near[0]}" if near else " for its values, or do not give it this file"


def matches(key: str, node: NodeName) -> bool:
    """Whether a key of a parameter file is for ``node``.

    A key without a slash is a node's name in any namespace; ``*`` stands for one part of a name, ``**`` for any number.
    """
    if "/" not in key and "*" not in key:
        return key in (node.default, node.name)
    parts = [_PATTERNS.get(part, "/" + re.escape(part)) for part in key.strip("/").split("/")]
    names = {f"{node.namespace.rstrip('/')}/{name}" for name in (node.default, node.name)}
    return any(re.fullmatch("".join(parts), name) for name in names)


_PATTERNS = {"**": "(?:/[^/]+)*", "*": "/[^/]+"}


def read_parameter_file(file: Path) -> dict[str, dict[str, Any]]:
    """The entries of a ROS parameter file: key of a node to its parameters, nested ones joined by dots.

    Raises:
        ConfigurationError: the file is missing, is not YAML, or has values outside ``ros__parameters``.
    """
    try:
        content = yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ConfigurationError(f"parameter file {file}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"parameter file {file} is not YAML: {error}") from error
    if content is None:
        return {}
    return dict(_nodes(content, "", file))


def _nodes(content: Any, path: str, file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(content, dict):
        raise ConfigurationError(f"parameter file {file}: {path or 'the file'} must hold {PARAMETERS_KEY}: name: value")
    for key, inner in content.items():
        if key == PARAMETERS_KEY:
            yield path, dict(_flat(inner or {}, ""))
        elif path:
            yield from _nodes(inner, f"/{path.strip('/')}/{str(key).strip('/')}", file)
        else:
            yield from _nodes(inner, str(key), file)


def _flat(values: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _single(text: str, node: NodeName) -> dict[str, Any]:
    """The parameter of ``-p [node:]name:=value``, if it is for this node."""
    target, _, value = text.partition(":=")
    owner, _, name = target.rpartition(":")
    if owner and not matches(owner, node):
        return {}
    return {name: yaml.load(value, _Loader)}


def _ros_arguments(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Options with their values between ``--ros-args`` and ``--``."""
    inside, option = False, ""
    for text in arguments:
        if text == "--ros-args":
            inside = True
        elif text == "--":
            inside = False
        elif inside and option:
            yield option, text
            option = ""
        elif inside and text in ("-p", "--param", "-r", "--remap", "--params-file"):
            option = text


class _Loader(yaml.SafeLoader):
    """YAML as rcl reads it: 1e-3 is a number."""

    yaml_constructors = yaml.SafeLoader.yaml_constructors.copy()

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping; one key twice is an error, since all but the last would be lost."""
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key!r} stands there twice", node.start_mark)
        return super().construct_mapping(node, deep)


# launch_ros writes lists into its temporary files like this.
_Loader.yaml_constructors["tag:yaml.org,2002:python/tuple"] = _Loader.yaml_constructors["tag:yaml.org,2002:seq"]
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)
