"""The MuJoCo simulator behind the :class:`~dynarend_core.sim.environment.Environment` protocol."""

from __future__ import annotations

from dynarend_core.errors import ConfigurationError, InvalidInputError, PlanningError, SimulationError
from dynarend_core.perception.fusion import fuse
from dynarend_core.planning.planner import MotionPlanner
from dynarend_core.sim.environment import UNDISTURBED
from dynarend_core.sim.mujoco.tasks import TASKS
from dynarend_core.sim.mujoco.world import MujocoWorld
from dynarend_core.types import FailureReason, Keyframe, Observation, StepResult

MOTION_TIMEOUT_S = 15.0


class MujocoEnvironment:
    """Plans and executes keyframes in physics. Implements ``Environment``.

    Args:
        image_size: Edge of the square camera images [px].
        perfect_executor: Do without planning: the arm is put at the keyframe, with what it holds; where contact is
            intended (``ignore_collisions``) it moves there in a straight line, in physics.
    """

    def __init__(self, image_size: int = 128, perfect_executor: bool = False) -> None:
        self.world = MujocoWorld(image_size)
        self.perfect_executor = perfect_executor
        self.planner = MotionPlanner()
        self._step = 0

    @staticmethod
    def task_names() -> list[str]:
        """All task names."""
        return list(TASKS)

    @staticmethod
    def variation_count(task: str) -> int:
        """Number of variations of a task.

        Raises:
            ConfigurationError: unknown task.
        """
        if task not in TASKS:
            raise ConfigurationError(f"unknown task {task!r}; choose from {', '.join(sorted(TASKS))}")
        return TASKS[task].variation_count

    def reset(
        self,
        task: str,
        variation: int,
        seed: int,
        phrasing: int | None = None,
        disturb_start: bool = False,
        perturbation: str = UNDISTURBED,
    ) -> Observation:
        """See :meth:`Environment.reset`; ``disturb_start`` moves the arm off its home pose first."""
        self.world.reset(
            task, variation, seed, phrasing=phrasing, disturb_start=disturb_start, perturbation=perturbation
        )
        self._step = 0
        return self.observe()

    def observe(self) -> Observation:
        """What the cameras and the robot report now."""
        views = self.world.views()
        return Observation(
            views=views, gripper=self.world.gripper(), instruction=self.world.instruction, step=self._step,
            q=self.world.q, stamp_ns=max(v.stamp_ns for v in views),
        )  # fmt: skip

    def step(self, keyframe: Keyframe, before: Observation | None = None) -> StepResult:
        """See :meth:`Environment.step`.

        Args:
            keyframe: Target.
            before: The observation the keyframe was chosen from, if at hand; saves rendering it again.
        """
        before = before or self.observe()
        try:
            if self.perfect_executor:
                self._move_perfectly(keyframe)
            else:
                obstacles = None if keyframe.ignore_collisions else fuse(before.views).xyz
                self.world.follow(self.planner.plan(self.world.q, keyframe, obstacles))
            self._step += 1
            self._run_until_still()
            self.world.command_gripper(keyframe.gripper_open)
            self._run_until_still()
        except PlanningError as error:
            return StepResult(self.observe(), False, FailureReason(error.cause), str(error))
        except InvalidInputError as error:
            return StepResult(self.observe(), False, FailureReason.POLICY, str(error))
        except SimulationError as error:
            return StepResult(before, False, FailureReason.SIMULATOR, str(error))
        success = self.world.success()
        return StepResult(self.observe(), success, FailureReason.NONE if success else self.world.failure())

    def _move_perfectly(self, keyframe: Keyframe) -> None:
        motion = self.planner.unobstructed(self.world.q, keyframe)
        if keyframe.ignore_collisions:
            self.world.follow(motion)
        else:
            self.world.place(motion.positions[-1])

    def _run_until_still(self) -> None:
        start = self.world.time_s
        self.world.advance(0.02)
        while self.world.moving and self.world.time_s - start < MOTION_TIMEOUT_S:
            self.world.advance(0.02)

    def close(self) -> None:
        """Free the renderers."""
        self.world.close()
