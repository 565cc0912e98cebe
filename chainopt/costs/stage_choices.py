"""What can be done with each stage of a chain, and what it costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE, PULLED, PUSHED
from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications
from chainopt.errors import InfeasibleError
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

    ``push`` and ``pull`` are NEVER where the stage lacks the mode, or where its tape is above the limit. Where
    ``only_products``, all matrices are at hand, and nothing can be done but multiply them.
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


def vectors_needed(chain: JacobianChain, position: int) -> tuple[int, int]:
    """Return how many JVPs, and how many VJPs, find the matrix of a stage: its columns and rows, or their colors."""
    structures = chain.structures
    rows, columns = shape = chain.shapes[position]
    if structures is None:
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
        The largest tape that a stage may have which is pulled back or accumulated by VJPs.
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
    dims, structures = chain.dims, chain.structures
    leaves: list[Cost] = []
    ways: list[int] = []
    pull: list[Cost] = []
    stuck: list[tuple[int, int]] = []
    for position, (jvp, vjp, accumulation, tape) in enumerate(zip(*costs, strict=True)):
        usable = vjp is not None and (tape_limit is None or tape <= tape_limit)
        pull.append(vjp if usable and vjp is not None else NEVER)
        if accumulation is not None:
            leaf, way = accumulation, OTHERWISE
        elif jvp is None and vjp is None:
            leaf, way = 0, GIVEN
        else:  # only here colors are needed, which take long to find
            jvps, vjps = (dims[position + 1], dims[position]) if structures is None else vectors_needed(chain, position)
            if jvp is not None and (not usable or jvps * jvp <= vjps * pull[position]):
                leaf, way = jvps * jvp, BY_JVPS
            else:
                leaf, way = vjps * pull[position], BY_VJPS
            if jvp is None and not usable:
                stuck.append((tape, position))
        leaves.append(leaf)
        ways.append(way)
    if stuck:
        least, position = max(stuck, key=lambda entry: (entry[0], -entry[1]))
        msg = (
            f"tape_limit is {tape_limit}, but {chain.label(position)} has only a VJP, whose tape is {least}: "
            f"the least limit is {least}"
        )
        raise InfeasibleError(msg)
    return StageChoices(leaves, ways, [NEVER if jvp is None else jvp for jvp in costs.jvp], pull)
