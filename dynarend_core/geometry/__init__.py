"""Rigid transforms, rotations, pinhole cameras and boxes."""
