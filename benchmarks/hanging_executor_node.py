"""An executor whose planner hangs for keyframes at one height, and answers long after it was given up.

With ``DYNAREND_GRIPPER=aborts`` its gripper is an action whose server accepts every goal and aborts it.
"""

import os
import time
from types import SimpleNamespace

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.task import Future

from dynarend_ros import executor_node, gripper_commands, runtime

HANGS_AT_Z = 0.4321
HANGS_FOR_S = 5.0


class HangingBackend:
    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def plan(self, request):
        if np.isclose(request.T_base_tip[2, 3], HANGS_AT_Z, atol=1e-6):
            time.sleep(HANGS_FOR_S)
        return self._backend.plan(request)


def done(result):
    future = Future()
    future.set_result(result)
    return future


class AbortingClient:
    """An action client; its server ends every goal at once."""

    def __init__(self, _node, _kind, _name):
        result = SimpleNamespace(position=0.0, effort=0.0, stalled=False, reached_goal=False)
        self._outcome = SimpleNamespace(status=GoalStatus.STATUS_ABORTED, result=result)

    def server_is_ready(self):
        return True

    def send_goal_async(self, _goal):
        outcome = self._outcome
        return done(
            SimpleNamespace(accepted=True, cancel_goal_async=lambda: done(None), get_result_async=lambda: done(outcome))
        )


class GripperGoal:
    def __init__(self):
        self.command = SimpleNamespace(position=0.0, max_effort=0.0)


if os.environ.get("DYNAREND_GRIPPER") == "aborts":
    gripper_commands.action_client = AbortingClient
    gripper_commands.control_action = lambda _name: SimpleNamespace(Goal=GripperGoal)


class HangingExecutorNode(executor_node.ExecutorNode):
    def __init__(self):
        create = executor_node.create_backend
        executor_node.create_backend = lambda *args: HangingBackend(create(*args))
        super().__init__()


if __name__ == "__main__":
    raise SystemExit(runtime.run(HangingExecutorNode))
