"""Orders of entries, and what is read off the data: values, counts, and shapes."""

import functools

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(6), numbers(6)
a, b = numbers(3, 4), numbers(3, 4)
few, many = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), torch.tensor([5.0, 5.0, 7.0], dtype=torch.float64)
ones = torch.ones(20, dtype=torch.float64)


def a_branch(z):
    return z.sin() if z.sum() > 3 else z**2


def while_it_is_large(z):
    while z.norm() > 1:
        z = z / 2
    return z.sin()


def a_loop_over_a_count(z):
    return functools.reduce(lambda done, _: done.sin(), range(int((z > 2.5).sum())), z)


def a_mask_that_is_set(z):
    made = z * 1
    made[z > 2.5] = 0
    return made


PROGRAMS = {
    "sort": at(lambda z: z.sort().values ** 2, x, y),
    "sort downwards, and where": at(lambda z: z.sort(1, descending=True).values * z.argsort(1), a, b),
    "topk": at(lambda z: z.topk(3).values ** 2, x, y),
    "kthvalue and mode": at(lambda z: z.kthvalue(2).values + z.mode().values, x, y),
    "msort and argsort": at(lambda z: torch.msort(z) * z[torch.argsort(z)], x, y),
    "searchsorted as a factor": at(lambda z: z * torch.searchsorted(z.sort().values, z), x, y),
    "unique": at(lambda z: torch.unique(z) ** 2, few, many, derived=False),
    "how many are unique": at(lambda z: z * len(torch.unique(z.detach())), few, many),
    "unique_consecutive": at(lambda z: z * torch.unique_consecutive(z.detach()).shape[0], few, many),
    "tolist": at(lambda z: z * z.tolist()[0], few, many),
    "item": at(lambda z: z * float(z[0].item()), few, many),
    "numpy": at(lambda z: z * float(z.detach().numpy()[0]), few, many),
    "int of an entry as a place": at(lambda z: z[int(z[0]) % 3] * z, few, many),
    "a branch": at(a_branch, few, -many),
    "a branch on the largest entry": at(lambda z: z * 2 if bool(z.argmax() == 2) else z**2, few, few.flip(0)),
    "while it is large": at(while_it_is_large, few, many),
    "a loop over a count": at(a_loop_over_a_count, few, many),
    "numel of a mask": at(lambda z: z * z[z > 4].numel(), few, many),
    "what a mask leaves": at(lambda z: z[z > 1.5] ** 2, few, many),
    "the sum of what a mask leaves": at(lambda z: z[z > 1.5].sum() * ones, few, many),
    "masked_select": at(lambda z: torch.masked_select(z, z > 1.5).prod() * ones, few, many),
    "nonzero": at(lambda z: z[torch.nonzero(z > 1.5)[:, 0]].sin(), few, many),
    "bincount": at(lambda z: z.sin() * torch.bincount(z.detach().long()).numel(), few, many),
    "histc as a weight": at(lambda z: z * torch.histc(z.detach(), 3), few, many),
    "repeat_interleave by the data": at(lambda z: z.repeat_interleave(z.detach().long()), few, many),
    "a mask that is set": at(a_mask_that_is_set, few, many),
    "an assertion on the data": at(lambda z: (torch._assert(z.min() > 0, "negative"), z.log())[1], few, -many),
    "split by the data": at(lambda z: torch.split(z, [int(z[0]) % 3, 3 - int(z[0]) % 3])[1] ** 2, few, many),
}

test_as_torch_does = as_torch_does(PROGRAMS)
