"""Training: presets, losses, loops and checkpoints."""
