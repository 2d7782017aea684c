"""RLBench's table-top world rebuilt in MuJoCo: scene, cameras, robot, tasks, expert."""

TRAINING_SEEDS = range(0, 10_000)
"""Seeds demonstrations are collected with; evaluation starts at ``evaluation.schedule.FIRST_UNSEEN_SEED``."""
