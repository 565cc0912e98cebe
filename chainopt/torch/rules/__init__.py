"""What is known of the derivatives of PyTorch's operators: a rule for each."""

from chainopt.torch.rules import operators as operators
from chainopt.torch.rules.registry import derivative_of as derivative_of
