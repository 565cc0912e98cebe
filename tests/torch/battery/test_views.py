"""Views, reshapes, and what is put together of parts."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(6), numbers(6)
a, b = numbers(3, 4), numbers(3, 4)
cube, other = numbers(2, 3, 4), numbers(2, 3, 4)
into, out = numbers(12, 2), numbers(2, 12)

PROGRAMS = {
    "reshape and transpose": at(lambda z: z.reshape(2, 6).T.reshape(4, 3) ** 2, a, b),
    "view around an hourglass": at(lambda z: (torch.tanh(z.view(-1) @ into) @ out).view(4, 3), a, b),
    "permute and movedim": at(lambda z: z.permute(2, 0, 1).movedim(0, 1).sin(), cube, other),
    "expand and repeat": at(lambda z: z[None].expand(2, 6) * z.repeat(2, 1), x, y),
    "repeat_interleave and tile": at(lambda z: z.repeat_interleave(2) * z.tile(2), x, y),
    "squeeze and unsqueeze": at(lambda z: z.unsqueeze(0).unsqueeze(2).squeeze(0).squeeze() ** 2, x, y),
    "flatten and unflatten": at(lambda z: z.flatten(1).unflatten(1, (6, 2)).sum(2), cube, other),
    "cat of parts": at(lambda z: torch.cat([z[:2] ** 2, z, z[3:].sin()]), x, y),
    "stack and its rows": at(lambda z: torch.stack([z, z**2, z.sin()], 1), x, y),
    "split and chunk": at(lambda z: z.split([1, 5])[1] * torch.cat(z.chunk(2)[::-1])[:5], x, y),
    "hstack, vstack, dstack": at(
        lambda z: torch.hstack([z, z]) + torch.vstack([z, z]).sum(0).sum() + torch.dstack([z, z]).sum(), x, y
    ),
    "roll and flip": at(lambda z: z.roll(1, 0) * z.flip(1), a, b),
    "rot90": at(lambda z: torch.rot90(z) ** 2, a, b),
    "as_strided windows": at(lambda z: z.as_strided((3, 4), (1, 1)).sin(), x, y),
    "unfold": at(lambda z: z.unfold(0, 3, 1) ** 2, x, y),
    "narrow and select": at(lambda z: z.narrow(1, 1, 2) * z.select(0, 1)[:2], a, b),
    "broadcast_to and meshgrid": at(lambda z: torch.meshgrid(z, z**2, indexing="ij")[0] * z.broadcast_to(6, 6), x, y),
    "cartesian_prod": at(lambda z: torch.cartesian_prod(z[:2], z[2:]) ** 2, x, y),
    "block_diag": at(lambda z: torch.block_diag(z[:2, :2], z[2:] ** 2), a, b),
    "kron": at(lambda z: torch.kron(z[:2, :2], z[:1]), a, b),
    "pad by a constant": at(lambda z: torch.nn.functional.pad(z, (1, 2, 0, 1)) ** 2, a, b),
    "pad by reflection and circularly": at(
        lambda z: (
            torch.nn.functional.pad(z[None], (2, 1), mode="reflect") + torch.nn.functional.pad(z[None], (2, 1), mode="circular")
        ),
        x,
        y,
    ),
    "tensor_split and swapaxes": at(lambda z: z.swapaxes(0, 1).tensor_split(3)[0] ** 2, a, b),
    "view_as_complex and back": at(lambda z: torch.view_as_real(torch.view_as_complex(z.view(3, 2)) ** 2), x, y),
    "contiguous after a transposition": at(lambda z: z.mT.contiguous().view(-1) ** 2, a, b),
    "pixel_shuffle": at(lambda z: torch.nn.functional.pixel_shuffle(z.reshape(1, 4, 1, 3) ** 2, 2), a, b),
    "a result that is empty": at(lambda z: z[:0] * 2, x, y),
    "an argument that is empty": at(lambda z: torch.cat([z, torch.ones(2, dtype=z.dtype)]), x[:0], y[:0]),
}

test_as_torch_does = as_torch_does(PROGRAMS)
