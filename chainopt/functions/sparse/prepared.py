"""A sparse Jacobian whose pattern and colors are known, for arguments of certain shapes."""

from __future__ import annotations

import functools
import pickle
import warnings
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.environment import Environment
from chainopt.functions.places import written
from chainopt.functions.prepared import recorded
from chainopt.functions.reading import Reading
from chainopt.functions.restored import restored
from chainopt.functions.signature import ARRAY, Call, static_key
from chainopt.functions.sparse.given_pattern import GivenPattern
from chainopt.functions.sparse.preparation import prepare_sparse
from chainopt.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chainopt.functions.options import Options
    from chainopt.functions.sparse.backend import SparseBackend
    from chainopt.functions.sparse.program import SparseProgram
    from chainopt.plan.plan import Plan
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, Function, PlainDict

CHANGED = "what the function reads besides its arguments has changed since its Jacobian was prepared: prepare it anew"


class PreparedJacobian:
    """The sparse Jacobian of a function for arguments of certain shapes; ``jacobian(f, sparse=True).prepare(*args)`` makes it.

    Under `jax.jit` and other transformations it is traced like any function. Where the library's sparse arrays do not support a
    transformation, as PyTorch's do not support `torch.func.vmap`, use `nonzeros`. What the function reads besides its arguments
    must stay as it is: if it has changed, a call raises. After unpickling, the first call compares the pattern with a product.

    Attributes
    ----------
    pattern : scipy.sparse.csr_array of bool
        Where nonzeros may be: flattened results by flattened inputs.
    colors : Coloring
        ``colors.columns`` and ``colors.rows`` are the colors of columns and rows, ``colors.jvps`` and ``colors.vjps`` how many
        there are.
    plan : Plan or None
        The order in which the Jacobians of stages are multiplied; None where the whole is colored.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian
    >>> prepared = jacobian(lambda x: x[1:] * x[:-1], sparse=True).prepare(jnp.ones(4))
    >>> prepared.colors, prepared.pattern.nnz
    (Coloring(2 JVPs of 4 columns), 6)
    >>> prepared(jnp.arange(4.0)).todense().tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 1.0, 0.0], [0.0, 0.0, 3.0, 2.0]]
    """

    def __init__(self, backend: SparseBackend, function: Function, options: Options, call: Call) -> None:
        functools.update_wrapper(self, function, updated=())
        self._backend, self._function, self._options = backend, function, options
        self._signature = _signature(backend, call)
        self._known: tuple[Entries, Coloring] | None = None
        self._described: Array = None
        self._program: SparseProgram | None = None
        self._environment: Environment | None = None
        self._besides: Sequence[Array] | None = None
        program = self._prepared(call)
        self._known = program.entries, program.coloring
        self.plan: Plan | None = getattr(program.recorded, "plan", None)

    @property
    def pattern(self) -> Entries:
        """Where nonzeros may be, as an array of its own."""
        return self._entries_and_colors()[0].copy()

    @property
    def colors(self) -> Coloring:
        """The colors of columns and rows."""
        return self._entries_and_colors()[1]

    def __repr__(self) -> str:
        entries, coloring = self._entries_and_colors()
        rows, columns = entries.shape
        return f"<sparse Jacobian of {self._function!r}: {rows}x{columns}, {counted(entries.nnz, 'nonzero')}, {coloring}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """Return the Jacobian at a point.

        Raises
        ------
        ChainError
            If the arguments are not like those for which it was prepared, or what the function reads has changed.
        """
        if self._backend.dense.is_compiling():
            return self._backend.dense.uncompiled(self._called)(*args, **kwargs)
        return self._called(*args, **kwargs)

    def nonzeros(self, *args: Any, **kwargs: Any) -> Array:
        """Return the values alone in place of each sparse array, in the order of its part of the pattern.

        Raises
        ------
        ChainError
            As a call does.
        """
        program, call = self._current(args, kwargs)
        return program.values(call.arrays, self._besides)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the pattern with its colors, a point for each nonzero.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Raises
        ------
        ChainError
            If matplotlib is not installed, or ``ax`` is something else.
        """
        from chainopt.report.pattern_figure import plot_pattern

        return plot_pattern(*self._entries_and_colors(), ax)

    def _called(self, *args: Any, **kwargs: Any) -> Array:
        program, call = self._current(args, kwargs)
        return program(call.arrays, self._besides)

    def _current(self, args: tuple[Array, ...], kwargs: dict[str, Array]) -> tuple[SparseProgram, Call]:
        """Return the program, if it fits."""
        call = Call.read(self._backend.dense, self._options.argnums, args, kwargs)
        described = _described(self._backend, call)
        if described != self._described:  # else it is as quickly told as seen
            _check_alike(self._signature, _signature(self._backend, call))
            self._described = described
        program = self._program
        if program is None:
            program = self._prepared(call)
        elif self._environment is None or not self._environment.is_unchanged() or not program.is_current():
            raise ChainError(CHANGED)
        return program, call

    def __setstate__(self, state: PlainDict) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PyTorch's, of the trees that it has written itself
            signature = pickle.loads(state["_signature"])  # noqa: S301 -- whoever reads this is unpickling already
        vars(self).update(state | {"_signature": signature})

    def __getstate__(self) -> PlainDict:
        return vars(self) | {
            "_signature": pickle.dumps(self._signature),
            "_options": replace(self._options, pattern=None),
            "_program": None,
            "_environment": None,
            "_besides": None,
            "_described": None,
        }

    def _entries_and_colors(self) -> tuple[Entries, Coloring]:
        assert self._known is not None
        return self._known

    def _prepared(self, call: Call) -> SparseProgram:
        """Make the program, and watch what the function reads, but for what it writes itself."""
        dense, options, coloring = self._backend.dense, self._options, None
        if self._known is not None and options.sparse is True:  # then it was unpickled, and the function may be another one
            entries, coloring = self._known
            options = replace(options, pattern=GivenPattern(entries))
        roots = Reading(dense, self._function).roots(call)
        if dense.must_read:
            with suppress(UnplannableError):  # then nobody knows all that it reads: it is called anew each time
                read = dense.read_by(roots)
                self._besides = None if read is None else tuple(read.arrays)
        call = call._replace(besides=tuple(self._besides or ()))
        try:
            environment = Environment(dense, roots)
            before = environment.places()
            with restored(dense, roots) as tracing:
                program = prepare_sparse(self._backend, self._function, call, options, coloring)
                if coloring is not None and dense.must_read:  # for the numbers that decide on the pattern, to be watched
                    with suppress(ChainError):
                        program.recorded.detected()
                changed = written(before, environment.places())
                tracing.keep(functools.partial(recorded, dense, self._function, call, options))
            self._environment = Environment(dense, roots, changed)
        except UnplannableError as error:
            msg = f"the function has no prepared sparse Jacobian, for {error}"
            raise ChainError(msg) from error
        if not program.belongs_to_a_transformation:
            self._program = program
        return program


