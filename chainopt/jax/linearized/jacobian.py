"""A Jacobian in a pure mode: a linear map is written down once, its coefficients computed apart, and applied to all seeds."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from chainopt.functions.backend import PureBlocks
from chainopt.jax.flat_function import flat_function
from chainopt.jax.linearized.gate import recomputing_mode
from chainopt.jax.staged.apart import always_true, apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jax.extend import core

    from chainopt.functions.trace import Trace
    from chainopt.plan.comparison import Comparison
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array

MOST_KEPT = 16  # coefficients for each entry of the Jacobian: it takes little more memory than the passes do,
FEW = 2**16  # unless there are few
SECONDS, SECONDS_PER_EQUATION = 0.2, 0.007  # that XLA takes to compile it


def linearized(trace: Trace, outputs: int, comparison: Comparison, mode: str) -> PureBlocks | None:
    """Return the Jacobian in a pure mode, where its coefficients are worth computing apart; None elsewhere.

    Parameters
    ----------
    trace : Trace
        Of arrays of real numbers, from JAX.
    outputs : int
        How many of its results are differentiated.
    comparison : Comparison
        Of the pure modes of the function.
    mode : str
        The one of them that is taken where both have as many passes.
    """
    suited = recomputing_mode(trace, outputs, mode)
    plan = {"forward": comparison.forward, "reverse": comparison.reverse, None: None}[suited]
    if suited is None or plan is None:
        return None
    line = Linearized(trace, outputs, plan)
    inputs, results = (sum(one.size for one in ends) for ends in (line.inputs, line.results))
    with suppress(Exception):  # whatever JAX raises that linearizes otherwise than it differentiates
        if line.kept <= max(MOST_KEPT * inputs * results, FEW):
            return PureBlocks(line, suited, SECONDS + SECONDS_PER_EQUATION * len(trace.source.closed.jaxpr.eqns))
    return None


class _Map(NamedTuple):
    """A linear map: a program of constants and seeds, and the places of those constants that are among the arrays of a point."""

    program: core.Jaxpr
    constants: list[Array]
    given: list[int | None]
    is_computed: list[bool]


class Linearized:
    """What computes a Jacobian by a linear map."""

    def __init__(self, trace: Trace, outputs: int, plan: Plan) -> None:
        self._plan, self._is_reverse = plan, plan.mode.value == "reverse"
        self._function, self.inputs, self._others = flat_function(trace, outputs)
        self.results: list[Array] = jax.eval_shape(self._function, *self.inputs, *self._others)

    @property
    def kept(self) -> int:
        """How many coefficients are computed."""
        found = jax.eval_shape(lambda *arrays: _computed(self._map(arrays)), *self.inputs, *self._others)
        return sum(math.prod(one.shape) for one in found)

    def plan(self) -> Plan:
        """Return the plan."""
        return self._plan

    def blocks(self, given: Sequence[Array]) -> list[Array]:
        """Return a block of the Jacobian for each array of the results and each of the inputs, in the type of the input."""
        arrays = [jnp.asarray(array) for array in given]
        written: list[_Map] = []

        def coefficients(*arrays: Array) -> list[Array]:
            written[:] = [self._map(arrays)]
            return _computed(written[0])

        computed = iter(apart(always_true(arrays[: len(self.inputs)]), coefficients, *arrays))
        (linear,) = written
        constants = [
            arrays[place] if place is not None else next(computed) if is_computed else constant
            for constant, place, is_computed in zip(linear.constants, linear.given, linear.is_computed, strict=True)
        ]
        seeded, axis = (self.results, 0) if self._is_reverse else (self.inputs, -1)
        spans = [*pairwise(accumulate((one.size for one in seeded), initial=0))]
        identity = jnp.eye(spans[-1][1], dtype=seeded[0].dtype)
        seeds = [identity[:, slice(*span)].reshape(-1, *one.shape) for span, one in zip(spans, seeded, strict=True)]
        moved = jax.vmap(lambda *each: jax.core.eval_jaxpr(linear.program, constants, *each), out_axes=axis)(*seeds)
        cut = [[jax.lax.slice_in_dim(part, *span, axis=axis) for span in spans] for part in moved]
        rows = zip(*cut, strict=True) if self._is_reverse else cut
        return [
            part.reshape(*result.shape, *one.shape).astype(one.dtype)
            for result, row in zip(self.results, rows, strict=True)
            for one, part in zip(self.inputs, row, strict=True)
        ]

    def _map(self, arrays: Sequence[Array]) -> _Map:
        """Linearize the function at a point, or its transpose."""
        count = len(self.inputs)

        def function(*moving: Array) -> list[Array]:
            results: list[Array] = self._function(*moving, *arrays[count:])
            return results

        if self._is_reverse:
            pull = jax.vjp(function, *arrays[:count])[1]
            closed = jax.make_jaxpr(lambda *cotangents: pull([*cotangents]))(*self.results)
        else:
            closed = jax.make_jaxpr(jax.linearize(function, *arrays[:count])[1])(*self.inputs)
        given = [next((place for place, array in enumerate(arrays) if array is one), None) for one in closed.consts]
        is_computed = [
            isinstance(one, jax.core.Tracer) and place is None for one, place in zip(closed.consts, given, strict=True)
        ]
        return _Map(closed.jaxpr, closed.consts, given, is_computed)


def _computed(linear: _Map) -> list[Array]:
    return [constant for constant, is_computed in zip(linear.constants, linear.is_computed, strict=True) if is_computed]
