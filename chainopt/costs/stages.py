"""What can be done with each stage of a chain, and what it costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chainopt.exceptions import InfeasibleError
from chainopt.operations import BY_JVPS, BY_VJPS, GIVEN, OTHERWISE

if TYPE_CHECKING:
    from chainopt.chain import JacobianChain
    from chainopt.details import Cost

NEVER = -1


class StageChoices(NamedTuple):
    """For each factor what its matrix costs and how it is then obtained, and what one JVP and one VJP cost.

    ``push`` and ``pull`` are NEVER where the stage lacks the mode, or where its tape is above the limit.
    """

    leaves: list[Cost]
    ways: list[int]
    push: list[Cost]
    pull: list[Cost]


def stage_choices(chain: JacobianChain, tape_limit: float | None = None) -> StageChoices:
    """List the choices for each stage under a limit on the tape.

    A run of stages is pulled back stage by stage, one tape alive at a time, so that a stage's own tape is what counts.

    Raises
    ------
    InfeasibleError
        If the matrix of a stage cannot be had within the limit: then no plan can use the stage.
    """
    costs = chain.stage_costs
    assert costs is not None
    dims = chain.dims
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
        elif jvp is None:
            leaf, way = dims[at] * pull[at], BY_VJPS
            if not usable:
                stuck.append((tape, at))
        elif not usable or dims[at + 1] * jvp <= dims[at] * pull[at]:
            leaf, way = dims[at + 1] * jvp, BY_JVPS
        else:
            leaf, way = dims[at] * pull[at], BY_VJPS
        leaves.append(leaf)
        ways.append(way)
    if stuck:
        least, at = max(stuck, key=lambda entry: (entry[0], -entry[1]))
        msg = (
            f"tape_limit is {tape_limit}, but {chain.label(at)} has only a VJP, whose tape is {least}: the least limit is {least}"
        )
        raise InfeasibleError(msg)
    return StageChoices(leaves, ways, [NEVER if jvp is None else jvp for jvp in costs.jvp], pull)
