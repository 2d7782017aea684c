"""A policy node whose policy cannot answer."""

from dynarend_core.errors import CheckpointError
from dynarend_ros import runtime
from dynarend_ros.policy_node import PolicyNode


class Broken:
    def act(self, observation):
        raise CheckpointError("weights are not finite")


class FailingPolicyNode(PolicyNode):
    def load_policy(self, p):
        return Broken()

    def load_foresight(self, p):
        raise CheckpointError("a double has no renderer")


if __name__ == "__main__":
    raise SystemExit(runtime.run(FailingPolicyNode))
