"""Sparse plus low rank in PyTorch: the triple is the Jacobian, and its rank is that of what makes it dense."""

import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional

from chainopt import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.torch import hessian, jacobian
from chainopt.torch.narrow import LinearGraphs
from chainopt.torch.narrow.factors import Factors
from chainopt.torch.sparse import RecordedFunction

N = 24
F64 = torch.float64
LEFT, RIGHT = (torch.as_tensor(np.random.default_rng(5).normal(size=shape)) for shape in ((N, 3), (3, N)))
WEIGHTS = torch.nn.Parameter(torch.linspace(0.5, 1.5, N, dtype=F64))
NORM = torch.nn.BatchNorm1d(4, dtype=F64).eval()
NORM.running_mean[1], NORM.running_var[2] = 0.5, 2.0
FIRST, CROSS = torch.arange(12), torch.as_tensor([0.0, 0.0, 1.0] * 8, dtype=F64)


def stencil(x):
    return 0.1 * (x.roll(-1) - 2 * x + x.roll(1)) - x * (x.roll(-1) - x.roll(1))


def normalized(x):
    return NORM(x.reshape(-1, 4)).ravel()


def written(x):
    made = torch.zeros_like(x)
    made[:12] = x[:12]
    made[FIRST] *= x.sum()
    return made


FUNCTIONS = {
    "stencil and mean": (lambda x: stencil(x) + (x**2).mean(), 1),
    "two global terms": (lambda x: stencil(x) * torch.exp(-(x**2).mean()) + x.logsumexp(0), 2),
    "unit vector": (lambda x: x / x.norm(), 1),
    "normalize": (lambda x: functional.normalize(x, dim=0), 1),
    "softmax": (lambda x: x.softmax(0), 1),
    "log_softmax": (lambda x: x.log_softmax(0), 1),
    "standardized": (lambda x: (x - x.mean()) / x.std(), 2),
    "layer norm": (lambda x: functional.layer_norm(x, (N,), CROSS, CROSS), 2),
    "group norm": (lambda x: functional.group_norm(x.reshape(1, 4, 6), 2).ravel(), 4),
    "integral": (lambda x: stencil(x) * torch.trapezoid(x**2), 1),
    "largest entry": (lambda x: x / x.max() + x.amin(), 2),
    "three terms, one variable": (lambda x: stencil(x) * (x.mean() * x.max() + x.norm()), 1),
    "a projection": (lambda x: stencil(x) + LEFT @ torch.tanh(RIGHT @ x), 3),
    "softmax of two rows": (lambda x: x.reshape(2, -1).softmax(-1).ravel(), 2),
    "parameters": (lambda x: x * WEIGHTS * (WEIGHTS * x).sum(), 1),
    "written": (written, 1),
    "padded by itself": (lambda x: functional.pad(x[None], (1, 1), mode="circular")[0, :N] * x.sum(), 1),
    "a cosine": (lambda x: functional.cosine_similarity(x, x.roll(1), dim=0) * x, 1),
    "detached": (lambda x: x * x.detach().sum() + x.sum(), 1),
    "a variance and a mean": (lambda x: torch.var_mean(x)[0] * x + torch.var_mean(x)[1] ** 2, 2),
    "batch norm in eval mode": (lambda x: normalized(x) * x.norm(), 1),
    "the same alone": (lambda x: normalized(x).sin(), 0),
    "sparse": (stencil, 0),
    "arrowhead": (lambda x: torch.cat([(x**2).sum()[None], (x.sin() * x[0])[1:]]), 0),
    "constant": (lambda x: torch.ones(7, dtype=F64) + 0 * x[:7].long(), 0),
}


def point(size=N, seed=0, dtype=F64):
    return torch.as_tensor(np.random.default_rng(seed).uniform(0.5, 1.5, size)).to(dtype)


def whole(triple):
    sparse, left, right = triple
    return sparse.to_dense() + left @ right


