"""Are several workers faster, and what does it cost to use them? Threads, BLAS with threads, and Dask.

The same plan by two threads, and by one with a BLAS of one thread or of all. Overhead is measured with products that cost
nothing themselves.
"""

import logging
from itertools import pairwise

import numpy as np
import pytest
import threadpoolctl
from scipy import sparse

import chainopt
from chainopt import Jacobian, Sparse

WORKERS = 2
FACTORS = 101


class Diffusion:
    """An implicit step on a grid, known by what it does to a matrix: one sparse solve a column, as stages of solvers are."""

    def __init__(self, size):
        from scipy.sparse.linalg import splu

        self.shape, self.dtype = (size, size), np.dtype(float)
        side = int(size**0.5)
        line = sparse.diags_array([np.full(side - 1, -1.0), np.full(side, 2.5), np.full(side - 1, -1.0)], offsets=[-1, 0, 1])
        unit = sparse.eye_array(side)
        self.solver = splu((sparse.kron(line, unit) + sparse.kron(unit, line)).tocsc())

    def matmat(self, matrix):
        """Take one step."""
        return self.solver.solve(np.ascontiguousarray(matrix))

    def rmatmat(self, matrix):
        """Take one step of the adjoint."""
        return self.solver.solve(np.ascontiguousarray(matrix), trans="T")


def dense(dims):
    rng = np.random.default_rng(0)
    factors = [rng.random(shape) for shape in pairwise(dims)]
    return chainopt.optimal_order(factors), factors


def stacks():
    """List 400 small chains, in stacks: NumPy multiplies those in one thread, whatever BLAS has."""
    rng = np.random.default_rng(0)
    factors = [rng.random((400, *shape)) for shape in pairwise([60, 50, 60, 50, 4, 50, 60, 50, 60])]
    return chainopt.optimal_order(factors), factors


def sparse_halves():
    """List sparse factors, multiplied from both ends to a narrow place."""
    rng = np.random.default_rng(0)
    dims = [1_000] * 4 + [20] + [1_000] * 4
    factors = [sparse.random_array(shape, density=0.01, rng=rng, format="csr") for shape in pairwise(dims)]
    structures = [Sparse(factor) for factor in factors]
    return chainopt.optimal_order([Jacobian(f.shape, structure=s) for f, s in zip(factors, structures, strict=True)]), factors


def solvers():
    """List two implicit steps on either side of a narrow place: one is pulled back through, the other pushed forward."""
    rng, size, narrow = np.random.default_rng(0), 3_600, 60
    stages = [
        Jacobian((size, size), vjp_cost=10**6, jvp_cost=10**6),
        Jacobian((size, narrow)),
        Jacobian((narrow, size)),
        Jacobian((size, size), vjp_cost=10**6, jvp_cost=10**6),
    ]
    step = Diffusion(size)
    factors = [step, rng.random((size, narrow)), rng.random((narrow, size)), step]
    return chainopt.optimal_order(stages), factors


CASES = {
    "dense, 2 x 3 factors of about 150": lambda: dense([150, 160, 140, 4, 140, 160, 150]),
    "dense, 2 x 3 factors of about 1,000": lambda: dense([1000, 1100, 900, 40, 900, 1100, 1000]),
    "dense, two wide halves of about 1,000": lambda: dense([1000, 1100, 900, 800, 900, 1100, 1000]),
    "stacks of 400, 2 x 4 factors of about 50": stacks,
    "sparse, 2 x 4 factors of 1,000": sparse_halves,
    "two sparse solvers, 60 vectors each": solvers,
}


def limited(call, threads):
    """Return a call under a number of BLAS threads; the libraries are looked for once, which would count otherwise."""
    libraries = threadpoolctl.ThreadpoolController()

    def run():
        with libraries.limit(limits=threads, user_api="blas"):
            return call()

    return run


@pytest.mark.parametrize("case", CASES)
def test_independent_halves(contest, case):
    plan, factors = CASES[case]()
    calls = {
        f"{WORKERS} workers, one BLAS thread each": lambda: plan.execute(factors, workers=WORKERS),
        "one after the other, one BLAS thread": limited(lambda: plan.execute(factors), 1),
        "one after the other, BLAS with threads": lambda: plan.execute(factors),
    }
    contest("independent halves on two workers", case, calls, rounds=21)
    result, expected = calls[next(iter(calls))](), plan.execute(factors)
    difference = result - expected
    assert abs(difference).max() <= 1e-9 * abs(expected).max()


@pytest.mark.parametrize("case", ["one after the other", "side by side"])
def test_overhead_of_an_operation(contest, case):
    distributed = pytest.importorskip("distributed")
    dims = [2] * (FACTORS + 1) if case == "one after the other" else [2, 1] * (FACTORS // 2 + 1)
    plan, factors = dense(dims)
    with (
        distributed.LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        calls = {
            "plan.execute": lambda: plan.execute(factors),
            f"workers={WORKERS}": lambda: plan.execute(factors, workers=WORKERS),
            "client=, two processes": lambda: plan.execute(factors, client=client),
        }
        products = len(plan.operations)
        line = f"{products} products, {case}, all of them"
        contest("overhead: products of 2 x 2 matrices", line, calls, rounds=9)
