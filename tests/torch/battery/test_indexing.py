"""Gathers, scatters, masks, and slices of all kinds."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(6), numbers(6)
a, b = numbers(4, 5), numbers(4, 5)
places = torch.tensor([0, 3, 3, 5])
other_places = torch.tensor([5, 1, 0, 0])
rows, columns = torch.tensor([0, 2, 1]), torch.tensor([4, 4, 0])
grid = torch.tensor([[0, 1, 2], [3, 0, 0], [1, 1, 1], [2, 3, 3]])
apart = torch.tensor([[0, 1, 2], [3, 0, 4], [1, 4, 3], [2, 3, 0]])
mask = torch.tensor([True, False, True, True, False, True])

PROGRAMS = {
    "a slice with a step": at(lambda z: z[1::2] * z[:3], x, y),
    "an index tensor": at(lambda z: z[places] ** 2, x, y),
    "another index at each call": at(lambda z, i: z[i] ** 2, (x, places), (y, other_places)),
    "a pair of index tensors": at(lambda z: z[rows, columns].sin(), a, b),
    "a mask that is given": at(lambda z: z[mask] ** 2, x, y),
    "None and Ellipsis": at(lambda z: z[..., None] * z[None, ..., 2:3], x, y),
    "an int picks a row": at(lambda z: z[1] * z[-1], a, b),
    "gather": at(lambda z: torch.gather(z, 1, grid) ** 2, a, b),
    "take and take_along_dim": at(lambda z: torch.take(z, places) + torch.take_along_dim(z, grid, 1)[:, 0], a, b),
    "index_select": at(lambda z: z.index_select(1, torch.tensor([0, 0, 4])) ** 3, a, b),
    "index_add": at(lambda z: torch.zeros(6, dtype=z.dtype).index_add(0, places, z[:4] ** 2), x, y),
    "index_copy": at(lambda z: (z * 2).index_copy(0, torch.tensor([0, 2]), z[:2].sin()), x, y),
    "index_fill": at(lambda z: (z**2).index_fill(0, torch.tensor([1, 4]), 3.0), x, y),
    "index_put with accumulation": at(lambda z: (z * 1).index_put((places,), z[:4], accumulate=True), x, y),
    "scatter": at(lambda z: torch.zeros(4, 5, dtype=z.dtype).scatter(1, apart, z[:, :3] ** 2), a, b),
    "scatter_add": at(lambda z: z.scatter_add(1, grid, z[:, :3].sin()), a, b),
    "scatter_reduce by amax": at(lambda z: z.scatter_reduce(1, grid, z[:, 2:], "amax"), a, b),
    "masked_scatter": at(lambda z: torch.ones(6, dtype=z.dtype).masked_scatter(mask, z**2), x, y),
    "select_scatter and slice_scatter": at(lambda z: (z * 2).select_scatter(z[0] ** 2, 0, 1).slice_scatter(z[:2], 0, 2), a, b),
    "diagonal_scatter": at(lambda z: (z.outer(z)).diagonal_scatter(z.sin()), x, y),
    "triu and tril": at(lambda z: torch.triu(z, 1) * 2 + torch.tril(z) ** 2, a, b),
    "diagonals": at(lambda z: torch.diagonal(z, 1) + torch.diag_embed(z)[..., 0, 0].sum(), a, b),
    "diag there and back": at(lambda z: torch.diag(torch.diag(z) ** 2).sum(0), x, y),
    "unbind and pick": at(lambda z: z.unbind(0)[2] * z.unbind(1)[0].sum(), a, b),
    "bucketize as a factor": at(lambda z: z * torch.bucketize(z, torch.tensor([-1.0, 0.0, 1.0], dtype=z.dtype)), x, y),
    "a one-hot product": at(lambda z: torch.nn.functional.one_hot(places, 6).to(z.dtype) @ z**2, x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)
