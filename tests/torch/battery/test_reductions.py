"""Sums, means, norms, extreme values, and what is cumulated."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(6), numbers(6)
a, b = numbers(3, 4), numbers(3, 4)
into, out = numbers(12, 2), numbers(2, 12)

PROGRAMS = {
    "a sum": at(lambda z: z.sum(), x, y),
    "a mean by rows, kept": at(lambda z: z - z.mean(1, keepdim=True), a, b),
    "a product": at(lambda z: z.prod(), x, y),
    "a product by columns": at(lambda z: z.prod(0), a, b),
    "variance and deviation": at(lambda z: torch.stack([z.var(), z.std(unbiased=False)]), x, y),
    "var_mean by rows": at(lambda z: torch.var_mean(z, 1), a, b),
    "norms": at(lambda z: torch.stack([z.norm(), z.norm(1), z.norm(3), z.norm(float("inf"))]), x, y),
    "a matrix norm": at(lambda z: torch.linalg.norm(z), a, b),
    "logsumexp": at(lambda z: torch.logsumexp(z, 0), a, b),
    "max and where it is": at(lambda z: z.max(1).values * z.argmax(1), a, b),
    "min of all": at(lambda z: z.min() + z.amin() + z.amax(), a, b),
    "median": at(lambda z: z.median(0).values, a, b),
    "quantile": at(lambda z: torch.quantile(z, 0.3), x, y),
    "cumsum and cumprod": at(lambda z: z.cumsum(0) + z.cumprod(0), x, y),
    "cummax": at(lambda z: torch.cummax(z, 0).values, x, y),
    "logcumsumexp": at(lambda z: torch.logcumsumexp(z, 0), x, y),
    "differences": at(lambda z: torch.diff(z) ** 2, x, y),
    "trapezoid": at(lambda z: torch.trapezoid(z**2, dx=0.1), x, y),
    "moments around an hourglass": at(lambda z: torch.tanh(z.ravel() @ into) @ out + z.mean(), a, b),
    "all and any as factors": at(lambda z: z * (z > -9).all() + z * (z > 9).any(), x, y),
    "count_nonzero as a factor": at(lambda z: z * torch.count_nonzero(z > 0), x, y),
    "a centred and scaled matrix": at(lambda z: (z - z.mean(0)) / (z.std(0) + 1), a, b),
    "several sums in a tuple": at(lambda z: (z.sum(0), z.sum(1), z.sum()), a, b),
    "renorm": at(lambda z: torch.renorm(z, 2, 0, 1.0), a, b),
}

test_as_torch_does = as_torch_does(PROGRAMS)
