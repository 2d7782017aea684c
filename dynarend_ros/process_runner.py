"""Starts the processes of a graph, shows their logs, ends them all: for machines without ``ros2 launch``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dynarend_core.errors import DynaRendError
from dynarend_ros.graph import NodeSpec, environment, process_environment
from dynarend_ros.process_end import PARENT_VARIABLE

LogSink = Callable[[str, str], None]
"""Called with node name and log line, from reader threads."""


@dataclass
class RunningNode:
    """A started process; ``exit_code`` is None while it runs."""

    spec: NodeSpec
    process: subprocess.Popen
    reader: threading.Thread | None = None
    tail: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int | None:
        """Exit code as subprocess gives it (negative: killed by that signal)."""
        return self.process.poll()


class ProcessDiedError(DynaRendError):
    """A required process of the graph ended by itself."""


def command_line(spec: NodeSpec) -> list[str]:
    """Command of one node, in this very Python, with its ROS arguments."""
    command = [
        sys.executable,
        "-m",
        "dynarend_ros.start",
        spec.module,
        "--ros-args",
        "--enclave",
        spec.enclave,
        "-r",
        f"__node:={spec.name}",
    ]
    if spec.namespace:
        command += ["-r", f"__ns:=/{spec.namespace}"]
    for layer in spec.parameter_layers():
        if isinstance(layer, Path):
            command += ["--params-file", str(layer)]
            continue
        for key, value in layer.items():
            command += ["-p", f"{key}:={json.dumps(value)}"]  # JSON is YAML: strings stay strings
    for source, target in spec.remappings.items():
        command += ["-r", f"{source}:={target}"]
    return command


def print_log(name: str, line: str) -> None:
    """Default sink: the node's name before each line."""
    print(f"[{name}] {line}", flush=True)


class ProcessRunner:
    """The processes of one graph as a context manager; leaving it ends them, in every case.

    Args:
        specs: Nodes, from :func:`dynarend_ros.graph.graph`.
        domain_id: ROS_DOMAIN_ID of all processes; None keeps the environment's.
        sink: Receives every log line.
        extra_environment: More variables.
    """

    def __init__(
        self,
        specs: Sequence[NodeSpec],
        domain_id: int | None = None,
        sink: LogSink = print_log,
        extra_environment: Mapping[str, str] | None = None,
    ) -> None:
        self._specs = tuple(specs)
        self._sink = sink
        parent = {PARENT_VARIABLE: str(os.getpid())}
        self._environment = {**os.environ, **environment(domain_id), **parent, **(extra_environment or {})}
        self.nodes: list[RunningNode] = []

    def __enter__(self) -> ProcessRunner:
        try:
            for spec in self._specs:
                self.start(spec)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, spec: NodeSpec) -> RunningNode:
        """Start one process in a session of its own, so that a Ctrl-C in the terminal reaches only the runner."""
        process = subprocess.Popen(
            command_line(spec),
            env={**self._environment, **process_environment(spec)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        node = RunningNode(spec, process)
        node.reader = threading.Thread(target=self._read, args=(node,), daemon=True)
        self.nodes.append(node)
        node.reader.start()
        return node

    def _read(self, node: RunningNode) -> None:
        assert node.process.stdout is not None
        for raw in node.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            node.tail = [*node.tail[-19:], line]
            self._sink(node.spec.name, line)

    def check(self) -> None:
        """Raise if a required process is gone.

        Raises:
            ProcessDiedError: names the node, its exit code and its last lines.
        """
        for node in self.nodes:
            if node.spec.required and node.exit_code is not None:
                tail = "\n  ".join(node.tail[-6:])
                raise ProcessDiedError(f"{node.spec.name} ended with exit code {node.exit_code}:\n  {tail}")

    def wait(self) -> None:
        """Block until a required process dies (raises ProcessDiedError) or the caller is interrupted."""
        while True:
            self.check()
            time.sleep(0.2)

    def stop(self) -> None:
        """End all processes: SIGINT, after five seconds SIGTERM, after two more SIGKILL."""
        for signum, patience_s in ((signal.SIGINT, 5.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 2.0)):
            alive = [node for node in self.nodes if node.exit_code is None]
            for node in alive:
                node.process.send_signal(signum)
            deadline = time.monotonic() + patience_s
            for node in alive:
                try:
                    node.process.wait(max(deadline - time.monotonic(), 0.01))
                except subprocess.TimeoutExpired:
                    continue
        for node in self.nodes:
            if node.reader is not None:
                node.reader.join(1.0)
            if node.process.stdout is not None:
                node.process.stdout.close()
