"""What is known of the derivatives of JAX's primitives: a rule for each, in a file for each family."""

from chainopt.jax.rules import custom_rules as custom_rules
from chainopt.jax.rules import elementwise as elementwise
from chainopt.jax.rules import linear_algebra as linear_algebra
from chainopt.jax.rules import loops as loops
from chainopt.jax.rules import moves as moves
from chainopt.jax.rules.registry import derivative_of as derivative_of
