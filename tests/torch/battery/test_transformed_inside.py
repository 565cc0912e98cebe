"""Transformations of `torch.func` and compilers, inside of the function and around it."""

import torch
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch_judge import as_torch_does, at, numbers, positive

from chainopt.torch import jacobian, value_and_jacobian

x, y = numbers(5), numbers(5)
a, b = numbers(3, 5), numbers(3, 5)
into, out = numbers(5, 2), numbers(2, 5)


def hourglass(z):
    return torch.tanh(z @ into) @ out


def energy(z):
    return hourglass(z).square().sum()


def forces_of_autograd(z):
    with torch.enable_grad():
        point = z if z.requires_grad else z.detach().requires_grad_()
        return torch.autograd.grad(energy(point), point, create_graph=True)[0]


# Not torch.func.linearize inside of a function: what it folds to constants, torch.func makes of memory that nobody has written.
PROGRAMS = {
    "vmap inside": at(vmap(hourglass), a, b),
    "vmap over columns": at(vmap(lambda column: column / (1 + column @ column), in_dims=1, out_dims=1), a, b),
    "vmap of two": at(lambda z: vmap(torch.dot)(z, z.flip(0)), a, b),
    "vmap of a solver": at(vmap(lambda row: torch.linalg.solve(positive(row[:3]), row[:3])), a, b),
    "grad inside": at(grad(energy), x, y),
    "grad of grad inside": at(lambda z: grad(lambda u: (grad(energy)(u) * u).sum())(z), x, y),
    "vmap of grad inside": at(vmap(grad(energy)), a, b),
    "jvp inside": at(lambda z: jvp(hourglass, (z,), (z.sin(),))[1], x, y),
    "vjp inside": at(lambda z: vjp(hourglass, z)[1](z)[0], x, y),
    "jacrev inside": at(lambda z: jacrev(hourglass)(z) @ z, x, y),
    "jacfwd inside": at(lambda z: jacfwd(hourglass)(z) @ z, x, y),
    "hessian inside": at(lambda z: hessian(energy)(z).sum(0), x, y),
    "jacobian inside": at(lambda z: jacobian(hourglass)(z) @ z, x, y),
    "planned inside": at(lambda z: jacobian(hourglass, mode="planned")(z).sum(0), x, y),
    "value_and_jacobian inside": at(lambda z: value_and_jacobian(hourglass)(z)[1] @ z, x, y),
    "a Newton step": at(lambda z: torch.linalg.solve(jacrev(lambda u: u**3 + u)(z), z**3 + z), x, y),
    "autograd inside": at(forces_of_autograd, x, y),
    "functionalize inside": at(torch.func.functionalize(lambda z: z.clone().mul_(2).sin()), x, y),
    "checkpointed grad": at(grad(lambda z: torch.utils.checkpoint.checkpoint(energy, z, use_reentrant=False)), x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)


def test_compiled_around():
    torch.compiler.reset()
    compiled = torch.compile(jacobian(hourglass), backend="eager")
    for point in (x, y, x):
        torch.testing.assert_close(compiled(point), jacrev(hourglass)(point))


def test_of_a_compiled_function():
    torch.compiler.reset()
    derivative = jacobian(torch.compile(hourglass, backend="eager"))
    for point in (x, y, x):
        torch.testing.assert_close(derivative(point), jacrev(hourglass)(point))


def test_three_deep():
    deep = jacobian(jacobian(jacobian(energy)))
    for point in (x, y, x):
        torch.testing.assert_close(deep(point), jacrev(jacrev(jacrev(energy)))(point))
