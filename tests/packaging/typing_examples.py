"""What users write, as a type checker sees it: mypy reads this file, and nothing runs it.

A line that must be refused has a ``type: ignore`` with the code of its error. As mypy warns of those that are not needed, it
fails where the line is accepted, too.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, assert_type

import numpy as np
from scipy import sparse

import chainopt
from chainopt import (
    Accumulation,
    Banded,
    ChainError,
    Comparison,
    Diagonal,
    Jacobian,
    JacobianChain,
    Mode,
    Plan,
    PlanBatch,
    Sparse,
    compare,
    forward_order,
    multi_dot,
    optimal_order,
    optimal_orders,
    tape_frontier,
)

if TYPE_CHECKING:
    import jax
    import torch

matrices = [np.ones((10, 200)), np.ones((200, 3))]
shapes = [(10, 200), (200, 3)]
jacobians = [Jacobian((10, 200), vjp_cost=5, tape=7), Jacobian([200, 3], structure=Diagonal(), name="first")]

chain = JacobianChain(jacobians)


def chains() -> None:
    """Chains, however they are given."""
    assert_type(JacobianChain.from_shapes([[10, 20], [20, 30]]), JacobianChain)
    JacobianChain.from_shapes(((10, 20), (20, 30)))
    JacobianChain.from_shapes(np.array([[10, 20], [20, 30]]))
    JacobianChain.from_dims([10, 20, 30])
    JacobianChain.from_dims(np.arange(1, 5))
    JacobianChain.from_stages([(20, 30), Jacobian((10, 20))])
    JacobianChain([Jacobian((2, 3)), (3, 4), np.ones((4, 5))])
    JacobianChain.from_shapes(5)  # type: ignore[arg-type]
    JacobianChain.from_dims("10x20")  # type: ignore[arg-type]
    Jacobian((2, 3), jvp_cost="5")  # type: ignore[arg-type]
    Jacobian((2, 3), structure="diagonal")  # type: ignore[arg-type]
    Jacobian((2, 3), structure=Diagonal)  # type: ignore[arg-type]
    Jacobian((9, 9), structure=Banded(1, 1)), Sparse(np.eye(3)), Sparse(sparse.eye_array(3))

    for jacobian in chain:
        assert_type(jacobian, Jacobian)
        assert_type(jacobian.jvp_cost, int | float | None)
    assert_type(chain.dims, tuple[int, ...])
    chain.tape_limit  # type: ignore[attr-defined]


def doors() -> None:
    """What is asked."""
    plan = optimal_order(chain)
    assert_type(plan, Plan)
    optimal_order(shapes)
    optimal_order(jacobians)
    optimal_order(matrices)
    optimal_order([Jacobian((2, 3)), (3, 4), np.ones((4, 5))])
    optimal_order([sparse.eye_array(4), sparse.eye_array(4)])
    optimal_order(np.array([[10, 20], [20, 30]]))
    optimal_order(chain, objective="time", method="interval", tape_limit=5, workers=math.inf, time_limit=0.5)
    optimal_order(chain, objective=lambda m, k, n: m * k * n)
    optimal_order(chain, objective="flops")  # type: ignore[arg-type]
    optimal_order(chain, method="bogus")  # type: ignore[arg-type]
    optimal_order(chain, workers="two")  # type: ignore[arg-type]
    optimal_order(chain, budget=5)  # type: ignore[call-arg]
    optimal_order(5)  # type: ignore[arg-type]
    forward_order(chain, objective="flops")  # type: ignore[arg-type]
    assert_type(compare(chain), Comparison)
    assert_type(compare(chain).forward, Plan | None)
    compare(chain).forward.cost  # type: ignore[union-attr]
    batch = optimal_orders([[2, 3, 4], [5, 6, 7]])
    assert_type(batch, PlanBatch)
    assert_type(batch[0], Plan)
    optimal_orders(np.ones((4, 5), dtype=int), method="polygon")
    optimal_orders([[2, 3, 4]], method="bogus")  # type: ignore[arg-type]
    for tape, cost in tape_frontier(chain):
        assert_type(tape, int)
        assert_type(cost, int | float)


def answers() -> None:
    """What comes back."""
    plan = optimal_order(chain)
    assert_type(plan.cost, int | float)
    assert_type(plan.makespan, int | float)
    assert_type(plan.lower_bound, int | float)
    assert_type(plan.is_optimal, bool)
    assert_type(plan.bracketing, str)
    assert_type(plan.mode, Mode)
    assert_type(plan.path, list[tuple[int, int]])
    assert_type(plan.peak_memory, int)
    for operation in plan.operations:
        assert_type(operation.cost, int | float)
        if isinstance(operation, Accumulation):
            assert_type(operation.mode, Mode | None)
    product = plan.execute(matrices, workers=2, progress=False)
    plan.execute(matrices, chunks=5)  # type: ignore[call-arg]
    plan.cost = 5  # type: ignore[misc]
    assert_type(Plan.from_json(plan.to_json()), Plan)
    multi_dot(matrices)

    try:
        optimal_order([])
    except ChainError as error:
        assert_type(str(error), str)


def lazily_imported() -> None:
    """What is imported on first use only."""
    chainopt.jax.jacobian(lambda x: x)
    chainopt.torch.jacobian(lambda x: x, randomness="same")
    chainopt.torch.jacobian(lambda x: x, randomness="often")  # type: ignore[arg-type]
    chainopt.jax.hessian(lambda x: x, mode="planned")
    chainopt.jax.jacobian(lambda x: x, sparse=True).prepare(5)
    chainopt.jax.jacobian(lambda x: x, sparse="dense")  # type: ignore[arg-type]
    chainopt.torch.hessian(lambda x: x, randomness="different")
    chainopt.jacobian  # type: ignore[attr-defined]


def with_other_libraries(ours: jax.Array, theirs: torch.Tensor) -> None:
    """Arrays of any library are factors, mixed ones too."""
    optimal_order([ours, ours]).execute([ours, ours])
    optimal_order([theirs, theirs]).execute([theirs, theirs])
    multi_dot([ours, theirs])
