"""Functions that say what their derivative is, and what hides from it: no_grad, detach, autocast, random numbers."""

import torch
from torch_judge import as_torch_does, at, numbers, seeded

functional, nn = torch.nn.functional, torch.nn
x, y = numbers(5), numbers(5)
wide, other = numbers(20), numbers(20)
into, out = numbers(20, 2, scale=0.3), numbers(2, 20)
dropping = seeded(lambda: nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 6))).train()


class StraightThrough(torch.autograd.Function):
    """Rounds, and lets derivatives pass."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z):
        return z.round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent

    @staticmethod
    def jvp(ctx, tangent):
        return tangent.clone()


class Doubled(torch.autograd.Function):
    """The sine, with twice its derivative, and no forward mode."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z):
        return z.sin()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])

    @staticmethod
    def backward(ctx, cotangent):
        return 2 * cotangent * ctx.saved_tensors[0].cos()


class Clipped(torch.autograd.Function):
    """A product of two, by the second of which the derivative is three times too large."""

    generate_vmap_rule = True

    @staticmethod
    def forward(z, factor):
        return z * factor

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, cotangent):
        z, factor = ctx.saved_tensors
        return (cotangent * factor).clamp(-1, 1), 3 * cotangent * z


class Plain(torch.autograd.Function):
    """Without a rule for batches, and with a context in forward: torch.func refuses it."""

    @staticmethod
    def forward(ctx, z):
        return z * 2

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent * 2


def without_gradients(z):
    with torch.no_grad():
        factor = z.sin()
    return factor * z


def with_gradients_again(z):
    with torch.no_grad(), torch.enable_grad():
        return z.sin() * z


def partly_switched_off(z):
    torch.set_grad_enabled(False)
    factor = z.cos()
    torch.set_grad_enabled(True)
    return factor * z


def in_bfloat16(z):
    with torch.autocast("cpu", torch.bfloat16):
        return (z @ into.float()) @ out.float()


def with_noise(z):
    return z * torch.randn(5, dtype=z.dtype) + torch.rand_like(z)


def a_generator_of_its_own(z):
    return z * torch.rand(5, generator=torch.Generator().manual_seed(3), dtype=z.dtype)


def seeded_inside(z):
    torch.manual_seed(5)
    return z * torch.rand(5, dtype=z.dtype)


PROGRAMS = {
    "straight-through rounding": at(StraightThrough.apply, 3 * x, 3 * y),
    "straight-through in an hourglass": at(lambda z: torch.tanh(StraightThrough.apply(3 * z @ into)) @ out, wide, other),
    "a doubled backward": at(Doubled.apply, x, y),
    "a doubled backward before an hourglass": at(lambda z: torch.tanh(Doubled.apply(z) @ into) @ out, wide, other),
    "a rule of two arguments": at(Clipped.apply, (x, y), (y, x), argnums=(0, 1)),
    "a rule that torch.func refuses": at(Plain.apply, x, y),
    "no_grad": at(without_gradients, x, y),
    "no_grad and enable_grad": at(with_gradients_again, x, y),
    "set_grad_enabled": at(partly_switched_off, x, y),
    "detach": at(lambda z: z.detach() * z.sin(), x, y),
    "detach in an hourglass": at(lambda z: torch.tanh((z @ into).detach() * (z @ into).sin()) @ out, wide, other),
    "stop by a straight sum": at(lambda z: z + (z.round() - z).detach(), x, y),
    "data": at(lambda z: z.data * z.sin(), x, y),
    "clone and requires_grad_": at(lambda z: z.detach().clone().requires_grad_() * z, x, y),
    "autocast inside": at(in_bfloat16, wide.float(), other.float(), tolerance=6e-2),
    "checkpoint": at(
        lambda z: torch.utils.checkpoint.checkpoint(lambda u: torch.tanh(u @ into) @ out, z, use_reentrant=False), wide, other
    ),
    "dropout": at(lambda z: functional.dropout(z * 2, 0.5, training=True), x, y),
    "a module with dropout": at(dropping, x, y),
    "alpha_dropout": at(lambda z: functional.alpha_dropout(z, 0.3, training=True), x, y),
    "dropout that drops nothing": at(lambda z: functional.dropout(z, 0.0, training=True).sin(), x, y),
    "dropout that drops all": at(lambda z: functional.dropout(z, 1.0, training=True) + z, x, y),
    "dropout out of training": at(lambda z: functional.dropout(torch.tanh(z @ into) @ out, 0.5, training=False), wide, other),
    "noise": at(with_noise, x, y),
    "rrelu that is trained": at(lambda z: functional.rrelu(z, training=True), x, y),
    "gumbel_softmax": at(lambda z: functional.gumbel_softmax(z), x, y),
    "a generator of its own": at(a_generator_of_its_own, x, y),
    "a seed inside": at(seeded_inside, x, y),
    "bernoulli and multinomial": at(lambda z: z * torch.bernoulli(z.detach().sigmoid()) * torch.randperm(5), x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)
