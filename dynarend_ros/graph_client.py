"""The operator's end of the graph: sets parameters, calls services, listens. Blocking calls, own spin thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.parameter_client import AsyncParameterClient
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from sensor_msgs.msg import Image, TimeReference
from std_msgs.msg import Float32, String
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from dynarend_core.errors import DynaRendError
from dynarend_ros import qos, topics
from dynarend_ros.conversions import rgb_from_message, stamp_to_ns


class GraphError(DynaRendError):
    """A node of the graph did not answer, or refused."""


class GraphClient:
    """Listens to everything an episode's judge needs and drives the graph's services.

    Attributes:
        task_status: Newest ``task_status`` of the simulator.
        policy_status: Newest ``policy_status``.
        counters: Newest ``/diagnostics`` values by node.
        latency_ms: Samples by step: ``fusion``, ``policy``, ``camera_to_keyframe``.
        executions: How keyframes ended since :meth:`clear`: ``"succeeded: ..."``, ``"aborted: ik: ..."``.
        overview: Newest overview picture.
        pictures: Drawings of cloud, value map and prediction since :meth:`clear`.
    """

    def __init__(self, name: str = "operator") -> None:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name)
        self.task_status: dict[str, Any] = {}
        self.policy_status: dict[str, Any] = {}
        self.counters: dict[str, dict[str, str]] = {}
        self.latency_ms: dict[str, list[float]] = {"fusion": [], "policy": [], "camera_to_keyframe": []}
        self.executions: list[str] = []
        self.overview: Any = None
        self.pictures: list[Any] = []
        self._wall_ns: dict[int, int] = {}
        self._counts: dict[str, int] = {}
        self._changed = threading.Condition()
        self._subscribe()
        self._services = {
            topics.RESET: self.node.create_client(Trigger, topics.RESET),
            topics.STOP: self.node.create_client(Trigger, topics.STOP),
            topics.DRAW: self.node.create_client(Trigger, topics.DRAW),
            topics.RUN: self.node.create_client(SetBool, topics.RUN),
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, name="operator", daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        try:
            self._executor.spin()
        except ExternalShutdownException:
            return

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown(timeout_sec=2.0)
        self._thread.join(2.0)
        self.node.destroy_node()
        rclpy.try_shutdown()

    def _subscribe(self) -> None:
        def listen(kind: type, topic: str, callback: Callable, profile: object = qos.RELIABLE) -> None:
            def locked(message: object) -> None:
                with self._changed:
                    callback(message)
                    self._counts[topic] = self._counts.get(topic, 0) + 1
                    self._changed.notify_all()

            self.node.create_subscription(kind, topic, locked, profile)

        listen(String, topics.TASK_STATUS, lambda m: setattr(self, "task_status", json.loads(m.data)), qos.LATCHED)
        listen(String, topics.POLICY_STATUS, lambda m: setattr(self, "policy_status", json.loads(m.data)), qos.LATCHED)
        listen(DiagnosticArray, "/diagnostics", self._on_diagnostics)
        listen(Float32, topics.FUSION_LATENCY, lambda m: self.latency_ms["fusion"].append(m.data))
        listen(Float32, topics.POLICY_LATENCY, lambda m: self.latency_ms["policy"].append(m.data))
        listen(TimeReference, topics.TIME_REFERENCE, self._on_reference)
        listen(MultiDOFJointTrajectory, topics.KEYFRAME, self._on_keyframe, qos.KEYFRAME)
        listen(String, topics.EXECUTION_MESSAGE, lambda m: self.executions.append(m.data))
        listen(Image, topics.OVERVIEW, lambda m: setattr(self, "overview", rgb_from_message(m)))
        listen(Image, topics.RENDERED, lambda m: self.pictures.append(rgb_from_message(m)))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._counts[f"/diagnostics {status.name}"] = self._counts.get(f"/diagnostics {status.name}", 0) + 1
            self.counters[status.name] = {"message": status.message, **{v.key: v.value for v in status.values}}

    def _on_reference(self, message: TimeReference) -> None:
        self._wall_ns[stamp_to_ns(message.header.stamp)] = stamp_to_ns(message.time_ref)
        while len(self._wall_ns) > 200:
            self._wall_ns.pop(next(iter(self._wall_ns)))

    def _on_keyframe(self, message: MultiDOFJointTrajectory) -> None:
        exposed_ns = self._wall_ns.get(stamp_to_ns(message.header.stamp))
        if exposed_ns is not None:
            self.latency_ms["camera_to_keyframe"].append(1e-6 * (time.time_ns() - exposed_ns))

    def is_up(self, name: str) -> bool:
        """Whether the node has reported: the simulator its task, the policy its state, the others diagnostics."""
        if name == "sim_node":
            return bool(self.task_status)
        return bool(self.policy_status) if name == "policy_node" else name in self.counters

    def message_count(self, source: str) -> int:
        """Messages received on a topic; for one node's diagnostics, ``"/diagnostics <node>"``."""
        return self._counts.get(source, 0)

    def clear_latencies(self) -> None:
        """Forget the samples so far."""
        with self._changed:
            for samples in self.latency_ms.values():
                samples.clear()

    def clear(self) -> None:
        """Forget what belongs to the last episode."""
        with self._changed:
            self.executions.clear()
            self.pictures = []
            self.overview = None

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, poll_s: float = 0.1) -> bool:
        """Wait until ``condition()`` holds (checked after each message and every ``poll_s``); says whether it does."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, poll_s))
        return True

    def run_on_spin(self, work: Callable[[], None], timeout_s: float = 5.0) -> None:
        """Do ``work`` on the thread that spins: rclpy cannot make or destroy what another thread waits for.

        Raises:
            GraphError: it was not done in time.
        """
        done = threading.Event()

        def once() -> None:
            if not done.is_set():
                work()
                timer.cancel()
                done.set()

        timer = self.node.create_timer(0.001, once)
        if not done.wait(timeout_s):
            raise GraphError(f"the operator's thread did not answer within {timeout_s:.0f} s")

    def _result(self, future: Future, what: str, timeout_s: float) -> Any:
        done = threading.Event()
        future.add_done_callback(lambda _f: done.set())
        if not done.wait(timeout_s):
            raise GraphError(f"{what}: no answer within {timeout_s:.0f} s")
        return future.result()

    def call(self, service: str, data: bool | None = None, timeout_s: float = 30.0) -> str:
        """Call ``run`` (with ``data``), ``stop`` or ``reset``; returns the response's message.

        Raises:
            GraphError: no server, no answer, or the server refused.
        """
        client = self._services[service]
        if not client.wait_for_service(timeout_s):
            raise GraphError(f"service {service!r}: nobody offers it (waited {timeout_s:.0f} s)")
        request = Trigger.Request() if data is None else SetBool.Request(data=data)
        response = self._result(client.call_async(request), f"service {service!r}", timeout_s)
        if not response.success:
            raise GraphError(f"service {service!r}: {response.message}")
        return response.message

    def get_parameter(self, node: str, name: str, timeout_s: float = 10.0) -> Any:
        """Value of one parameter of ``node``.

        Raises:
            GraphError: no answer.
        """
        client = AsyncParameterClient(self.node, node)
        if not client.wait_for_services(timeout_s):
            raise GraphError(f"parameters of {node}: no answer within {timeout_s:.0f} s")
        response = self._result(client.get_parameters([name]), f"parameters of {node}", timeout_s)
        return parameter_value_to_python(response.values[0])

    def set_parameters(self, node: str, values: Mapping[str, Any], timeout_s: float = 10.0) -> None:
        """Set parameters of ``node``, all or none.

        Raises:
            GraphError: no answer, or a value was refused; the message is the node's.
        """
        client = AsyncParameterClient(self.node, node)
        if not client.wait_for_services(timeout_s):
            raise GraphError(f"parameters of {node}: no answer within {timeout_s:.0f} s")
        parameters = [Parameter(name=name, value=value) for name, value in values.items()]
        response = self._result(client.set_parameters_atomically(parameters), f"parameters of {node}", timeout_s)
        if not response.result.successful:
            raise GraphError(f"parameters of {node}: {response.result.reason}")
