"""The MuJoCo simulator: scene, cameras, tasks, world."""
