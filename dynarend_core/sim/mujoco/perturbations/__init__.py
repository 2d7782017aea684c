"""The Colosseum's perturbations: seeded changes of a scene that leave the task what it is."""
