"""What it costs to differentiate an equation as JAX does it: its JVP and its VJP traced, and what depends on the seed counted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax.extend import core

from chainopt.functions.backend import UnplannableError
from chainopt.functions.primitives import Price
from chainopt.jax.jaxprs import JaxprEqn, all_in, check_exchange, dtype, inner, shape
from chainopt.jax.rules.registry import alone, derivative_of, trips, variables_written, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.typing import Array

NO_JVP = "custom_lin"  # stands in a trace for the JVP of a function with a custom VJP, and raises when it is compiled


def traced_price(equation: JaxprEqn) -> Price:
    """Return the price of an equation with something inside, whose derivative need not be that of what is inside.

    What is computed from the operands alone, for instance by a loop that could not be pulled back through, is computed once
    for all columns or rows, and does not count.
    """
    jaxpr = alone(equation, inner(equation)[0])
    point, results = _shapes(jaxpr.invars), _shapes(jaxpr.outvars)
    fixed = equation.invars[: equation.params.get("num_consts", 0)]  # what a function closes over, its rule does not know
    moving = [at for at, operand in enumerate(point) if _has_derivative(operand) and jaxpr.invars[at] not in fixed]

    def function(operands: Sequence[Array], *moved: Array) -> list[Array]:
        given = dict(enumerate(operands)) | dict(zip(moving, moved, strict=True))
        return [result for result in jax.core.eval_jaxpr(jaxpr, (), *given.values()) if _has_derivative(result)]

    def pushed(operands: Sequence[Array], tangents: Sequence[Array]) -> Array:
        return jax.jvp(partial(function, operands), [operands[position] for position in moving], tangents)[1]

    def pulled(operands: Sequence[Array], cotangents: Sequence[Array]) -> Array:
        return jax.vjp(partial(function, operands), *[operands[position] for position in moving])[1](cotangents)

    tangents, cotangents = [point[position] for position in moving], [result for result in results if _has_derivative(result)]
    costs = _cost(pushed, point, tangents), _cost(pulled, point, cotangents)
    return Price(*(None if cost is None else cost + written(equation) for cost in costs))


def _shapes(variables: Sequence[core.Var | core.Literal]) -> list[Array]:
    return [jax.ShapeDtypeStruct(shape(variable), dtype(variable)) for variable in variables]


def _has_derivative(array: Array) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.inexact))


def _cost(
    derivative: Callable[[Sequence[Array], Sequence[Array]], Array], point: Sequence[Array], seeds: Sequence[Array]
) -> int | None:
    """Return what it costs to evaluate a derivative for one more seed; None where there is no such derivative.

    Raises
    ------
    UnplannableError
        If it exchanges values, though its function may not, or is not linear.
    """
    try:
        jaxpr = jax.make_jaxpr(derivative)(point, seeds).jaxpr
    except Exception:  # noqa: BLE001 -- whatever JAX, or the rule that somebody wrote, raises
        return None
    check_exchange(jaxpr)
    if all(str(one.primitive) != "while" for one in all_in(jaxpr)):  # which has no transpose; solvers of linear equations have it
        check_linear(derivative, point, seeds)
    try:
        return _depending(jaxpr, jaxpr.invars[len(point) :])
    except NotImplementedError:  # of `_evaluation`; whatever else is raised is a fault of ours
        return None


def check_linear(
    derivative: Callable[[Sequence[Array], Sequence[Array]], Array], point: Sequence[Array], seeds: Sequence[Array]
) -> None:
    """Refuse a derivative that somebody wrote, as one that clips cotangents, if JAX cannot transpose it as a linear function.

    Such a one gives other results for columns or rows of one matrix than for those of another.
    """

    def transposed(operands: Sequence[Array], seeds: Sequence[Array]) -> Array:
        linear = partial(derivative, operands)
        return jax.linear_transpose(linear, seeds)(linear(seeds))

    try:
        jax.eval_shape(transposed, point, seeds)
    except Exception as error:  # whatever JAX raises of operations that are not linear
        msg = "a derivative that somebody wrote may not be linear in the tangents or cotangents that it gets"
        raise UnplannableError(msg, "reverse") from error


def _depending(jaxpr: core.Jaxpr, seeds: Sequence[core.Var]) -> int:
    """Return what it costs to evaluate all equations that depend on the seeds."""
    depending, cost = set(seeds), 0
    for equation in jaxpr.eqns:
        depends = [not isinstance(atom, core.Literal) and atom in depending for atom in equation.invars]
        if not any(depends):
            continue
        depending.update(variables_written(equation))
        if str(equation.primitive) in {"jit", "pjit"}:
            called = equation.params["jaxpr"].jaxpr
            cost += _depending(called, [variable for variable, does in zip(called.invars, depends, strict=True) if does])
        else:
            cost += _evaluation(equation)
    return cost


def _evaluation(equation: JaxprEqn) -> int:
    """Return what it costs to evaluate an equation, which for one with nothing inside is what a JVP of it costs.

    The rules of functions whose derivative somebody wrote are not asked: such a derivative may well call its own function.
    """
    inside = [equation.params["jaxprs"].solve.jaxpr] if str(equation.primitive) == "custom_linear_solve" else inner(equation)
    if str(equation.primitive) == NO_JVP:
        msg = "a function with a custom VJP has no JVP"
        raise NotImplementedError(msg)
    if not inside:
        return derivative_of(equation).price.jvp or 0
    return trips(equation) * (written(equation) + sum(_evaluation(one) for jaxpr in inside for one in jaxpr.eqns))
