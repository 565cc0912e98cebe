"""Functions of single entries, alone and around a narrow place."""

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(5), numbers(5)
p, q = x.abs() + 0.5, y.abs() + 0.5
u, v = torch.tanh(x) * 0.9, torch.tanh(y) * 0.9
into, out = numbers(9, 2), numbers(2, 9)
wide, other = numbers(9), numbers(9)

PROGRAMS = {
    "a polynomial": at(lambda z: z**3 - 2 * z**2 + z, x, y),
    "trigonometric": at(lambda z: torch.sin(z) * torch.cos(2 * z) + torch.tan(z / 4), x, y),
    "inverse trigonometric": at(lambda z: torch.asin(z) + torch.acos(z) * torch.atan(z), u, v),
    "hyperbolic": at(lambda z: torch.sinh(z) / torch.cosh(z) + torch.atanh(z / 9), x, y),
    "exponentials and logarithms": at(lambda z: torch.exp(-z) + torch.log1p(z) * torch.log2(z) + torch.expm1(z), p, q),
    "roots and reciprocals": at(lambda z: z.sqrt() + z.rsqrt() + z.reciprocal(), p, q),
    "absolute values and signs": at(lambda z: z.abs() * z.sign() + torch.copysign(z, -z), x, y),
    "floor, ceil, round, frac": at(lambda z: z * z.floor() + z.ceil() + z.round() + z.frac(), x, y),
    "clamps": at(lambda z: z.clamp(-0.5, 0.5) + z.clamp(min=0) * z.clamp_max(1), x, y),
    "where by a comparison": at(lambda z: torch.where(z > 0, z.sin(), z**2), x, y),
    "maximum and minimum": at(lambda z: torch.maximum(z, z.flip(0)) + torch.minimum(z, torch.zeros_like(z)), x, y),
    "powers of two tensors": at(lambda z, k: z**k + k**z, (p, q), (q, p), argnums=(0, 1)),
    "atan2 and hypot": at(lambda z, k: torch.atan2(z, k) + torch.hypot(z, k), (x, q), (y, p), argnums=(0, 1)),
    "fmod and remainder": at(lambda z: torch.fmod(z, 0.7) + torch.remainder(z, 0.3), x, y),
    "lerp and addcmul": at(lambda z: torch.lerp(z, z**2, 0.3) + torch.addcmul(z, z, z, value=2), x, y),
    "addcdiv": at(lambda z: torch.addcdiv(z, z, 1 + z**2, value=0.5), x, y),
    "logaddexp and xlogy": at(lambda z: torch.logaddexp(z, 2 * z) + torch.xlogy(z, 1 + z**2), x, y),
    "nan_to_num": at(lambda z: torch.nan_to_num(z.sqrt(), nan=0.5) * z, p, q),
    "masked entries that are set": at(lambda z: z.masked_fill(z < 0, 2.0) * z, x, y),
    "an hourglass": at(lambda z: torch.tanh(z @ into).sigmoid() @ out, wide, other),
    "a diagonal around an hourglass": at(lambda z: torch.exp(-(((torch.sin(z) @ into) @ out) ** 2)), wide, other),
    "a skip of an hourglass": at(lambda z: 3 * z + torch.tanh(z @ into) @ out, wide, other),
    "constant in its input": at(lambda z: torch.ones_like(z) * 3, x, y),
    "its own input": at(lambda z: z, x, y),
    "broadcasting from a scalar": at(lambda z: z * torch.arange(4.0, dtype=torch.float64), x[0], y[0]),
    "heaviside and a step": at(lambda z: torch.heaviside(z, z.new_tensor(0.5)) * z, x, y),
    "square, neg, positive": at(lambda z: +(-z.square()) + z.neg(), x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)
