"""DynaRend's robot-learning core: perception, networks, simulation and evaluation, free of ROS."""

__version__ = "0.1.0"
