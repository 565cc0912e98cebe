"""Plans that are executed in functions which `torch.compile` traces: what they do, as numbers and strings, and doing it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from chainopt.bracketing.operations import Accumulation, Mode, Multiplication, Pushforward
from chainopt.errors import ChainError
from chainopt.execution.compiled_stages import Step, stages_product
from chainopt.execution.compiling import copied, product_in
from chainopt.numbers import counted
from chainopt.structure.coloring import coloring_of
from chainopt.structure.patterns import places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain
    from chainopt.execution.compiling import Pairs
    from chainopt.structure.structure import Structure
    from chainopt.typing import Array

    Program = tuple[Sequence[tuple[int, ...]], Sequence[bool], Pairs, Sequence[Step] | None]


class Planned(Protocol):
    """What is asked of a plan that is executed."""

    @property
    def chain(self) -> JacobianChain:
        """What is multiplied."""

    @property
    def association(self) -> Bracketing:
        """The order of the products."""

    @property
    def schedule(self) -> object:
        """Who does what when; None for one worker."""

    @property
    def operations(self) -> Sequence[Operation]:
        """What is done, in an order in which it can be executed; made anew whenever it is asked for."""

    @property
    def workers(self) -> float:
        """How many workers the plan is for."""


MOST_PLACES = 100_000
ACCUMULATED = {Mode.FORWARD: "by jvps", Mode.REVERSE: "by vjps", None: "otherwise"}


class Traceable:
    """What `torch.compile` reads of a plan: numbers and strings, not arrays.

    While a function is compiled it is unknown whether matrices keep to their structures, so all are multiplied as they are.
    """

    __slots__ = ()

    def _traceable(self: Planned) -> Program | None:
        """Return what the plan does; None where that cannot be traced, so that the graph breaks.

        That happens where the matrix of a structured stage is built and has too many nonzeros to list in compiled code.
        """
        chain: JacobianChain = self.chain
        matrices = tuple(pairwise(chain.sizes.tolist()))
        batches = [()] * len(matrices) if chain.batches is None else chain.batches
        structures = [None] * len(matrices) if chain.structures is None else chain.structures
        diagonals = tuple(
            found is not None and found.is_diagonal(shape) for found, shape in zip(structures, matrices, strict=True)
        )
        shapes = tuple((*batch, *shape) for batch, shape in zip(batches, matrices, strict=True))
        if chain.stage_costs is None:
            return shapes, diagonals, tuple((first, split + 1) for first, split, _ in self.association.steps()), None
        steps = []
        for operation in self.operations:
            step = _step(operation, matrices[operation.first], structures[operation.first])
            if step is None:
                return None
            steps.append(step)
        return shapes, diagonals, (), tuple(steps)

    _traceable._dynamo_marked_constant = True  # type: ignore[attr-defined]  # noqa: SLF001 -- `assume_constant_result` without torch


def _step(operation: Operation, shape: tuple[int, int], structure: Structure | None) -> Step | None:
    """Return an operation as it is traced; None where it cannot be."""
    first, last = operation.first, operation.last
    if not isinstance(operation, Accumulation):
        kind = "product" if isinstance(operation, Multiplication) else "push" if isinstance(operation, Pushforward) else "pull"
        return Step(kind, first, operation.split, last)
    kind = ACCUMULATED[operation.mode]
    if structure is None or structure.is_dense:
        return Step(kind, first, first, last)
    pattern = structure.pattern(shape)
    if pattern.nonzeros > MOST_PLACES:
        return None
    entries = places(pattern)
    rows = np.repeat(np.arange(shape[0]), np.diff(entries.indptr))
    listed = rows, entries.indices, coloring_of(structure, shape, 1), coloring_of(structure, shape, 0)
    return Step(kind, first, first, last, tuple(tuple(numbers.tolist()) for numbers in listed))


def compiled_product(program: Program, factors: Sequence[Array], out: Array = None) -> Array:
    """Multiply the factors of a plan.

    Parameters
    ----------
    program : tuple
        The shapes that the plan is for; which factors may be the vector of a diagonal; the pairs, as `product_in` takes them, of
        a plan of matrices; the steps, as `stages_product` takes them, of one with stages, else None.
    factors : sequence of arrays and stages
    out : array, optional
        Where the product is copied to.

    Raises
    ------
    ChainError
        If they do not fit.
    """
    shapes, diagonals, pairs, steps = program
    if len(factors) != len(shapes):
        msg = f"factors has {counted(len(factors), 'matrix', 'matrices')}, but the plan is for a chain of {len(shapes)}"
        raise ChainError(msg)
    for position, factor in enumerate(factors):
        shape = shapes[position]
        if tuple(factor.shape) != shape and not (diagonals[position] and tuple(factor.shape) == shape[:1]):
            msg = (
                f"factors[{position}] has the shape {tuple(factor.shape)}, but the plan is for {shape}: "
                "plan the chain again with optimal_order"
            )
            raise ChainError(msg)
    product = product_in(pairs, factors) if steps is None else stages_product(steps, shapes, factors)
    if len(product.shape) == 1 and len(factors) > 1:
        product = product.diag()
    return product if out is None else copied(product, out)
