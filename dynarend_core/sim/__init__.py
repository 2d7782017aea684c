"""Simulators behind one protocol: MuJoCo (embedded) and RLBench (where CoppeliaSim is installed)."""
