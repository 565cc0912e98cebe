"""Pytrees, argnums, further arguments, auxiliary data, and dtypes."""

from collections import OrderedDict, namedtuple

import torch
from torch_judge import as_torch_does, at, numbers

x, y = numbers(4), numbers(4)
into, out = numbers(4, 2), numbers(2, 4)
half, brain = torch.float16, torch.bfloat16
State = namedtuple("State", "place speed")
counts, other_counts = torch.tensor([1, 2, 3, 4]), torch.tensor([4, 0, 1, 1])


def hourglass(z):
    return torch.tanh(z @ into.to(z.dtype)) @ out.to(z.dtype)


def scaled(z, *, factor=2.0, power=1):
    return hourglass(z) * factor**power


def of_two(p, q):
    return p * hourglass(q), q.sum() * p


def with_aux(z):
    return hourglass(z), {"norm": z.norm(), "twice": [2 * z]}


def with_plain_aux(z):
    return hourglass(z), ("text", 3, z.detach().sum())


def moved(state):
    return State(state.place + 0.1 * state.speed, state.speed - 0.1 * state.place.sin())


def mixed(z, w):
    return z * w.to(z.dtype).sum(), z.sum().to(w.dtype) * w


PROGRAMS = {
    "a dict": at(lambda d: {"u": d["p"] * d["q"], "v": hourglass(d["p"])}, ({"p": x, "q": y},), ({"p": y, "q": x},)),
    "a list and a tuple": at(lambda pair: (pair[0] * pair[1][0], [pair[1][0].sin()]), ([x, (y,)],), ([y, (x,)],)),
    "a namedtuple": at(moved, (State(x, y),), (State(y, x),)),
    "an OrderedDict": at(lambda d: OrderedDict(b=d["a"] ** 2), (OrderedDict(a=x),), (OrderedDict(a=y),)),
    "None among the leaves": at(lambda pair: pair[0] * 2 if pair[1] is None else pair[0], ([x, None],), ([y, None],)),
    "None returned beside": at(lambda z: (hourglass(z), None), x, y),
    "a number beside": at(lambda z, scale: hourglass(z) * scale, (x, 2.0), (y, 3.0)),
    "an int beside": at(lambda z, power: z**power, (x, 2), (y, 3)),
    "a bool and a text beside": at(lambda z, flag, how: getattr(z, how)() if flag else z, (x, True, "sin"), (y, False, "cos")),
    "a complex number beside": at(lambda z, w: (z * w).real, (x, 2 + 1j), (y, 1j)),
    "by the second": at(of_two, (x, y), (y, x), argnums=1),
    "by both": at(of_two, (x, y), (y, x), argnums=(0, 1)),
    "by the last, backwards": at(of_two, (x, y), (y, x), argnums=(-1, 0)),
    "a tuple of one": at(of_two, (x, y), (y, x), argnums=(1,)),
    "a keyword": at(scaled, x, y, kwargs={"factor": 3.0, "power": 2}),
    "a tensor as a keyword": at(lambda z, *, weight: hourglass(z) * weight, x, y, kwargs={"weight": y}),
    "auxiliary data": at(with_aux, x, y, has_aux=True),
    "auxiliary data of other kinds": at(with_plain_aux, x, y, has_aux=True),
    "float32": at(hourglass, x.float(), y.float()),
    "float16": at(lambda z: z * z.sum(), x.to(half), y.to(half)),
    "bfloat16": at(hourglass, x.to(brain), y.to(brain)),
    "float64 inside of float32": at(lambda z: hourglass(z.double()).float(), x.float(), y.float()),
    "float32 inside of float64": at(lambda z: hourglass(z.float()).double(), x, y, tolerance=2e-4),
    "a result that is wider": at(lambda z: hourglass(z).double(), x.float(), y.float(), tolerance=2e-4),
    "a result that is narrower": at(lambda z: hourglass(z).float(), x, y, tolerance=2e-4),
    "two precisions": at(mixed, (x, y.float()), (y, x.float()), argnums=(0, 1), tolerance=2e-4),
    "ints beside": at(lambda z, n: z * n + z[n % 4], (x, counts), (y, other_counts)),
    "a result of ints": at(lambda z: (z.sin(), z.argsort()), x, y),
    "a complex argument": at(lambda z: (z * z).real, torch.complex(x, y), torch.complex(y, x)),
    "an argument of ints": at(lambda n: n * 2, counts, other_counts),
    "a transposed argument": at(lambda z: z.reshape(-1) * z.sum(), x.reshape(2, 2).T, y.reshape(2, 2)),
    "an expanded argument": at(lambda z: z.reshape(-1) * z.sum(), x[:2, None].expand(2, 3), y[:2, None].expand(2, 3)),
    "the same tensor twice": at(of_two, (x, x), (x, y), argnums=(0, 1)),
    "the same tensor twice in a dict": at(lambda d: d["p"].sin() * d["q"], ({"p": x, "q": x},), ({"p": x, "q": y},)),
    "a view of the other": at(of_two, (x, x[:]), (x, x.view(4)), argnums=(0, 1)),
    "the tensor that it holds": at(lambda z: z * x.cos(), x, y),
    "both halves of one tensor": at(lambda p, q: p * q.sin(), (x[:2], x[2:]), (y[:2], y[2:]), argnums=(0, 1)),
    "nothing returned": at(lambda z: (), x, y),
}

test_as_torch_does = as_torch_does(PROGRAMS)
