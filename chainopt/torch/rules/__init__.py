"""What is known of the derivatives of PyTorch's operators: a rule for each, in a file for each family."""

from chainopt.torch.rules import entries as entries
from chainopt.torch.rules import linear_algebra as linear_algebra
from chainopt.torch.rules.registry import derivative_of as derivative_of
