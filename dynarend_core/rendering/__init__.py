"""Volume rendering of triplanes: what a camera would see of the scene that a latent describes."""
