"""Jacobians of PyTorch functions against torch.func.jacfwd, jacrev and a split written by hand, eager and compiled."""

import math
import time
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")

from chainopt.torch import hessian, jacobian  # noqa: E402 -- it needs PyTorch

HAND = "split by hand"


def layers(*sizes, dtype, seed=0):
    source = torch.Generator().manual_seed(seed)
    weights = [torch.randn(shape, generator=source, dtype=torch.float64) / math.sqrt(shape[0]) for shape in pairwise(sizes)]
    weights = [weight.to(dtype) for weight in weights]

    def function(x):
        for weight in weights:
            x = torch.tanh(x @ weight)
        return x

    return function


def composed(*functions):
    def function(x):
        for part in functions:
            x = part(x)
        return x

    return function


def hourglass(size):
    return lambda dtype: (layers(size, size, 8, dtype=dtype), layers(8, size, size, dtype=dtype, seed=1), size)


def resnet(dtype):
    parts = [layers(256, 256, 256, dtype=dtype, seed=seed) for seed in range(3)]
    blocks = [lambda x, part=part: x + part(x) for part in parts]
    return composed(*blocks, layers(256, 8, dtype=dtype, seed=50)), composed(layers(8, 256, dtype=dtype, seed=51), *blocks), 256


def two_branches(dtype):
    one, two = (layers(300, 200, 4, dtype=dtype, seed=seed) for seed in (1, 2))
    out_one, out_two = (layers(4, 200, 300, dtype=dtype, seed=seed) for seed in (1, 2))
    return lambda x: torch.cat([one(x), two(x)]), lambda z: torch.cat([out_one(z[:4]), out_two(z[4:])]), 300


PROBLEMS = {
    "hourglass 512-512-8-512-512": hourglass(512),
    "hourglass 2048-2048-8-2048-2048": hourglass(2048),
    "ResNet of three blocks, cut of 8": resnet,
    "two branches, cut of 4 + 4": two_branches,
}
PRECISIONS = {"float32": (torch.float32, 1e-5), "float64": (torch.float64, 1e-12)}
EAGER = [
    pytest.param(name, precision, marks=[] if name == "hourglass 512-512-8-512-512" else [pytest.mark.long])
    for name in PROBLEMS
    for precision in PRECISIONS
]


def contenders(name, precision):
    dtype, tolerance = PRECISIONS[precision]
    before, after, size = PROBLEMS[name](dtype)
    function = composed(before, after)
    calls = {
        "chainopt.torch": jacobian(function),
        "torch.func.jacfwd": torch.func.jacfwd(function),
        "torch.func.jacrev": torch.func.jacrev(function),
        HAND: lambda x: torch.func.jacfwd(after)(before(x)) @ torch.func.jacrev(before)(x),
    }
    return calls, torch.randn(size, generator=torch.Generator().manual_seed(9), dtype=dtype), tolerance


def assert_equal(calls, x, tolerance):
    expected = calls["torch.func.jacrev"](x)
    for call in calls.values():
        assert float(abs(call(x) - expected).max()) <= tolerance * float(abs(expected).max())


@pytest.mark.parametrize(("name", "precision"), EAGER)
def test_eager(contest, name, precision):
    calls, x, tolerance = contenders(name, precision)
    calls["chainopt.torch"].plan(x)  # at once, and not as soon as calls have taken as long as that takes
    assert_equal(calls, x, tolerance)
    contest(
        "Jacobians of PyTorch functions",
        f"{name}, {precision}",
        {who: lambda c=call: c(x) for who, call in calls.items()},
        rounds=31,
    )


def losses():
    """Functions to one number, and of how many; of the last one nothing is to be gained."""
    features, net = layers(1000, 8, dtype=torch.float32), layers(8, 512, 512, 1, dtype=torch.float32, seed=1)
    narrow = layers(1000, 256, 8, 1, dtype=torch.float32)
    source = torch.Generator().manual_seed(2)
    matrix, design = torch.randn((1000, 8), generator=source) / 30, torch.randn((500, 100), generator=source) / 10
    labels, scores, classes = (design[:, 0] > 0).float(), layers(1000, 8, 64, 3, dtype=torch.float32, seed=3), torch.tensor([2])
    nn = torch.nn.functional
    return {
        "linear 1000-8, tanh 8-512-512-1": (lambda x: net(x @ matrix)[0], 1000),
        "tanh 1000-8-512-512-1": (lambda x: net(features(x))[0], 1000),
        "tanh 1000-256-8-1": (lambda x: narrow(x)[0], 1000),
        "logistic regression, 500 by 100": (lambda x: nn.binary_cross_entropy_with_logits(design @ x, labels), 100),
        "robust regression (Huber), 500 by 100": (lambda x: nn.huber_loss(design @ x, labels), 100),
        "cross entropy of tanh 1000-8-64-3": (lambda x: nn.cross_entropy(scores(x)[None], classes), 1000),
        "Rosenbrock of 1000": (lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), 1000),
    }


