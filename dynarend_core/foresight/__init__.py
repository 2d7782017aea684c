"""What a policy sees in its latents: the scene as it is and as it will be, rendered from any camera."""

from dynarend_core.foresight.foreseen import Foreseen
from dynarend_core.foresight.foresight import Foresight
from dynarend_core.foresight.picture import Picture
from dynarend_core.foresight.picture_errors import PictureErrors, picture_errors, workspace_pixels
from dynarend_core.foresight.prediction_error import NO_BETTER, PredictionError, prediction_error
from dynarend_core.foresight.step_watch import Looks, StepWatch

__all__ = [
    "NO_BETTER",
    "Foreseen",
    "Foresight",
    "Looks",
    "Picture",
    "PictureErrors",
    "PredictionError",
    "StepWatch",
    "picture_errors",
    "prediction_error",
    "workspace_pixels",
]
