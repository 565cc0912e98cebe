"""What is it worth to know where the zeros are? Structured plans against dense products, and SciPy's in the two pure modes.

All with one BLAS thread.
"""

from functools import reduce

import numpy as np
import pytest
from scipy import sparse

import chainopt
from chainopt import Banded, Dense, Diagonal, Jacobian


def layered():
    """List the factors of a network of five dense layers, with an activation between each two."""
    widths = [10, 800, 800, 800, 800, 400]
    structures, shapes = [], []
    for layer in range(5):
        structures += [Dense(), Diagonal()] if layer < 4 else [Dense()]
        shapes += (
            [(widths[layer], widths[layer + 1]), (widths[layer + 1], widths[layer + 1])]
            if layer < 4
            else [(widths[layer], widths[layer + 1])]
        )
    return structures, shapes


def stencils():
    """List the factors of eight steps of an explicit scheme on 2,000 points, of which 3 numbers are read off."""
    return [Dense(), *[Banded(1, 1)] * 8], [(3, 2000), *[(2000, 2000)] * 8]


CASES = {"five layers, 800 wide": layered, "eight steps of a stencil on 2,000 points": stencils}


def factors_of(structures, shapes):
    rng = np.random.default_rng(0)
    dense, compact = [], []
    for structure, shape in zip(structures, shapes, strict=True):
        if isinstance(structure, Dense):
            matrix = factor = rng.random(shape)
        else:
            width = 0 if isinstance(structure, Diagonal) else 1
            offsets = range(-width, width + 1)
            factor = sparse.diags_array(
                [rng.random(shape[0] - abs(offset)) for offset in offsets], offsets=list(offsets), shape=shape
            )
            matrix = factor.toarray()
        dense.append(matrix)
        compact.append(factor.diagonal() if isinstance(structure, Diagonal) else factor)
    return dense, compact


def with_torch(dense):
    try:
        import torch
    except ModuleNotFoundError:
        return {}
    tensors = [torch.as_tensor(matrix) for matrix in dense]
    return {"torch.linalg.multi_dot": lambda: torch.linalg.multi_dot(tensors)}


@pytest.mark.usefixtures("one_blas_thread")
@pytest.mark.parametrize("case", CASES)
def test_structured(contest, case):
    structures, shapes = CASES[case]()
    dense, compact = factors_of(structures, shapes)
    by_scipy = [sparse.diags_array(matrix) if matrix.ndim == 1 else matrix for matrix in compact]
    plan = chainopt.optimal_order([Jacobian(shape, structure=kind) for shape, kind in zip(shapes, structures, strict=True)])
    calls = {
        "chainopt": lambda: plan.execute(compact),
        "scipy, left to right": lambda: reduce(lambda left, right: left @ right, by_scipy),
        "scipy, right to left": lambda: reduce(lambda right, left: left @ right, by_scipy[::-1]),
        "numpy.multi_dot": lambda: np.linalg.multi_dot(dense),
        **with_torch(dense),
    }
    for call in calls.values():
        result = call()
        result = result.toarray() if sparse.issparse(result) else np.asarray(result)
        np.testing.assert_allclose(result, np.linalg.multi_dot(dense))
    group = "multiplying structured factors"
    contest(group, case, calls, rounds=11)
    if "torch.linalg.multi_dot" not in calls:
        contest.missing(group, case, ["torch.linalg.multi_dot"])


@pytest.mark.parametrize("layers", [5, 20, 100])
def test_ordering_structured(contest, layers):
    rng = np.random.default_rng(0)
    widths = rng.integers(10, 1000, layers + 1).tolist()
    stages = []
    for layer in range(layers):
        stages += [
            Jacobian((widths[layer], widths[layer + 1])),
            Jacobian((widths[layer + 1], widths[layer + 1]), structure=Diagonal()),
        ]
    chain = chainopt.JacobianChain(stages)
    shapes = chainopt.JacobianChain.from_shapes(chain.shapes)
    calls = {
        "structured": lambda: chainopt.optimal_order(chain),
        "the same shapes, dense": lambda: chainopt.optimal_order(shapes, method="interval"),
    }
    contest("finding the order of structured chains", f"{layers} layers, each with a diagonal", calls, rounds=5)
    structured, dense = (call() for call in calls.values())
    assert structured.is_optimal
    assert structured.cost < dense.cost
