"""What can be done with each stage of a chain, and what it costs there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

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
    choices = StageChoices([], [], [], [])
    least = -1
    culprit = ""
    for at in range(len(chain)):
        jacobian = chain[at]
        rows, columns = jacobian.shape
        jvp, vjp = jacobian.jvp_cost, jacobian.vjp_cost
        fits = tape_limit is None or jacobian.tape <= tape_limit
        options: list[tuple[Any, int]] = []
        if jacobian.accumulation_cost is not None:
            options.append((jacobian.accumulation_cost, OTHERWISE))
        elif not jacobian.is_matrix_free:
            options.append((0, GIVEN))
        else:
            if jvp is not None:
                options.append((columns * jvp, BY_JVPS))
            if vjp is not None and fits:
                options.append((rows * vjp, BY_VJPS))
        if not options and jacobian.tape > least:
            least = jacobian.tape
            culprit = chain.label(at)
        cost, way = min(options, default=(0, GIVEN))
        choices.leaves.append(cost)
        choices.ways.append(way)
        choices.push.append(NEVER if jvp is None else jvp)
        choices.pull.append(vjp if vjp is not None and fits else NEVER)
    if culprit:
        msg = f"tape_limit is {tape_limit}, but {culprit} has only a VJP, whose tape is {least}: the least limit is {least}"
        raise InfeasibleError(msg)
    return choices
