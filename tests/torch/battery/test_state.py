"""What a function reads and what changes of it between calls: the answer is that of the library's own function now."""

import torch
from torch_judge import as_torch_does, at, numbers, seeded

nn = torch.nn
x, y = numbers(5), numbers(5)


def network(seed=0):
    return seeded(lambda: nn.Sequential(nn.Linear(5, 2), nn.Tanh(), nn.Dropout(0.5), nn.Linear(2, 5)), seed).eval()


def a_program(function, *changes, **more):
    return at(function, x, y, changes=changes, **more)


def in_place(tensor):
    def change():
        with torch.no_grad():
            tensor.mul_(1.5)

    return change


loaded, replaced, rescaled, toggled, swapped, hooked, frozen = (network(seed) for seed in range(7))
normed = seeded(lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3))).eval()
scale, table, numbers_of_python = numbers(5), {"factor": numbers(5), "power": 2}, [2.0, 3.0]
shape = {"rows": (5, 1)}


class Settings:
    """An object whose attributes change."""

    factor, flag = 2.0, True

    def __call__(self, z):
        return z.sin() * self.factor if self.flag else z**2


class Named:
    """A class whose attributes change."""

    factor, power = 2.0, 2

    def __call__(self, z):
        return z**self.power


class Slotted:
    """An object without a dict."""

    __slots__ = ("weights",)


settings, slotted = Settings(), Slotted()
slotted.weights = numbers(5)
current = [torch.sin]
offset = 1.0


def reads_a_global(z):
    return z * offset


def change_the_global():
    global offset
    offset += 1.0


def with_a_hook(module, given, result):
    return result * 2


def nonlocal_pair():
    factor = 1.0

    def function(z):
        return z * factor

    def change():
        nonlocal factor
        factor += 0.5

    return function, change


by_a_variable, change_the_variable = nonlocal_pair()


def defaulted(z, factor=scale):
    return z * factor


PROGRAMS = {
    "load_state_dict by assignment": a_program(
        loaded, lambda: loaded.load_state_dict({name: 2 * value for name, value in loaded.state_dict().items()}, assign=True)
    ),
    "load_state_dict by copying": a_program(
        loaded, lambda: loaded.load_state_dict({name: 2 * value for name, value in loaded.state_dict().items()})
    ),
    "a replaced Parameter": a_program(lambda z: replaced(z), lambda: setattr(replaced[0], "weight", nn.Parameter(numbers(2, 5)))),
    "a deleted bias": a_program(replaced, lambda: setattr(replaced[3], "bias", None)),
    "a Parameter changed in place": a_program(rescaled, in_place(rescaled[0].weight), in_place(rescaled[3].bias)),
    "data that are set": a_program(rescaled, lambda: setattr(rescaled[0].weight, "data", numbers(2, 5))),
    "the training flag": a_program(toggled, toggled.train, toggled.eval),
    "the training flag inside": a_program(lambda z: toggled(z), lambda: toggled[2].train(), lambda: toggled[2].eval()),
    "a module that is swapped": a_program(
        swapped, lambda: swapped.__setitem__(1, nn.Sigmoid()), lambda: swapped.append(nn.Softplus()), lambda: swapped.pop(1)
    ),
    "hooks": a_program(hooked, lambda: hooked[0].register_forward_hook(with_a_hook), lambda: hooked[0]._forward_hooks.clear()),
    "a hook before": a_program(hooked, lambda: hooked[3].register_forward_pre_hook(lambda _, given: (given[0] * 3,))),
    "parameters that are frozen": a_program(frozen, lambda: frozen.requires_grad_(False), frozen.requires_grad_),
    "a dropout rate": a_program(toggled, toggled.train, lambda: setattr(toggled[2], "p", 0.1), toggled.eval),
    "buffers changed in place": at(
        normed, numbers(4, 5), numbers(4, 5), changes=(in_place(normed[1].running_mean), in_place(normed[1].running_var))
    ),
    "a buffer that is replaced": at(
        normed, numbers(4, 5), numbers(4, 5), changes=(lambda: setattr(normed[1], "running_mean", numbers(3)),)
    ),
    "the eps of a norm": at(normed, numbers(4, 5), numbers(4, 5), changes=(lambda: setattr(normed[1], "eps", 0.5),)),
    "a tensor of a closure": a_program(lambda z: z * scale, in_place(scale)),
    "a tensor in a dict": a_program(
        lambda z: z ** table["power"] * table["factor"],
        in_place(table["factor"]),
        lambda: table.update(factor=numbers(5), power=3),
    ),
    "a list of numbers": a_program(
        lambda z: z * numbers_of_python[0] ** len(numbers_of_python),
        lambda: numbers_of_python.append(1.0),
        numbers_of_python.reverse,
    ),
    "attributes of an object": a_program(
        settings, lambda: setattr(settings, "factor", 5.0), lambda: setattr(settings, "flag", False)
    ),
    "attributes of a class": a_program(Settings(), lambda: setattr(Settings, "factor", 7.0)),
    "an attribute of a class that it names": a_program(lambda z: z * Named.factor, lambda: setattr(Named, "factor", 7.0)),
    "a class whose objects it makes": a_program(lambda z: Named()(z), lambda: setattr(Named, "power", 3)),
    "a slot": a_program(lambda z: z * slotted.weights, lambda: setattr(slotted, "weights", numbers(5))),
    "a function in a list": a_program(lambda z: current[0](z), lambda: current.__setitem__(0, torch.cos)),
    "a global": a_program(reads_a_global, change_the_global, change_the_global),
    "a variable of a closure": a_program(by_a_variable, change_the_variable, change_the_variable),
    "a default": a_program(defaulted, lambda: setattr(defaulted, "__defaults__", (numbers(5),))),
    "a shape in a tuple": a_program(lambda z: z.reshape(shape["rows"]) * z, lambda: shape.update(rows=(1, 5))),
    "the default dtype": a_program(
        lambda z: z * torch.ones(5).mul(0.1),
        lambda: torch.set_default_dtype(torch.float64),
        lambda: torch.set_default_dtype(torch.float32),
    ),
}

test_as_torch_does = as_torch_does(PROGRAMS)
