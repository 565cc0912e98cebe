"""Branches, loops, and functions with a pullback of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.sparsity.index_sets import IndexSets
from chainopt.jax.detection.registry import either, rule, unknown
from chainopt.jax.detection.values import constant, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.detection.registry import JaxprEqn, Walker
    from chainopt.jax.detection.values import Value


@rule("cond")
def cond(equation: JaxprEqn, operands: Sequence[Value], walker: Walker) -> list[Value]:
    """Join what the branches give; of an index that is known, that branch."""
    index, *inputs = operands
    branches = equation.params["branches"]
    if isinstance(index, np.ndarray):
        branches = [branches[int(np.clip(int(index), 0, len(branches) - 1))]]
    results = [walker.run(branch.jaxpr, [constant(value) for value in branch.consts], inputs) for branch in branches]
    joined_results = [either(values, equation, walker) for values in zip(*results, strict=True)]
    if isinstance(index, IndexSets):
        return unknown(equation, [index, *seeded(joined_results)], walker)
    return joined_results
