"""From calibrated RGB-D views to one cloud in the base frame."""
