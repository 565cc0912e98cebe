"""The judge of JAX programs: what chainopt makes of one, in every way in which it can be called, against JAX's own functions."""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainopt import ChainError
from chainopt.jax import jacobian

IS_WHOLE = bool(os.environ.get("CHAINOPT_NIGHTLY"))  # every program in every way: some ten minutes
TOLERANCES = {"float64": 1e-9, "complex128": 1e-9, "float32": 3e-4, "complex64": 3e-4, "float16": 2e-2, "bfloat16": 6e-2}
CALLS = (0, 0, 1, 0)  # at which points a kept callable is called: by the library's own function first, then by its program


@dataclasses.dataclass(frozen=True)
class Program:
    """A function with the arguments at which it is differentiated, and what is asked of its Jacobian."""

    function: Callable
    points: Any  # what returns two tuples of arguments, until it is called: arrays of float64 are made where that is enabled
    keywords: Mapping[str, Any]
    asked: Mapping[str, Any]
    tolerance: float | None

    def own(self, make):
        """Return JAX's own Jacobian function, as ``make`` makes it."""
        asked = {name: value for name, value in self.asked.items() if name != "allow_int" or make is jax.jacrev}
        return make(self.function, **asked)


def case(function, *shapes, points=None, keywords=None, tolerance=None, dtype=np.float64, **asked):
    """Make a program of a function, with two points: drawn for shapes, or as they are given."""

    def drawn():
        rng = np.random.default_rng(len(shapes) + 1)
        return tuple(tuple(jnp.asarray(rng.standard_normal(shape), dtype) for shape in shapes) for _ in range(2))

    return Program(function, points or drawn, keywords or {}, asked, tolerance)


def lack(found, expected, tolerance=None):
    """Return what is different, None where nothing is."""
    if jax.tree.structure(found) != jax.tree.structure(expected):
        return f"{jax.tree.structure(found)} in the place of {jax.tree.structure(expected)}"
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if not isinstance(other, jax.Array):
            if type(one) is not type(other) or one != other:
                return f"{one!r} in the place of {other!r}"
            continue
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{one.dtype}{one.shape} in the place of {other.dtype}{other.shape}"
        if not jnp.issubdtype(other.dtype, jnp.inexact):
            if not bool(jnp.all(one == other)):
                return "other values of what has no derivative"
            continue
        bound = tolerance or TOLERANCES[str(other.dtype)]
        kind = complex if jnp.iscomplexobj(other) else float
        left, right = np.asarray(one).astype(kind), np.asarray(other).astype(kind)
        is_finite = np.isfinite(right)
        if not np.array_equal(np.isfinite(left), is_finite):
            return "finite elsewhere"
        off = abs(left - right)[is_finite].max(initial=0)
        if off > bound * max(abs(right[is_finite]).max(initial=0), 1e-3):
            return f"off by {off:.3g}"
    return None


def complaints(programs, name):
    """Return what is wrong with what chainopt makes of one of several programs; an empty list where nothing is.

    Every eighth one is transformed, too, and not only called; all are with the environment variable CHAINOPT_NIGHTLY.
    """
    return verdict(programs[name], is_transformed=IS_WHOLE or [*programs].index(name) % 8 == 0)


