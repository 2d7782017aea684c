"""Demonstrations: keyframe discovery, the on-disk store, and the reader of recorded RLBench episodes."""