def assert_as_jacfwd(triple, function, x, scale=1.0):
    expected = torch.func.jacfwd(function)(x).detach()
    torch.testing.assert_close(whole(triple).detach(), expected, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_as_jacfwd(name):
    function, rank = FUNCTIONS[name]
    prepared = jacobian(function, sparse="low-rank").prepare(point())
    for seed in range(3):  # called, recorded, replayed
        sparse, left, right = triple = prepared(point(seed=seed))
        assert sparse.is_coalesced()
        places = [tuple(place) for place in sparse.indices().T.tolist()]
        assert places == sorted(set(places))
        assert (left.shape[1], right.shape) == (rank, (rank, N))
        assert_as_jacfwd(triple, function, point(seed=seed))
    assert prepared.colors.products <= 4
    assert prepared.pattern.nnz <= 4 * N


def some_function(rng):
    """Return a random function of stencils and global terms, some of which depend on others."""
    weights = [torch.as_tensor(rng.uniform(0.5, 1.5, N)) for _ in range(4)]
    reduce = [torch.sum, torch.mean, lambda x: x.sin().max(), torch.linalg.norm, lambda x: x.logsumexp(0), torch.std]
    scale = [torch.tanh, torch.sin, lambda s: 1 / (2 + s**2), torch.exp, lambda s: s]
    picks = [(reduce[rng.integers(6)], scale[rng.integers(5)], int(rng.integers(3))) for _ in range(rng.integers(1, 4))]
    shift, rows = int(rng.integers(1, 4)), torch.as_tensor(rng.permutation(N)[: int(rng.integers(15, N + 1))])

    def function(x):
        y = x * x.roll(shift) * weights[0]
        for place, (reduced, scaled, how) in enumerate(picks):
            s = scaled(reduced(y * weights[place + 1]) / N)
            y = [lambda y, s: y + s, lambda y, s: y * s, lambda y, s: (y - s).sin() + x * s][how](y, s)
        return y[rows] + y.roll(1)[rows]

    return function, len(picks)


@pytest.mark.parametrize("seed", range(5))
def test_random_functions(seed):
    function, terms = some_function(np.random.default_rng(seed))
    x = point(seed=seed)
    triple = jacobian(function, sparse="low-rank")(x)
    assert_as_jacfwd(triple, function, x, float(torch.func.jacfwd(function)(x).abs().max()))
    assert triple[1].shape[1] <= 2 * terms  # that of a standard deviation has a mean in it
    assert triple[0].values().numel() < 12 * N


def scaled(x):
    return torch.sin(x) * x.flip(0) * (x**2).sum() + functional.layer_norm(x, (N,))


def normalized_twice(x):
    return normalized(x) * x.norm()


@pytest.mark.parametrize("function", [scaled, normalized_twice, lambda x: x.softmax(0), lambda x: functional.normalize(x, dim=0)])
def test_under_transformations_and_autograd(function):
    prepared, x = jacobian(function, sparse="low-rank").prepare(point()), point(seed=2)
    batch = torch.stack([point(seed=seed) for seed in range(3)])
    found = torch.func.vmap(prepared.nonzeros)(batch)
    for place, each in enumerate(batch):
        sparse, left, right = prepared(each)
        for one, other in zip(found, (sparse.values(), left, right), strict=True):
            torch.testing.assert_close(one[place], other)
    inside = torch.func.vmap(lambda each: jacobian(function, sparse="low-rank").prepare(each).nonzeros(each))
    torch.testing.assert_close(inside(batch), found)
    expected = torch.func.grad(lambda x: (torch.func.jacrev(function)(x) ** 3).sum())(x)
    torch.testing.assert_close(torch.func.grad(lambda x: (whole(prepared(x)) ** 3).sum())(x), expected)
    for _ in range(3):
        given = x.clone().requires_grad_()
        (whole(prepared(given)) ** 3).sum().backward()
        torch.testing.assert_close(given.grad, expected)
        prepared(x)
    compiled = torch.compile(lambda x: whole(prepared(x)) * 2, backend="eager")
    torch.testing.assert_close(compiled(x), 2 * torch.func.jacrev(function)(x))
    with torch.inference_mode():
        torch.testing.assert_close(whole(prepared(x)), torch.func.jacrev(function)(x))


def test_pytrees_several_arguments_and_auxiliary_data():
    def function(x, scale, y):
        mean = x["a"].mean() * (y**2).mean()
        return {"rows": x["a"].reshape(4, 6) * mean * scale, "few": (y + mean)[:3]}, {"mean": mean, "word": "here"}

    x, y = {"a": point()}, point(30, 1)
    call = jacobian(function, (0, 2), has_aux=True, sparse="low-rank", chunk_size=2).prepare(x, 3.0, y)
    (sparse, left, right), aux = call(x, 3.0, y)
    expected, _ = torch.func.jacrev(lambda x, y: (function(x, 3.0, y)[0], y), (0, 1), has_aux=True)(x, y)
    assert (aux["mean"], aux["word"]) == (function(x, 3.0, y)[1]["mean"], "here")
    for key, tail in (("rows", (4, 6)), ("few", (3,))):
        assert left[key].shape == (*tail, 1)
        for number, one in enumerate((right[0]["a"], right[1])):
            assert one.shape == (1, (N, 30)[number])
            block = (sparse[key][0]["a"], sparse[key][1])[number]
            given = (expected[key][0]["a"], expected[key][1])[number]
            torch.testing.assert_close(block.to_dense() + left[key] @ one, given, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("inside", "outside"), [(torch.float32, torch.float32), (torch.float32, F64), (torch.bfloat16, F64)])
def test_dtypes_are_those_of_the_inputs(inside, outside):
    def function(x):
        return (stencil(x) + (x**2).mean()).to(outside)

    x = point(dtype=inside)
    triple, expected = jacobian(function, sparse="low-rank")(x), torch.func.jacrev(function)(x)
    assert {part.dtype for part in triple} == {inside} == {expected.dtype}
    tolerance = 10 * torch.finfo(inside).eps
    torch.testing.assert_close(whole(triple), expected, rtol=tolerance, atol=tolerance)


def test_hessians():
    def energy(x):
        return ((x[1:] - x[:-1]) ** 4).sum() + x.sin().sum() ** 2

    call = hessian(energy, sparse="low-rank").prepare(point())
    for seed in range(3):
        sparse, left, right = call(point(seed=seed))
        assert left.shape == (N, 1)
        assert sparse.values().numel() == 3 * N - 2
        expected = torch.func.hessian(energy)(point(seed=seed))
        torch.testing.assert_close(whole((sparse, left, right)), expected, rtol=1e-12, atol=1e-12)


class Scaled(torch.nn.Module):
    def __init__(self, *parameters):
        super().__init__()
        self.one, self.other = map(torch.nn.Parameter, parameters)
        self.band = torch.eye(parameters[0].numel(), dtype=torch.float64)

    def forward(self, x):
        return self.one * (self.other * x).sum() + self.band @ x


@pytest.mark.parametrize("calls", [1, 3])
def test_what_the_function_reads_may_change(calls):
    module = Scaled(point(seed=1), point(seed=2))
    derivative = jacobian(module, sparse="low-rank")

    def as_before():
        for _ in range(calls):
            assert_as_jacfwd(derivative(point()), module, point())

    as_before()
    with torch.no_grad():
        module.one.mul_(2)  # the numbers
    as_before()
    module.one = torch.nn.Parameter(point(seed=5))  # the tensor
    as_before()
    module.one, module.other = module.other, module.one
    as_before()
    module.band[0, 1] = 3.0  # the pattern
    as_before()
    module.band = torch.eye(N, dtype=F64).roll(2, 0)
    as_before()
    module.train(mode=False)
    as_before()


def test_prepared_says_what_has_changed():
    module = Scaled(point(seed=1), point(seed=2))
    prepared = jacobian(module, sparse="low-rank").prepare(point())
    module.one = torch.nn.Parameter(point(seed=5))
    with pytest.raises(ChainError, match="prepare it anew"):
        prepared(point())


def test_gradients_of_parameters():
    module = Scaled(point(seed=1), point(seed=2))
    (whole(jacobian(module, sparse="low-rank")(point())) ** 2).sum().backward()
    found = module.one.grad
    module.one.grad = None
    expected = torch.func.jacrev(lambda one: (torch.outer(one, module.other) + module.band).pow(2).sum())(module.one)
    torch.testing.assert_close(found, expected)


def test_what_is_prepared_can_be_pickled_and_shown():
    prepared = jacobian(stencil_and_mean, sparse="low-rank").prepare(point())
    assert "Coloring(3 JVPs of 24 columns)" in repr(prepared)
    again = pickle.loads(pickle.dumps(prepared))  # noqa: S301 -- our own
    for one, other in zip(again(point()), prepared(point()), strict=True):
        assert torch.equal(one.to_dense(), other.to_dense())


def stencil_and_mean(x):
    return stencil(x) + x.mean()


class Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x - x.mean()

    @staticmethod
    def backward(ctx, given):  # noqa: ARG004
        return given - given.mean()


@pytest.mark.parametrize(
    ("function", "culprit"),
    [
        (lambda x: x.cumsum(0), "cumsum"),
        (lambda x: torch.tanh(torch.outer(x, x) @ x), "mv"),
        (lambda x: x.sort().values, "sort"),
        (Own.apply, "a rule of its own"),
        (lambda x: x * x.sum() if x.sum() > 0 else x, "depends on the numbers"),
        (lambda x: torch.no_grad()(torch.sum)(x) * x + x.sum(), "sum"),
    ],
)
def test_what_has_no_narrow_variables_is_refused(function, culprit):
    with pytest.raises(ChainError, match=f"no narrow variables.*what makes it dense is.*{culprit}"):
        jacobian(function, sparse="low-rank")(point())
    with pytest.raises(ChainError, match="not sparse") as caught:
        jacobian(function, sparse=True)(point())
    assert "low-rank" not in str(caught.value)


def test_sparse_true_names_low_rank_where_it_would_do():
    with pytest.raises(ChainError, match=r"what makes it dense is _softmax.*take sparse=.low-rank."):
        jacobian(lambda x: x.softmax(0), sparse=True)(point())


def test_what_hides_a_derivative_is_not_differentiated_further():
    def function(x):
        return x * torch.linalg.svdvals(x.reshape(4, 6)).sum()

    prepared = jacobian(function, sparse="low-rank").prepare(point())
    for seed in range(3):
        assert_as_jacfwd(prepared(point(seed=seed)), function, point(seed=seed))
    with pytest.raises(ChainError, match="hides its derivative"):
        prepared(point().requires_grad_())
    with pytest.raises(ChainError, match="hides its derivative"):
        torch.func.grad(lambda x: whole(prepared(x)).sum())(point())
    with torch.no_grad():
        prepared(point().requires_grad_())


def test_factors_that_cannot_be_had(monkeypatch):
    def fails(*_):
        msg = "no derivative"
        raise NotImplementedError(msg)

    monkeypatch.setattr(Factors, "right", fails)
    with pytest.raises(ChainError, match="no narrow variables"):
        jacobian(stencil_and_mean, sparse="low-rank")(point())


def test_a_derivative_that_cannot_be_recorded_is_named(monkeypatch):
    def fails(_):
        msg = "its JVP writes"
        raise UnplannableError(msg)

    monkeypatch.setattr("chainopt.torch.sparse.LinearGraphs", fails)
    with pytest.raises(ChainError, match=r"not known: its JVP writes\. Take sparse=True, or"):
        jacobian(stencil, sparse="low-rank")(point())
    with pytest.raises(ChainError, match=r"_softmax\. Take jacobian"):
        jacobian(lambda x: x.softmax(0), sparse=True)(point())


def test_another_function_is_not_taken_for_the_one_that_was_recorded():
    def recorded(function):
        return RecordedFunction(function, [point()], [], lambda: 1, is_symmetric=False)

    traced = recorded(lambda x: [x * x.sum()])
    graphs = LinearGraphs(traced)
    with pytest.raises(ChainError, match="something else now"):
        LinearGraphs(recorded(lambda x: [x + x.sum()])).first.at(graphs.first, [])
    traced.function = lambda x: [x * x.sum() if x.sum() > 0 else x]
    with pytest.raises(ChainError, match="something else now"):
        graphs.anew()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"pattern": np.eye(N)}, "pattern is given"),
        ({"mode": "forward"}, "mode is 'forward'"),
        ({"low_rank": True}, "low_rank is"),
    ],
)
def test_what_does_not_go_together(options, match):
    with pytest.raises(ChainError, match=match):
        jacobian(stencil, **({"sparse": "low-rank"} | options))
