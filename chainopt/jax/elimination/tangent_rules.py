"""What primitives do to tangents: all that a derivative may do to them is linear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chainopt.jax.detection.evaluations import MOVES
from chainopt.jax.elimination.pushed import LOOPS, pushed
from chainopt.jax.elimination.value_rules import around, cut_out, gathered, lines, parts, product_lines, run_along
from chainopt.jax.elimination.values import ZERO, Cells, Slopes
from chainopt.jax.jaxprs import dtype, shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.jax.elimination.walk import Rule, Walk
    from chainopt.jax.jaxprs import JaxprEqn
    from chainopt.typing import Array, IntArray


def tangents(walk: Walk, value: Array) -> IntArray | None:
    """Return the vertices of a tangent; of what is zero there are none, and nothing else is one."""
    if isinstance(value, Slopes):
        return value.ids
    if isinstance(value, np.ndarray) and not value.any():
        return np.full(value.shape, ZERO, np.int64)
    if isinstance(value, Cells) and all(map(walk.code.is_nothing, value.ids.reshape(-1).tolist())):
        return np.full(value.ids.shape, ZERO, np.int64)
    return None


def _written(equation: JaxprEqn, found: list[int]) -> list[Array]:
    return [Slopes(np.array(found, np.int64).reshape(shape(equation.outvars[0])))]


def moved(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Put the entries in other places."""
    ids: list[Array] = [tangents(walk, operand) for operand in operands]
    if any(each is None for each in ids):
        return None
    result = MOVES[str(equation.primitive)](*ids, **equation.params)
    return [Slopes(np.asarray(result).reshape(shape(equation.outvars[0])))]


def combined(*signs: int) -> Rule:
    """Return the rule of a sum, with these signs."""

    def rule(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
        axes, kind = shape(equation.outvars[0]), dtype(equation.outvars[0])
        ids: list[Array] = [tangents(walk, operand) for operand in operands]
        if any(each is None for each in ids):
            return None
        factors = [walk.code.constant(sign, kind) for sign in signs]
        rows = [np.broadcast_to(each, axes).reshape(-1).tolist() for each in ids]
        return _written(equation, [walk.graph.vertex(zip(line, factors, strict=True)) for line in zip(*rows, strict=True)])

    return rule


def scaled(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Multiply by what is no tangent, or divide."""
    axes = shape(equation.outvars[0])
    at = 0 if isinstance(operands[0], Slopes) else 1
    if isinstance(operands[1 - at], Slopes) or (at == 1 and str(equation.primitive) == "div"):
        return None
    ids, factors = (np.broadcast_to(each, axes).reshape(-1).tolist() for each in (operands[at].ids, walk.cells(operands[1 - at])))
    if str(equation.primitive) == "div":
        one = walk.code.constant(1, dtype(equation.outvars[0]))
        factors = [walk.code.quotient(one, factor) for factor in factors]
    return _written(equation, [walk.graph.vertex([pair]) for pair in zip(ids, factors, strict=True)])


def chosen(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Choose: a partial derivative is one where its tangent is chosen, and zero elsewhere."""
    which, *cases = operands
    ids: list[Array] = [tangents(walk, case) for case in cases]
    if isinstance(which, Slopes) or any(each is None for each in ids):
        return None
    if isinstance(which, np.ndarray):
        return [Slopes(MOVES["select_n"](which, *ids))]
    axes, kind, code = shape(equation.outvars[0]), dtype(equation.outvars[0]), walk.code
    numbers = [code.constant(number, kind) for number in (0, 1)]
    conditions = np.broadcast_to(walk.cells(which), axes).reshape(-1).tolist()
    found = []
    for condition, *tails in zip(conditions, *(each.reshape(-1).tolist() for each in ids), strict=True):
        terms = [(tail, code.choice(condition, *(numbers[other == tail] for other in tails))) for tail in dict.fromkeys(tails)]
        found.append(walk.graph.vertex(terms))
    return _written(equation, found)


def converted(_walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Leave what becomes a number of another kind; partial derivatives are multiplied in the wider type."""
    is_real = dtype(equation.outvars[0]).kind == dtype(equation.invars[0]).kind == "f"
    return [operands[0]] if is_real else None


def total(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Add up along axes."""
    one = walk.code.constant(1, dtype(equation.outvars[0]))
    rows = lines(operands[0].ids, equation.params["axes"]).tolist()
    return _written(equation, [walk.graph.vertex((tail, one) for tail in row) for row in rows])


def running(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Add up the entries before each one."""
    one = walk.code.constant(1, dtype(equation.outvars[0]))
    return [Slopes(run_along(equation, operands[0].ids, lambda a, b: walk.graph.vertex([(a, one), (b, one)])))]


def dot_general(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Multiply by what is no tangent, and add up."""
    is_left = isinstance(operands[0], Slopes)
    if isinstance(operands[1], Slopes) and is_left:
        return None
    ids = [operand.ids if isinstance(operand, Slopes) else walk.cells(operand) for operand in operands]
    pairs = product_lines(equation, *ids)
    tails, factors = pairs if is_left else pairs[::-1]
    rows = zip(tails.tolist(), factors.tolist(), strict=True)
    return _written(equation, [walk.graph.vertex(zip(*row, strict=True)) for row in rows])


def split(_walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array]:
    """Cut into parts."""
    return [Slopes(part) for part in parts(equation, operands[0].ids)]


def pad(walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Put zeros around, and between, entries."""
    ids, filling = (tangents(walk, operand) for operand in operands)
    return None if ids is None or filling is None else [Slopes(around(equation, ids, int(filling)))]


def gather(_walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Take entries."""
    ids = gathered(equation, operands[0].ids, operands[1], ZERO) if isinstance(operands[0], Slopes) else None
    return None if ids is None else [Slopes(ids)]


def dynamic_slice(_walk: Walk, equation: JaxprEqn, operands: Sequence[Array]) -> list[Array] | None:
    """Cut a block out."""
    ids = cut_out(equation, operands[0].ids, operands[1 : 1 + len(shape(equation.invars[0]))])
    return None if ids is None else [Slopes(ids)]


OF_TANGENTS: dict[str, Rule] = {
    **dict.fromkeys(MOVES, moved),
    **dict.fromkeys(LOOPS, pushed),
    "neg": combined(-1),
    "add": combined(1, 1),
    "add_any": combined(1, 1),
    "sub": combined(1, -1),
    "mul": scaled,
    "div": scaled,
    "select_n": chosen,
    "convert_element_type": converted,
    "reduce_sum": total,
    "cumsum": running,
    "dot_general": dot_general,
    "split": split,
    "unstack": split,
    "pad": pad,
    "gather": gather,
    "dynamic_slice": dynamic_slice,
}
