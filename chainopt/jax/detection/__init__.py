"""The pattern of a JAX function's Jacobian, for all inputs: what its derivative program lets depend on what."""

from chainopt.jax.detection.detect import detection_of as detection_of
from chainopt.jax.detection.detect import pattern_of as pattern_of

__all__ = ["detection_of", "pattern_of"]
