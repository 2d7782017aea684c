"""Motion planning for the Franka Panda: kinematics, collision field, time laws and the planner itself."""
