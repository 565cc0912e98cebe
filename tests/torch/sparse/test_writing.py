"""Sparse Jacobians of functions that write to tensors are torch.func.jacrev's, or are refused: never are entries left out."""

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

from chainopt import ChainError
from chainopt.torch import hessian, jacobian

POINTS = [torch.linspace(0.3, 3.0, 30, dtype=torch.float64), torch.linspace(-1.0, 2.0, 30, dtype=torch.float64)]


def through_data(x):
    made = x * x
    made.data.mul_(2)
    return made * made


def through_a_part_of_data(x):
    made = x * x
    made[1:].data.mul_(2)
    return made * made


def through_a_view_of_what_is_detached(x):
    made = x * x
    made.detach()[1:].mul_(2)
    return made * made


def zeroed_unwatched(x):
    made = x * x
    with torch.no_grad():
        made.zero_()
    return made + x.sin()


def partly_filled_unwatched(x):
    made = x * x
    with torch.no_grad():
        made[1:].fill_(3.0)
    return made * made


def exchanged_unwatched(x):
    made = x * x
    with torch.no_grad():
        made.copy_(made.flip(0))
    return made


def through_a_view_made_unwatched(x):
    made = x * x
    with torch.no_grad():
        made.view(-1).zero_()
    return made + x.sin()


def made_unwatched(x):
    with torch.no_grad():
        weights = (x * x).mul_(2)
    return weights * x


def of_data_that_is_only_read(x):
    made = x * x
    before = made.detach()
    made.mul_(2)
    return made * before


REFUSED = [
    through_data,
    through_a_part_of_data,
    through_a_view_of_what_is_detached,
    zeroed_unwatched,
    partly_filled_unwatched,
    exchanged_unwatched,
    through_a_view_made_unwatched,
]


@pytest.mark.parametrize("function", REFUSED)
def test_what_autograd_does_not_see_is_refused(function):
    with pytest.raises(ChainError, match="writes to a tensor"):
        jacobian(function, sparse=True)(POINTS[0])
    auto = jacobian(function)
    for point in (*POINTS, *POINTS):
        assert_close(auto(point), torch.func.jacrev(function)(point))


@pytest.mark.parametrize("function", [made_unwatched, of_data_that_is_only_read])
def test_what_is_only_read_is_found(function):
    found = jacobian(function, sparse=True)
    for point in (*POINTS, *POINTS):
        assert_close(found(point).to_dense(), torch.func.jacrev(function)(point))


class Distance(torch.nn.Module):
    def __init__(self, reduction):
        super().__init__()
        self.reduction = reduction
        self.register_buffer("target", torch.ones(30, dtype=torch.float64))

    def forward(self, x):
        loss = functional.mse_loss(x**3, self.target, reduction=self.reduction)
        return (loss * loss.detach().cos()).sum() if self.reduction == "none" else loss


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_sparse_hessians_of_squares(reduction):
    """To record the JVPs of their gradient ended the process."""
    module = Distance(reduction)
    sparse, reference = hessian(module, sparse=True), torch.func.hessian(module)
    for scale in (1.0, 2.0):
        module.target = module.target * scale
        for point in (*POINTS, *POINTS):
            assert_close(sparse(point).to_dense(), reference(point), rtol=1e-12, atol=1e-12)
