"""Tensors that are written to: those that a function makes, and those that it is given."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(6), numbers(6)
into, out = numbers(6, 2), numbers(2, 6)


def shifted_and_doubled(z):
    made = torch.zeros(6, dtype=z.dtype)
    made[1:] += z[:-1]
    made *= 2
    return made.sin()


def entries_in_a_loop(z):
    made = torch.empty_like(z)
    for place in range(len(z)):
        made[place] = z[place] ** (place + 1)
    return made


def through_a_view(z):
    made = z.clone()
    rows = made.view(2, 3)
    rows[0].mul_(rows[1])
    return made


def around_an_hourglass(z):
    made = torch.zeros(6, dtype=z.dtype)
    made[1:] += z[:-1]
    return (torch.tanh(made @ into) @ out).mul_(2).add_(z)


def by_a_mask(z):
    made = z * 2
    made[z.detach() > 0] = 1.0
    return made


def by_an_index(z):
    made = torch.zeros(4, dtype=z.dtype)
    made.index_add_(0, torch.tensor([0, 3, 3]), z[:3])
    made.scatter_(0, torch.tensor([1]), z[5:])
    return made


def into_a_column(z):
    made = torch.zeros(6, 2, dtype=z.dtype)
    made[:, 0] = z
    made[:, 1] = made[:, 0] ** 2
    return made


def after_a_transposition(z):
    made = z.reshape(2, 3).clone()
    made.t_()
    made[0] += 1
    made.transpose_(0, 1)
    return made * 2


def swapped(z):
    made = z.clone()
    made[0], made[1] = made[1].clone(), made[0].clone()
    return made * z


def with_out(z):
    made = torch.empty(6, dtype=z.dtype)
    torch.mul(z, z, out=made)
    return made


def written_arguments(z):
    return z.mul_(2).sin()


def a_list_of_slices(z):
    made = torch.ones(6, dtype=z.dtype)
    for place in range(5):
        made[place + 1] = made[place].clone() * z[place]
    return made


def filled_and_zeroed(z):
    made = z**2
    made[:2].fill_(3)
    made[4:].zero_()
    return made


def on_the_diagonal(z):
    made = torch.zeros(6, 6, dtype=z.dtype)
    made.diagonal().copy_(z**2)
    made.fill_diagonal_(1.0)
    made[0] = z
    return made


def slices_from_the_end(z):
    made = torch.zeros_like(z)
    made[1:-1] = z[2:] - 2 * z[1:-1] + z[:-2]
    made[-3:-1] += z[:2] ** 2
    made[-20:2] *= z[:2]
    made[-4::3] += 1.0
    return made * z


def filled_like_what_is_captured(z):
    made = torch.empty_like(into[:, 0]).fill_(1.0).sub_(out[0])
    return made * z.sin()


PROGRAMS = {
    function.__name__.replace("_", " "): at(function, x, y)
    for function in (
        shifted_and_doubled,
        entries_in_a_loop,
        through_a_view,
        around_an_hourglass,
        by_a_mask,
        by_an_index,
        into_a_column,
        after_a_transposition,
        swapped,
        with_out,
        a_list_of_slices,
        filled_and_zeroed,
        on_the_diagonal,
        slices_from_the_end,
        filled_like_what_is_captured,
    )
} | {"an argument that is written to": at(written_arguments, x, y, writes=True)}

test_as_torch_does = as_torch_does(PROGRAMS)