@pytest.mark.parametrize("name", losses())
def test_hessians(contest, name):
    function, size = losses()[name]
    x = torch.randn(size, generator=torch.Generator().manual_seed(9))
    calls = {"chainopt.torch": hessian(function), "torch.func.hessian": torch.func.hessian(function)}
    calls["chainopt.torch"](x)  # a first call is the library's own
    one, other = (call(x) for call in calls.values())
    assert float(abs(one - other).max()) <= 1e-5 * float(abs(other).max())
    contest("Hessians of PyTorch functions", name, {who: lambda c=call: c(x) for who, call in calls.items()}, rounds=31)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore:.*force_disable_caches:UserWarning")
def test_compiled(contest):
    name = "hourglass 512-512-8-512-512"
    calls, x, tolerance = contenders(name, "float32")
    compiled = {who: torch.compile(call) for who, call in calls.items()}
    torch.compile(torch.sin)(x)  # imports the compiler
    seconds = dict.fromkeys(calls, math.inf)
    # What the compiler keeps on disk would make the second run on a machine look ten times faster than the first.
    with torch.compiler.config.patch(force_disable_caches=True):
        for _ in range(2):
            torch.compiler.reset()
            for who, call in compiled.items():
                begin = time.perf_counter()
                call(x)
                seconds[who] = min(seconds[who], time.perf_counter() - begin)
    assert_equal(compiled, x, tolerance)
    contest(
        "Jacobians of PyTorch functions, torch.compile",
        f"{name}, float32",
        {who: lambda c=call: c(x) for who, call in compiled.items()},
        rounds=101,
    )
    contest.cells("first call under torch.compile", f"{name}, float32", seconds)


@pytest.mark.parametrize(
    "sizes", [(2, *[64] * 20), (4, 64, 1024, 64, 4), (256, 256, 256, 256)], ids=lambda sizes: f"{sizes[0]} to {sizes[-1]}"
)
def test_nothing_to_gain(contest, sizes):
    function = layers(*sizes, dtype=torch.float32)
    x = torch.randn(sizes[0], generator=torch.Generator().manual_seed(9))
    calls = {
        "chainopt.torch": jacobian(function),
        "after tune": jacobian(function).tune(x),
        "torch.func.jacfwd": torch.func.jacfwd(function),
        "torch.func.jacrev": torch.func.jacrev(function),
    }
    assert_equal(calls, x, 1e-5)
    name = f"{len(sizes) - 1} layers, {sizes[0]} to {sizes[-1]}"
    contest(
        "Jacobians of PyTorch functions, nothing to gain",
        name,
        {who: lambda c=call: c(x) for who, call in calls.items()},
        rounds=51,
    )


@pytest.mark.parametrize(
    "sizes", [(100, 50, 10), (16, 128, 16), (256, 256, 8, 256, 256)], ids=lambda sizes: f"{sizes[0]} to {sizes[-1]}"
)
def test_many_points(contest, sizes):
    function = layers(*sizes, dtype=torch.float32)
    batch = torch.randn(64, sizes[0], generator=torch.Generator().manual_seed(9))
    kept = jacobian(function)
    kept.plan(batch[0])
    makers = {"torch.func.jacfwd": torch.func.jacfwd, "torch.func.jacrev": torch.func.jacrev}
    calls = {"chainopt.torch": torch.func.vmap(kept)} | {who: torch.func.vmap(make(function)) for who, make in makers.items()}
    assert_equal(calls, batch, 1e-5)
    table = "Jacobians of PyTorch functions under vmap, 64 points"
    contest(table, "-".join(map(str, sizes)), {who: lambda c=call: c(batch) for who, call in calls.items()}, rounds=51)
