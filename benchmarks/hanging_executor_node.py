"""An executor whose planner hangs for keyframes at one height, and answers long after it was given up."""

import time

import numpy as np

from dynarend_ros import executor_node, runtime

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


class HangingExecutorNode(executor_node.ExecutorNode):
    def __init__(self):
        create = executor_node.create_backend
        executor_node.create_backend = lambda *args: HangingBackend(create(*args))
        super().__init__()


if __name__ == "__main__":
    raise SystemExit(runtime.run(HangingExecutorNode))
