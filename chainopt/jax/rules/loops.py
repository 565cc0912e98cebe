"""Loops: what is inside, in each trip; and where XLA pulls cotangents back through them more slowly than it pushes tangents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jax.extend import core

from chainopt.functions.primitives import Derivative, Price
from chainopt.jax.jaxprs import JaxprEqn, all_in, inner, loop_parts, size
from chainopt.jax.rules.elementwise import DEAR
from chainopt.jax.rules.registry import PRODUCTS, derivative_of, price_inside, read, rule, trips, written

if TYPE_CHECKING:
    from collections.abc import Sequence

# How many times its price a VJP takes, in halves: through a loop with products of matrices, and through one whose steps XLA joins
# to one operation on tangents. What is kept of each step is read from memory, and the cotangents of parts that were put side by
# side are added to zeros, each by itself.
AT_LEAST, OF_PRODUCTS, JOINED, JOINED_TWICE = 2, 3, 5, 9
LARGE = 400  # entries of a matrix: products with smaller ones XLA joins to what else is computed, and turns no tangents


@rule("while")
def while_loop(equation: JaxprEqn) -> Derivative:
    """Push tangents along; there is no VJP, for nobody knows how many trips would have to be remembered."""
    return Derivative(Price(price_inside(equation).jvp, None))


@rule("scan")
def scan(equation: JaxprEqn) -> Derivative:
    """Do what is inside in each trip; what all of them read has no tangents as a rule."""
    (body,) = inner(equation)
    fixed = {*body.constvars, *body.invars[: loop_parts(equation.params)[0]]}
    turned = 0
    for one in body.eqns:
        if all(isinstance(atom, core.Literal) or atom in fixed for atom in one.invars):
            fixed |= {*one.outvars}
        elif not isinstance(one.invars[0], core.Literal) and one.invars[0] in fixed and size(one.invars[0]) >= LARGE:
            turned += derivative_of(one).turned
    price = price_inside(equation)
    equations = list(all_in(body))
    times = AT_LEAST if turned else _times_slower(body, equations, written(equation))
    slowed = (times - AT_LEAST) * (price.vjp or 0) // 2
    return Derivative(price, turned=trips(equation) * turned, slowed=slowed, called=trips(equation) * len(equations))


def _times_slower(body: core.Jaxpr, equations: Sequence[JaxprEqn], carried: int) -> int:
    """Return how many halves of its price a VJP takes through a loop with this body, whose results have so many entries."""
    names = {str(one.primitive) for one in equations}
    if any(str(one.primitive).startswith("reduce_") and read(one) > carried for one in equations):
        return AT_LEAST
    if names & PRODUCTS:
        return OF_PRODUCTS
    is_deep = max(_side_by_side(body, [0] * len(body.invars)), default=0) > 1
    return JOINED_TWICE if is_deep and not names & DEAR else JOINED


def _side_by_side(jaxpr: core.Jaxpr, given: Sequence[int]) -> list[int]:
    """Return behind how many of each other the results are in which parts are put side by side, given the same of the inputs."""
    depths = dict(zip(jaxpr.invars, given, strict=True))
    for equation in jaxpr.eqns:
        before = [0 if isinstance(atom, core.Literal) else depths.get(atom, 0) for atom in equation.invars]
        parts = inner(equation)
        if parts and len(parts[0].invars) == len(before):
            after = _side_by_side(parts[0], before)
        else:
            after = [max(before, default=0) + (str(equation.primitive) in {"concatenate", "stack"})] * len(equation.outvars)
        depths.update(zip(equation.outvars, after, strict=False))
    return [0 if isinstance(atom, core.Literal) else depths.get(atom, 0) for atom in jaxpr.outvars]