def _described(backend: SparseBackend, call: Call) -> Array:
    """Return what decides whether calls are alike, as the library has it."""
    arrays = [backend.dense.describe(leaf) for leaf in call.arrays]
    return arrays, len(call.inputs), call.input_tree, call.rest_tree, [*map(static_key, call.rest)]


def _signature(backend: SparseBackend, call: Call) -> PlainDict:
    """Return what of a call must stay the same; it can be pickled where the pytrees can."""
    arrays = [(tuple(getattr(leaf, "shape", ())), _dtype_name(backend, leaf)) for leaf in call.arrays]
    return {
        "trees": (call.input_tree, call.rest_tree),
        "rest": [None if leaf is ARRAY else leaf for leaf in call.rest],
        "arrays": arrays,
        "inputs": len(call.inputs),
    }


def _dtype_name(backend: SparseBackend, leaf: Array) -> str:
    """Return the name of the dtype that an array has in the function, which may be narrower than the one that it has outside."""
    try:
        return str(backend.dense.common_dtype([getattr(leaf, "dtype", leaf)]))
    except TypeError:  # of what are no numbers, as keys of random ones
        return str(leaf.dtype)


def _check_alike(prepared: PlainDict, given: PlainDict) -> None:
    """Refuse arguments that are not like those for which the Jacobian was prepared."""
    count = prepared["inputs"]
    if prepared["trees"] != given["trees"] or len(prepared["rest"]) != len(given["rest"]) or count != given["inputs"]:
        msg = "the arguments are nested differently from those for which the Jacobian was prepared: prepare it for them"
        raise ChainError(msg)
    for number, (before, now) in enumerate(zip(prepared["arrays"], given["arrays"], strict=False)):
        if before != now:
            what = f"input {number}" if number < count else f"array {number - count} among the other arguments"
            msg = (
                f"{what} is of shape {now[0]} and {now[1]}, but the Jacobian was prepared for shape {before[0]} and {before[1]}:"
                " prepare it for these, or call jacobian(f, sparse=True), which takes any"
            )
            raise ChainError(msg)
    if [*map(static_key, prepared["rest"])] != [*map(static_key, given["rest"])]:
        msg = "an argument that is not an array differs from the one for which the Jacobian was prepared: prepare it for this one"
        raise ChainError(msg)
