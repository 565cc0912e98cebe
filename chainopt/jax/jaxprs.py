"""What JAX's own programs say of themselves: shapes and types, what is inside, and what nobody can plan."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from chainopt.functions.backend import UnplannableError
from chainopt.functions.sparse.derived import Traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from chainopt.typing import Array, Function

BINDING = frozenset({"shard_map", "xla_pmap"})  # whose axes have no meaning outside of them
JaxprEqn: TypeAlias = core.JaxprEqn
EFFECTS = frozenset({"ReadEffect", "WriteEffect", "AccumEffect", "InternalMutableArrayEffect"})  # names that are not public


def shape(atom: core.Var | core.Literal) -> tuple[int, ...]:
    """Return the shape of a variable or a literal; a token, say, has none."""
    axes: tuple[int, ...] = getattr(atom.aval, "shape", ())
    return axes


def dtype(atom: core.Var | core.Literal) -> Array:
    """Return the type of the entries of a variable or a literal."""
    return getattr(atom.aval, "dtype", None)


def size(atom: core.Var | core.Literal) -> int:
    """Return how many entries a variable or a literal has."""
    return math.prod(shape(atom))


def inner(equation: JaxprEqn) -> list[core.Jaxpr]:
    """List the jaxprs that an equation runs."""
    jaxprs = []
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, core.ClosedJaxpr):
                jaxprs.append(part.jaxpr)
            elif isinstance(part, core.Jaxpr):
                jaxprs.append(part)
    return jaxprs


def loop_parts(parameters: Mapping[str, Array]) -> tuple[int, int]:
    """Return how many of the first operands are constants, and how many of those behind them are the state.

    Parameters
    ----------
    parameters : dict
        Of the equation of a scan.
    """
    if "num_consts" in parameters:
        return int(parameters["num_consts"]), int(parameters["num_carry"])
    constants, state, _ = parameters["ft_in"].unpack()  # from JAX 0.11 on
    return len(constants), len(state)


def jaxpr_of(function: Function, *arrays: Array) -> core.ClosedJaxpr:
    """Trace a user's function.

    NumPy's arrays among its constants are copied: as long as JAX's own of one of 64 bits lives, JAX takes it for that array,
    whatever has been written there since.

    Raises
    ------
    UnplannableError
        If it makes, reads or writes a reference: equations are reordered, and dropped where no result needs them. Or if it
        exchanges values.
    """
    closed = jax.make_jaxpr(function)(*arrays)
    if any(type(effect).__name__ in EFFECTS for effect in closed.effects):
        msg = "it uses arrays that are written to, as `jax.new_ref` makes them"
        raise UnplannableError(msg)
    check_exchange(closed.jaxpr)
    kept: core.ClosedJaxpr = closed.replace(
        consts=[each.copy() if isinstance(each, np.ndarray) else each for each in closed.consts]
    )
    return kept


def all_in(jaxpr: core.Jaxpr) -> Iterator[JaxprEqn]:
    """List all equations, those inside of others, too."""
    for equation in jaxpr.eqns:
        yield equation
        if str(equation.primitive) not in BINDING:
            for part in inner(equation):
                yield from all_in(part)


def check_exchange(jaxpr: core.Jaxpr) -> None:
    """Refuse a function, or a derivative that somebody wrote, whose points exchange values.

    JVPs then move all points at once, and VJPs ask all of them: a product of both answers neither question.
    """
    if any(map(_is_collective, all_in(jaxpr))):
        msg = "it exchanges values along a named axis, as `jax.lax.psum` does"
        raise UnplannableError(msg, "reverse")


def _is_collective(equation: JaxprEqn) -> bool:
    """Whether it reads what stands at other points of an axis that has a name."""
    axes = equation.params.get("axes")
    is_named = isinstance(axes, tuple) and any(not isinstance(axis, int | np.integer) for axis in axes)
    is_named |= "axis_name" in equation.params and str(equation.primitive) not in BINDING
    return is_named and bool(equation.invars)


def form_of(value: Array) -> object:
    """Return what jaxprs that compute the same have in common: no names, and no rules, which are other objects each time.

    Parameters
    ----------
    value : ClosedJaxpr
        Or one of its parameters.
    """
    if isinstance(value, core.ClosedJaxpr | core.Jaxpr):  # which are one class from JAX 0.12 on
        jaxpr = getattr(value, "jaxpr", value)
        written = (variable for equation in jaxpr.eqns for variable in equation.outvars)
        places = {variable: place for place, variable in enumerate((*jaxpr.constvars, *jaxpr.invars, *written))}

        def atoms(read: Sequence[Array]) -> list[object]:
            return [form_of(atom.val) if isinstance(atom, core.Literal) else (places[atom], str(atom.aval)) for atom in read]

        equations = [(each.primitive, form_of(each.params), atoms(each.invars), atoms(each.outvars)) for each in jaxpr.eqns]
        read = atoms((*jaxpr.constvars, *jaxpr.invars))
        return form_of(getattr(value, "consts", ())), read, equations, atoms(jaxpr.outvars)
    if isinstance(value, dict):
        return {name: form_of(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [*map(form_of, value)]
    if isinstance(value, jax.core.Tracer) or jnp.issubdtype(getattr(value, "dtype", np.void), jax.dtypes.extended):
        return id(value)
    if isinstance(value, jax.Array | np.ndarray | np.generic):
        return str(value.dtype), np.shape(value), np.asarray(value).tobytes()
    return None if callable(value) or hasattr(value, "call_wrapped") else value


class TracedJaxpr(Traced, Protocol):
    """A function as a jaxpr, as far as others are made of it."""

    inputs: Sequence[Array]
    """By which it is differentiated: shapes and types."""
    others: Sequence[Array]
    """Its further arguments."""

    def run(self, inputs: Sequence[Array], others: Sequence[Array]) -> list[Array]:
        """Compute all results."""
