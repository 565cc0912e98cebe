"""What can be done with each stage of a chain, and what it costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import GIVEN, PULLED, PUSHED
from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications
from chainopt.errors import InfeasibleError
from chainopt.kernels import stages
from chainopt.structure.coloring import column_colors, row_colors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chainopt.chain.chain import JacobianChain
    from chainopt.chain.factor_data import StageCosts
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost

NEVER = -1


class StageChoices(NamedTuple):
    """For each factor what its matrix costs and how it is then obtained, and what one JVP and one VJP cost.

    ``push`` and ``pull`` are NEVER where the stage lacks the mode, or where its tape is above the limit. With
    ``only_products`` all matrices are at hand, and can only be multiplied.
    """

    leaves: list[Cost]
    ways: list[int]
    push: list[Cost]
    pull: list[Cost]
    only_products: bool = False

    def bracketing(self, spans: NDArray[np.int32], kinds: NDArray[np.int8]) -> Bracketing:
        """Make the bracketing in which ``kinds`` is done at the gaps; a stage that is only gone through needs no matrix."""
        if self.only_products:
            return Bracketing(spans)
        needed = np.array(self.ways, dtype=np.int8)
        gaps = np.arange(kinds.size)
        needed[gaps[kinds == PUSHED]] = GIVEN
        needed[gaps[kinds == PULLED] + 1] = GIVEN
        return Bracketing(spans, kinds, needed)


def priced(costs: StageCosts, model: CostModel) -> StageCosts:
    """Return what stages cost in the unit of the objective.

    Raises
    ------
    ChainError
        If the objective counts, and a cost is in seconds.
    """
    if isinstance(model, Multiplications) and not costs.are_seconds:
        return costs
    columns = [tuple(None if cost is None else model.stage(cost) for cost in column) for column in costs[:3]]
    return costs._replace(jvp=columns[0], vjp=columns[1], accumulation=columns[2])


def matrix_free(chain: JacobianChain) -> list[bool]:
    """Return whether each stage has a JVP or a VJP, by which it can be used without its matrix."""
    costs = chain.stage_costs
    if costs is None:
        return [False] * len(chain)
    return [jvp is not None or vjp is not None for jvp, vjp in zip(costs.jvp, costs.vjp, strict=True)]


def vectors_needed(chain: JacobianChain, position: int) -> tuple[int, int]:
    """Return how many JVPs, and how many VJPs, find the matrix of a stage: its columns and rows, or their colors."""
    structures = chain.structures
    rows, columns = shape = chain.shapes[position]
    if structures is None or structures[position].is_dense:  # which needs them where it is empty, too
        return columns, rows
    return column_colors(structures[position], shape), row_colors(structures[position], shape)


def stage_choices(chain: JacobianChain, tape_limit: float | None = None, model: CostModel = MULTIPLICATIONS) -> StageChoices:
    """List the choices for each stage under a limit on the tape.

    A run of stages is pulled back stage by stage, one tape alive at a time, so that a stage's own tape is what counts.

    Parameters
    ----------
    chain : JacobianChain
        Any chain; one whose matrices are all at hand has no choices.
    tape_limit : float, optional
        The largest tape that a stage may have if it is pulled back or accumulated by VJPs.
    model : CostModel
        What JVPs, VJPs and accumulations cost.

    Raises
    ------
    InfeasibleError
        If the matrix of a stage cannot be had within the limit: then no plan can use the stage.
    """
    if chain.stage_costs is None:
        factors = len(chain)
        never: list[Any] = [NEVER] * factors
        return StageChoices([0] * factors, [GIVEN] * factors, never, never, only_products=True)
    costs = priced(chain.stage_costs, model)
    factors, dims = len(chain), chain.dims
    jvp, vjp, accumulation = ([NEVER if cost is None else cost for cost in column] for column in costs[:3])
    jvps, vjps = dims[1:], dims[:-1]
    if chain.structures is not None:  # colors are found for those only that need them, as they take long to find
        needs_colors = [known < 0 <= max(modes) for known, *modes in zip(accumulation, jvp, vjp, strict=True)]
        vectors = [vectors_needed(chain, k) if needs else (0, 0) for k, needs in enumerate(needs_colors)]
        jvps, vjps = zip(*vectors, strict=True)
    leaves: list[Any] = [0] * factors
    ways, pull = [GIVEN] * factors, list(leaves)
    limit = NEVER if tape_limit is None else tape_limit
    stages.choose(jvp, vjp, accumulation, costs.tape, limit, jvps, vjps, leaves, ways, pull)
    if min(leaves) < 0:
        least, first = max((costs.tape[k], -k) for k, leaf in enumerate(leaves) if leaf < 0)
        msg = (
            f"tape_limit is {tape_limit}, but {chain.label(-first)} has only a VJP, whose tape is {least}: "
            f"the least limit is {least}"
        )
        raise InfeasibleError(msg)
    return StageChoices(leaves, ways, jvp, pull)
