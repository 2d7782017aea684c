"""Verbs of the ``dynarend`` command that need the ROS graph."""
