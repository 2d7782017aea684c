"""The lifecycle of a node that may act: it acts between ``activate`` and whatever comes next, and at no other time."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNodeMixin, LifecycleState, TransitionCallbackReturn

from dynarend_core.errors import ConfigurationError
from dynarend_ros import runtime


class ManagedNode(LifecycleNodeMixin, runtime.SpinningNode):
    """A lifecycle node that says why a transition failed; rclpy swallows what a transition raises.

    Attributes:
        active: Whether it may act.
    """

    def __init__(self, name: str) -> None:
        runtime.SpinningNode.__init__(self, name)
        LifecycleNodeMixin.__init__(self)
        self.active = False
        self._refusal = ""

    def get_ready(self) -> None:
        """What ``configure`` does."""

    def begin(self) -> None:
        """What ``activate`` does."""

    def cease(self) -> None:
        """Stop acting, and drop what is not finished; called in any state."""

    def forget(self) -> None:
        """What ``cleanup`` does."""

    def close(self) -> None:
        """The end of the process."""

    def autostart(self, state: str) -> None:
        """Go to ``unconfigured``, ``inactive`` or ``active``.

        Raises:
            ConfigurationError: a transition failed.
        """
        steps = {"inactive": [self.trigger_configure], "active": [self.trigger_configure, self.trigger_activate]}
        for step in steps.get(state, []):
            if step() != TransitionCallbackReturn.SUCCESS:
                raise ConfigurationError(self._refusal)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Get ready; stay unconfigured where that fails."""
        if not self._manages(self.get_ready):
            self.forget()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """From here on it may act."""
        if not self._manages(self.begin):
            return TransitionCallbackReturn.FAILURE
        self.active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Nothing it has not finished leaves it."""
        self._stop_acting()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget what ``configure`` made."""
        self.forget()
        return super().on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """A transition failed half-way: whatever it was, act no more."""
        self._stop_acting()
        return super().on_error(state)

    def on_shutdown(self, state: LifecycleState | None = None) -> TransitionCallbackReturn:
        """Act no more: the transition ``shutdown``, or without a state the end of the process (both have this name)."""
        self._stop_acting()
        if state is None:
            self.close()
            return TransitionCallbackReturn.SUCCESS
        return LifecycleNodeMixin.on_shutdown(self, state)

    def _stop_acting(self) -> None:
        self.active = False
        self.cease()

    def _manages(self, step: Callable[[], None]) -> bool:
        try:
            step()
        except Exception as error:
            self._refusal = f"{type(error).__name__}: {error}"
            self.get_logger().error(self._refusal)
            return False
        return True
