"""A process in place of MoveIt's: plans two points, hangs, crashes or fails where it is told to."""

import os
import threading
import time

import numpy as np

from dynarend_core.errors import PlanningError
from dynarend_core.planning.trajectory import JointTrajectory
from dynarend_ros.backends.moveit_process import answer

HANGS_AT_X, CRASHES_AT_X, FAILS_AT_X = 0.11, 0.12, 0.13


class ToyArm:
    def __init__(self):
        self.stopped = threading.Event()

    def plan(self, request):
        x = round(float(request.T_base_tip[0, 3]), 6)
        if x == HANGS_AT_X:
            time.sleep(600.0)
        if x == CRASHES_AT_X:
            os._exit(139)
        if x == FAILS_AT_X:
            raise PlanningError("out of reach", "ik")
        q = request.q_start
        return JointTrajectory(np.array([0.0, 0.1]), np.stack([q, q]), np.zeros((2, len(q))))

    def execute(self, trajectory):
        self.stopped.clear()
        return "PREEMPTED" if self.stopped.wait(trajectory.duration_s) else "SUCCEEDED"

    def stop(self):
        self.stopped.set()


def serve(connection, _robot, _velocity_factor):
    connection.send(("ready", True))
    answer(connection, ToyArm())