def verdict(program, *, is_transformed):
    """Return what is wrong with what chainopt makes of a program."""
    program = dataclasses.replace(program, points=program.points())
    found = []
    make = jax.jacrev if _has_mode(program, jax.jacrev) else jax.jacfwd
    forms = ("jit", "vmap", "grad") if is_transformed else ("jit",)
    expected = _transformed(program.own(make), program, forms)
    values = expected["jit"]
    if isinstance(values, Exception):  # it reads values, which compiled functions have not, or returns what is no array
        values = [program.own(make)(*point, **program.keywords) for point in program.points]
    kept = {mode: jacobian(program.function, mode=mode, **program.asked) for mode in ("auto", "planned")}
    for mode in ("auto", "planned"):
        for number, at in enumerate(CALLS if mode == "auto" else CALLS[1:]):
            answer = _answer(lambda mode=mode, at=at: kept[mode](*program.points[at], **program.keywords))
            if mode == "auto" or not isinstance(answer, ChainError):  # a refusal to plan is an answer
                _note(found, f"{mode}, call {number}", answer, values[at], program.tolerance)
            elif not number:
                del kept["planned"]
                break
    for mode in ("auto", "planned") if IS_WHOLE else ("planned",):
        if mode in kept and is_transformed:
            answers = _transformed(kept[mode], program, forms)
            for form in answers.keys() & expected.keys():
                if not isinstance(expected[form], Exception):  # else JAX's own cannot be transformed in this way
                    _note(found, f"{mode}, {form}", answers[form], expected[form], program.tolerance)
    return found


def _has_mode(program, make):
    try:
        run, arrays = _forms(program.own(make), program)["jit"]
        jax.eval_shape(lambda given: [*filter(_is_array, jax.tree.leaves(run(given)))], arrays)
    except jax.errors.ConcretizationTypeError:
        return True
    except Exception:  # noqa: BLE001 -- whatever JAX raises of a function that lacks a mode
        return False
    return True


def _transformed(derivative, program, names):
    """Return what a Jacobian is at both points, compiled, in a batch, and differentiated: compiled together if that works."""
    forms = {name: form for name, form in _forms(derivative, program).items() if name in names}
    given = {name: arrays for name, (_, arrays) in forms.items()}
    together = _answer(jax.jit(lambda given: {name: run(given[name]) for name, (run, _) in forms.items()}), given)
    if not isinstance(together, Exception):
        return together
    return {name: _answer(jax.jit(run), given[name]) for name, (run, _) in forms.items()}


def _answer(function, *args):
    try:
        return function(*args)
    except Exception as error:  # noqa: BLE001 -- it is told, or what JAX itself raises
        return error


def _note(found, where, answer, expected, tolerance):
    if isinstance(answer, Exception):
        found.append(f"{where}: {type(answer).__name__}: {answer}"[:300])
    elif (different := lack(answer, expected, tolerance)) is not None:
        found.append(f"{where}: {different}")


def _is_array(leaf):
    return isinstance(leaf, jax.Array | np.ndarray)


def _forms(derivative, program):
    """Return the transformed forms of a Jacobian: functions, and the arrays of the points that each is given."""
    points = [jax.tree.flatten((point, dict(program.keywords))) for point in program.points]
    arrays = [[leaf for leaf in leaves if _is_array(leaf)] for leaves, _ in points]
    is_alike = points[0][1] == points[-1][1] and [*map(np.shape, arrays[0])] == [*map(np.shape, arrays[-1])]
    pairs = [[one, other] for one, other in zip(arrays[0], arrays[-1 if is_alike else 0], strict=True)]

    def at(point, given):
        leaves, tree = points[point]
        supply = iter(given)
        args, keywords = jax.tree.unflatten(tree, [next(supply) if _is_array(leaf) else leaf for leaf in leaves])
        return derivative(*args, **keywords)

    def slope(given):
        moving = [at for at, array in enumerate(given) if jnp.issubdtype(array.dtype, jnp.floating)]

        def total(moved):
            leaves = jax.tree.leaves(at(0, (dict(enumerate(given)) | dict(zip(moving, moved, strict=True))).values()))
            return sum(jnp.sum(jnp.sin(jnp.real(leaf))) for leaf in leaves if _has_slope(leaf))

        return jax.grad(total)([given[position] for position in moving])

    return {
        "jit": (lambda both: [at(number, given) for number, given in enumerate(both)], arrays),
        "vmap": (lambda given: jax.vmap(lambda arrays: at(0, arrays))([jnp.stack(pair) for pair in given]), pairs),
        "grad": (slope, arrays[0]),
    }


def _has_slope(leaf):
    return _is_array(leaf) and bool(jnp.issubdtype(leaf.dtype, jnp.inexact))
