"""ROS 2 nodes around :mod:`dynarend_core`: cameras in, keyframes and joint trajectories out."""
