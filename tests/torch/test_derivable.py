"""A Jacobian that is pushed through an operator can be differentiated and batched, if the operator is said to agree."""

import pytest

from chainopt import ChainError

SIZE = 4
AGREEING = {
    "softmax": lambda torch, z: torch.softmax(z, 0) * torch.log_softmax(z, 0),
    "convolution": lambda torch, z: torch.nn.functional.conv1d(z[None, None], z[None, None, :2] ** 2)[0, 0],
    "a filter": lambda torch, z: torch.fft.irfft(torch.fft.rfft(z) ** 2, n=SIZE),
    "complex transforms": lambda torch, z: torch.fft.ifft(torch.fft.fft(z).conj() * torch.fft.fft(z)).real,
    "scatter_add": lambda torch, z: z.scatter_add(0, torch.tensor([1, 1, 0, 2]), z**2),
    "cumprod": lambda torch, z: z.cumprod(0) * z.logcumsumexp(0),
    "statistics": lambda torch, z: z.var() * z.std() * z.norm() * z,
    "extreme entries": lambda torch, z: z.amax() * z.topk(2).values.sum() * z.sort().values,
}
OTHERS = {
    "layer_norm": lambda torch, z: torch.nn.functional.layer_norm(z, (SIZE,)),
    "solve": lambda torch, z: torch.linalg.solve(torch.outer(z, z) + torch.diag(torch.arange(2.0, 6.0, dtype=z.dtype)), z),
    "det": lambda torch, z: torch.linalg.det(torch.outer(z, z) + torch.diag(torch.arange(2.0, 6.0, dtype=z.dtype))) * z,
    "a row that is set": lambda torch, z: torch.outer(z, z).select_scatter(z**2, 0, 1),
    "eigenvectors": lambda torch, z: (
        torch.linalg.eigh(torch.outer(z, z) + torch.diag(torch.arange(2.0, 6.0, dtype=z.dtype)))[1] ** 2
    ),
}


def wide(torch, function):
    """Return the function with more results, so that tangents are pushed through it."""
    spread = torch.linspace(-1, 1, 20 * SIZE, dtype=torch.float64).reshape(20, SIZE).sin()
    return lambda z: torch.tensordot(spread[:, : function(torch, z).shape[0]], function(torch, z), 1)


def derived(torch, jacobian_of):
    points = torch.linspace(-1, 1, 3 * SIZE, dtype=torch.float64).reshape(3, SIZE).exp()

    def total(z):
        return jacobian_of(z).sin().sum()

    followed = points[0].clone().requires_grad_()
    return (
        torch.func.vmap(jacobian_of)(points),
        torch.func.grad(total)(points[0]),
        torch.func.vmap(torch.func.grad(total))(points),
        torch.autograd.grad(total(followed), followed)[0],
    )


@pytest.mark.parametrize("name", AGREEING | OTHERS)
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # which torch.func itself says
def test_derived_once_more(torch, name):
    from chainopt.torch import jacobian

    function = wide(torch, (AGREEING | OTHERS)[name])
    expected = derived(torch, torch.func.jacrev(function))
    for mode in ("auto", "planned") if name in AGREEING else ("auto",):
        torch.testing.assert_close(derived(torch, jacobian(function, mode=mode)), expected)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_known_to_agree_is_refused(torch, name):
    from chainopt.torch import jacobian

    derivative = jacobian(wide(torch, OTHERS[name]), mode="planned")
    point = torch.linspace(-1, 1, SIZE, dtype=torch.float64).exp()
    torch.testing.assert_close(derivative(point), torch.func.jacrev(derivative.function)(point))
    with pytest.raises(ChainError, match="a transformation or autograd follows"):
        torch.func.vmap(derivative)(point[None])
    with pytest.raises(ChainError, match="a transformation or autograd follows"):
        derivative(point.requires_grad_())
