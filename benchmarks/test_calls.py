"""Jacobians as people call them, beside the library's own modes: fresh closures, new numbers, what is not planned."""

import importlib
import itertools

import numpy as np
import pytest

from chainopt.functions.refusals import ENOUGH

pytestmark = pytest.mark.usefixtures("one_blas_thread")
OF_BETTER = "in the time of the better of the library's own modes"
SEEN = 30  # calls after which all that is to be planned or compiled has been


class Library:
    """What is called alike in JAX and in PyTorch."""

    def __init__(self, name):
        library = pytest.importorskip(name)
        self.name, self.jacobian = name, importlib.import_module(f"chainopt.{name}").jacobian
        is_jax = name == "jax"
        self.numpy = library.numpy if is_jax else library
        self.own = library if is_jax else library.func
        self.array = self.numpy.asarray
        self.wait = library.block_until_ready if is_jax else lambda result: result

    def numbers(self, *shape, seed=0):
        """Return an array of random numbers."""
        return self.array(np.random.default_rng(seed).standard_normal(shape).astype(np.float32) / max(shape) ** 0.5)

    def makers(self):
        """Return what makes Jacobian functions, by who it is of."""
        return {"chainopt": self.jacobian, "forward": self.own.jacfwd, "reverse": self.own.jacrev}

    def layers(self, weights):
        """Return a new function that applies one layer after the other."""
        tanh, weights = self.numpy.tanh, [*weights]

        def function(x):
            for weight in weights:
                x = tanh(weight @ x)
            return x

        return function


@pytest.fixture(params=["jax", "torch"])
def library(request):
    return Library(request.param)


def compared(contest, library, group, case, calls, *, rounds=31):
    """Time calls of no arguments, once all have been made a few times; note what chainopt takes of the better of the others."""
    for call in calls.values():
        library.wait(call())
    for _ in range(SEEN):
        library.wait(calls["chainopt"]())
    ready = {who: lambda call=call: library.wait(call()) for who, call in calls.items()}
    medians = contest(f"{group}, {library.name}", case, ready, rounds=rounds)
    ratio = medians["chainopt"] / min(seconds for who, seconds in medians.items() if who != "chainopt")
    contest.cells(OF_BETTER, f"{library.name}: {group}, {case}", {"chainopt": ratio}, "x")


def long_after(first, *others):
    return [first, *(pytest.param(other, marks=pytest.mark.long) for other in others)]


@pytest.mark.parametrize(
    "sizes", long_after((40, 2, 50), (3, 3), (512, 512, 8, 512, 512)), ids=lambda sizes: "-".join(map(str, sizes))
)
@pytest.mark.parametrize("arrays", ["the same arrays", "new arrays"])
def test_a_fresh_closure_on_every_call(contest, library, sizes, arrays):
    weights = [library.numbers(after, before, seed=before) for before, after in itertools.pairwise(sizes)]
    x = library.numbers(sizes[0])

    def fresh():
        return library.layers(weights if arrays == "the same arrays" else [weight * 1 for weight in weights])

    calls = {who: lambda make=make: make(fresh())(x) for who, make in library.makers().items()}
    compared(contest, library, f"a fresh closure over {arrays}", "-".join(map(str, sizes)), calls)


def test_a_new_python_number_on_every_call(contest, library):
    weights = [library.numbers(after, before, seed=before) for before, after in ((40, 2), (2, 50))]
    x, supply, layers = library.numbers(40), itertools.count(1), library.layers(weights)

    def function(x, step):
        return x[:1] + step * layers(x)

    kept = {who: make(function) for who, make in library.makers().items()}
    calls = {who: lambda call=call: call(x, 1 / next(supply)) for who, call in kept.items()}
    compared(contest, library, "a kept function", "a new float on every call", calls)


def not_planned(torch):
    """Functions of PyTorch that are left to `torch.func`, and where."""
    source = torch.Generator().manual_seed(0)
    gru, encoder = torch.nn.GRU(8, 16, batch_first=True), torch.nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0)
    tokens = torch.randn(4, 16, generator=source)
    parameters = {name: value.detach() for name, value in encoder.named_parameters()}
    return {
        "GRU": (lambda x: gru(x.reshape(1, 5, 8))[0][0, -1], torch.randn(40, generator=source)),
        "detach": (lambda x: x.detach() * torch.sin(x), torch.randn(20, generator=source)),
        "an encoder by its parameters": (
            lambda values: torch.func.functional_call(encoder, values, (tokens,)).sum(0),
            parameters,
        ),
        "an encoder by its input": (lambda x: encoder(x).sum(0), tokens),
    }


@pytest.mark.parametrize("name", long_after("detach", "GRU", "an encoder by its parameters", "an encoder by its input"))
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_what_is_not_planned(contest, name):
    library = Library("torch")
    function, x = not_planned(library.numpy)[name]
    derivative, reverse = library.jacobian(function), library.own.jacrev(function)
    assert ENOUGH < SEEN
    compared(contest, library, "what is not planned", name, {"chainopt": lambda: derivative(x), "reverse": lambda: reverse(x)})


def chosen():
    """Functions of JAX of which nothing, or little, is to be gained, and points at which they are differentiated."""
    jnp = pytest.importorskip("jax").numpy
    problems = importlib.import_module("jax_problems")

    def chebyquad(x):
        before, last, means = jnp.ones_like(x), 2 * x - 1, []
        for _ in range(10):
            means.append(last.mean())
            before, last = last, 2 * (2 * x - 1) * last - before
        return jnp.stack(means)

    def fitted(x):
        times = jnp.arange(33) / 10
        return x[0] + x[1] * jnp.exp(-times * x[3]) + x[2] * jnp.exp(-times * x[4])

    def trigonometric(x):
        return x.size - jnp.cos(x).sum() + jnp.arange(1, x.size + 1) * (1 - jnp.cos(x)) - jnp.sin(x)

    points = {name: problem.point(np.float32) for name, problem in problems.NOTHING_TO_GAIN.items() if problem.size < 20}
    functions = {name: problems.NOTHING_TO_GAIN[name].function for name in points}
    own = {
        "chebyquad 10 -> 10": (chebyquad, 10),
        "exponentials 5 -> 33": (fitted, 5),
        "trigonometric 20 -> 20": (trigonometric, 20),
    }
    points |= {name: jnp.linspace(0.2, 0.9, size) for name, (_, size) in own.items()}
    return functions | {name: function for name, (function, _) in own.items()}, points


CHOSEN = ["chebyquad 10 -> 10", "robot arm 7 -> 12", "Roe flux 6 -> 3", "exponentials 5 -> 33", "trigonometric 20 -> 20"]


@pytest.mark.parametrize("name", long_after(*CHOSEN))
def test_the_choice_between_the_pure_modes(contest, short, name):
    library = Library("jax")
    jax = importlib.import_module("jax")
    functions, points = chosen()
    shifts = np.random.default_rng(1).standard_normal((256 if short else 4096, 1)).astype(np.float32) / 1000
    batch = points[name] + shifts
    compiled = {who: jax.jit(jax.vmap(make(functions[name]))) for who, make in library.makers().items()}
    calls = {who: lambda call=call: call(batch) for who, call in compiled.items()}
    compared(contest, library, f"compiled, at {len(shifts):,} points", name, calls)
