"""What can be done with each stage of a chain, and what it costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE
from chainopt.errors import InfeasibleError
from chainopt.structure.coloring import column_colors, row_colors

if TYPE_CHECKING:
    from chainopt.chain.chain import JacobianChain
    from chainopt.chain.factor_data import StageCosts
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost

NEVER = -1


class StageChoices(NamedTuple):
    """For each factor what its matrix costs and how it is then obtained, and what one JVP and one VJP cost.

    ``push`` and ``pull`` are NEVER where the stage lacks the mode, or where its tape is above the limit.
    """

    leaves: list[Cost]
    ways: list[int]
    push: list[Cost]
    pull: list[Cost]


def priced(costs: StageCosts, model: CostModel | None) -> StageCosts:
    """Return what stages cost in the unit of the objective."""
    if model is None:
        return costs
    columns = [tuple(None if cost is None else model.stage(cost) for cost in column) for column in costs[:3]]
    return costs._replace(jvp=columns[0], vjp=columns[1], accumulation=columns[2])


def vectors_needed(chain: JacobianChain, at: int) -> tuple[int, int]:
    """Return how many JVPs, and how many VJPs, find the matrix of a stage: its columns and rows, or their colours."""
    structures = chain.structures
    rows, columns = shape = chain.shapes[at]
    if structures is None:
        return columns, rows
    return column_colors(structures[at], shape), row_colors(structures[at], shape)


def stage_choices(chain: JacobianChain, tape_limit: float | None = None, model: CostModel | None = None) -> StageChoices:
    """List the choices for each stage under a limit on the tape.

    A run of stages is pulled back stage by stage, one tape alive at a time, so that a stage's own tape is what counts.

    Raises
    ------
    InfeasibleError
        If the matrix of a stage cannot be had within the limit: then no plan can use the stage.
    """
    assert chain.stage_costs is not None
    costs = priced(chain.stage_costs, model)
    dims, structures = chain.dims, chain.structures
    leaves: list[Cost] = []
    ways: list[int] = []
    pull: list[Cost] = []
    stuck: list[tuple[int, int]] = []
    for at, (jvp, vjp, accumulation, tape) in enumerate(zip(*costs, strict=True)):
        usable = vjp is not None and (tape_limit is None or tape <= tape_limit)
        pull.append(vjp if usable and vjp is not None else NEVER)
        if accumulation is not None:
            leaf, way = accumulation, OTHERWISE
        elif jvp is None and vjp is None:
            leaf, way = 0, GIVEN
        else:  # only here colours are needed, which take long to find
            jvps, vjps = (dims[at + 1], dims[at]) if structures is None else vectors_needed(chain, at)
            if jvp is not None and (not usable or jvps * jvp <= vjps * pull[at]):
                leaf, way = jvps * jvp, BY_JVPS
            else:
                leaf, way = vjps * pull[at], BY_VJPS
            if jvp is None and not usable:
                stuck.append((tape, at))
        leaves.append(leaf)
        ways.append(way)
    if stuck:
        least, at = max(stuck, key=lambda entry: (entry[0], -entry[1]))
        msg = (
            f"tape_limit is {tape_limit}, but {chain.label(at)} has only a VJP, whose tape is {least}: the least limit is {least}"
        )
        raise InfeasibleError(msg)
    return StageChoices(leaves, ways, [NEVER if jvp is None else jvp for jvp in costs.jvp], pull)
