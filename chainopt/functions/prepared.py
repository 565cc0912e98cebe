"""A function, traced and cut for one signature of its arguments, and what computes its Jacobian from there."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.execution.dependencies import needs
from chainopt.functions.backend import NOT_REAL, UnplannableError
from chainopt.functions.blockwise import Blockwise
from chainopt.functions.complex_sections import with_real_steps
from chainopt.functions.computation_graph import carrying
from chainopt.functions.low_rank import Halves, halves_of
from chainopt.functions.mode_choice import choice_by_shapes, compared, plan_of
from chainopt.functions.program import Program, cut
from chainopt.functions.sequential import stages_of
from chainopt.functions.signature import ARRAY, SCALARS, static_key
from chainopt.functions.trace import REAL
from chainopt.functions.unpack import Results, blocks, sides

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.program import Section
    from chainopt.functions.signature import Call
    from chainopt.functions.trace import Trace
    from chainopt.plan.comparison import Comparison
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array, DType, Function, PyTree

Recording = dict[tuple[str, int | None], "Callable[..., list[Array]]"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """A program with its plans, and how its results are put together."""

    backend: Backend
    program: Program
    comparison: Comparison
    results: Results
    dtype: DType  # of the matrices that go through its stages: no stage has a wider one
    halves: Halves | None
    recorded: Recording = field(default_factory=dict)

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether it holds arrays that are gone as soon as a transformation ends."""
        return any(map(self.backend.is_traced, self.program.trace.constants.values()))

    @cached_property
    def names(self) -> frozenset[str]:
        """Those of what it evaluates."""
        sections = (section.equations for section in self.program.sections)
        return frozenset(equation.name for equations in (self.program.fixed, *sections) for equation in equations)

    def plan_of(self, mode: str) -> Plan:
        """Return the plan that runs in a mode."""
        return plan_of(self.comparison, mode)

    def computation(self, mode: str, chunk_size: int | None, arrays: Sequence[Array]) -> Callable[..., list[Array]]:
        """Return what computes the flat results.

        Parameters
        ----------
        mode : str
            "planned", or a pure one.
        chunk_size : int, optional
            How many columns, or rows, go through a stage at once.
        arrays : sequence of arrays
            Arguments like those that it will get: it is recorded once, where that is possible.

        Raises
        ------
        InfeasibleError
            If the function lacks the mode.
        """
        recorded = self.recorded.get((mode, chunk_size))
        can_record = self.backend.can_record()
        if can_record and recorded is not None and self.backend.can_replay(recorded, arrays):
            return self.backend.replayed(recorded)
        computation = partial(self._computed, plan_of(self.comparison, mode), chunk_size)
        if not can_record or recorded is not None:
            return computation
        recorded = self.recorded.setdefault((mode, chunk_size), self.backend.record(computation, arrays, self.names))
        return self.backend.replayed(recorded) if self.backend.can_replay(recorded, arrays) else computation

    def assembled(self, flat: Sequence[Array]) -> Array:
        """Return what the caller gets."""
        return self.results.assembled(self.backend, flat)

    def _computed(self, plan: Plan, chunk_size: int | None, *given: Array) -> list[Array]:
        program, results = self.program, self.results
        trace, arrays = program.trace, self.backend.arrays(given[0])
        values = trace.constants | dict(zip((*trace.inputs, *trace.others), given, strict=True))
        for equation in program.fixed:
            equation.run(values)
        used = needs(len(program.sections), plan.operations)[::-1]
        read_later = trace.outputs if results.with_value else trace.outputs[results.outputs :]
        stages = self.backend.stages(program, values, used, self.dtype, needs_all=len(read_later) > 0)[::-1]
        if self.halves is not None:
            factors = self.halves.execute(stages, lambda size: arrays.identity(size, self.dtype), chunk_size)
            found = sides(program, results.outputs, factors, arrays)
        else:
            found = blocks(program, results.outputs, plan.execute(stages, chunk_size=chunk_size), arrays)
        return [*found, *(values[variable] for variable in read_later)]


def section_function(section: Section, values: dict[int, Array]) -> Callable[..., tuple[Array, ...]]:
    """Return a section as a function of the variables before it; ``values`` are those of all others that it reads."""

    def function(*given: Array) -> tuple[Array, ...]:
        local = values | dict(zip(section.before, given, strict=True))
        for equation in section.equations:
            equation.run(local)
        return tuple(local[variable] for variable in section.after)

    return function


class Returned:
    """What a function returned while it was traced, taken apart."""

    def __init__(self, backend: Backend, *, has_aux: bool) -> None:
        self.backend, self.has_aux = backend, has_aux
        self.tree: PyTree = None
        self.outputs = 0
        self.aux_tree: PyTree = None
        self.aux: tuple[Array, ...] = ()

    def leaves(self, returned: PyTree, *, is_last: bool) -> list[Array]:
        """Return the arrays among it."""
        if not is_last or not self.has_aux:
            leaves, self.tree = self.backend.flatten(returned)
            self.outputs = len(leaves)
            return leaves
        pair = self.backend.as_pair(returned)
        if pair is None:
            msg = f"has_aux is True, but the function returned a {type(returned).__name__}, not a pair of a value and others"
            raise UnplannableError(msg)
        leaves, self.tree = self.backend.flatten(pair[0])
        self.outputs = len(leaves)
        more, self.aux_tree = self.backend.flatten(pair[1])
        arrays = [leaf for leaf in more if self.backend.is_result(leaf)]
        self.aux = tuple(ARRAY if self.backend.is_result(leaf) else leaf for leaf in more)
        for leaf in self.aux:
            if leaf is not ARRAY and type(leaf) not in SCALARS:
                msg = f"its auxiliary data hold a {type(leaf).__name__}, which may differ each time"
                raise UnplannableError(msg, "reverse")  # through which such data go in both libraries
        return [*leaves, *arrays]


def prepare(backend: Backend, function: Function, call: Call, options: Options) -> Prepared | Blockwise:
    """Trace and cut a function for the signature of a call.

    Raises
    ------
    UnplannableError
        If its derivative is no matrix of real numbers. What tracing raises is let through.
    """
    returned = Returned(backend, has_aux=options.has_aux)
    for leaf in call.inputs:
        backend.check_input(leaf)
    is_plain = len(call.rest) == 1 and call.rest_tree is None and not call.is_tuple  # as a composition takes it: one argument
    parts = stages_of(function) if is_plain else (function,)
    primal = None
    if options.is_hessian:
        _check_one_dtype(backend, call)
        whole = Returned(backend, has_aux=options.has_aux)
        primal = flat_functions(backend, parts, lambda arrays: call.arguments(backend, arrays), whole)
        parts = (backend.gradient(function, options),)
    functions = flat_functions(backend, parts, lambda arrays: call.arguments(backend, arrays), returned)
    trace = with_real_steps(backend.trace(functions, call.inputs, call.others, call.besides, primal))
    pure = choice_by_shapes(trace, returned.outputs)
    if options.holomorphic:
        msg = "it is holomorphic"
        raise UnplannableError(msg, pure)
    _check_reals(trace, returned.outputs, pure)
    results = Results(
        call.input_tree,
        len(call.inputs),
        returned.tree,
        returned.outputs,
        returned.aux_tree,
        returned.aux,
        options.has_aux,
        options.with_value,
        options.low_rank,
    )
    if options.mode in {"auto", "elimination"} and not options.low_rank:
        _check_dtypes(backend, trace, returned.outputs)
        line = backend.straight_line(trace, returned.outputs, is_demanded=options.mode == "elimination")
        if line is not None:
            return Blockwise(backend, trace, line, results, "elimination")
    if options.mode in {"auto", "planned"} and not options.low_rank and options.chunk_size is None and len(parts) == 1:
        line = backend.sparse_stages(trace, returned.outputs)
        if line is not None:
            _check_dtypes(backend, trace, returned.outputs)
            return Blockwise(backend, trace, line, results, "planned")
    program = cut(trace, returned.outputs, low_rank=options.low_rank)
    if program is None:
        msg = "nothing between its inputs and its results depends on the inputs by real numbers alone, or all of it is empty"
        raise UnplannableError(msg, pure)
    _check_dtypes(backend, trace, returned.outputs)
    halves = halves_of(program) if options.low_rank else None
    return Prepared(backend, program, compared(program), results, _dtype_of(backend, program), halves)


def recorded(backend: Backend, function: Function, call: Call, options: Options) -> object:
    """Trace a function again, and return what it computes: equal for what computes the same.

    Raises
    ------
    UnplannableError
        If it cannot be traced.
    """
    returned = Returned(backend, has_aux=options.has_aux)
    functions = flat_functions(backend, (function,), lambda arrays: call.arguments(backend, arrays), returned)
    try:
        form = backend.form(functions[0], (*call.inputs, *call.others))
    except Exception as error:
        msg = "it cannot be traced again after what it writes"
        raise UnplannableError(msg) from error
    return form, returned.tree, returned.aux_tree, [*map(static_key, returned.aux)]


def flat_functions(
    backend: Backend,
    parts: Sequence[Callable[..., Array]],
    arguments: Callable[[Sequence[Array]], tuple[list[Array], dict[str, Array]]],
    returned: Returned,
) -> list[Callable[..., list[Array]]]:
    """Return the stages of a function, from a flat list of arrays to the next.

    Parameters
    ----------
    backend : Backend
        Of whose arrays they are.
    parts : sequence of callable
        The stages, of pytrees.
    arguments : callable
        Makes the arguments of the first one from arrays.
    returned : Returned
        Takes apart what each returns.
    """

    def first(*arrays: Array) -> list[Array]:
        args, kwargs = arguments(arrays)
        return returned.leaves(parts[0](*args, **kwargs), is_last=len(parts) == 1)

    def following(part: Callable[[Array], Array], *, is_last: bool) -> Callable[..., list[Array]]:
        return lambda *arrays: returned.leaves(part(backend.unflatten(returned.tree, arrays)), is_last=is_last)

    return [first, *(following(part, is_last=number == len(parts)) for number, part in enumerate(parts[1:], 2))]


def _check_one_dtype(backend: Backend, call: Call) -> None:
    """Refuse a Hessian by arrays of several dtypes: that of a block is not the one that a Jacobian has there."""
    dtypes = {backend.common_dtype([getattr(leaf, "dtype", leaf)]) for leaf in call.inputs}
    if len(dtypes) > 1:
        msg = f"it is differentiated twice with respect to arrays of {' and '.join(sorted(map(str, dtypes)))}"
        raise UnplannableError(msg)


def _check_reals(trace: Trace, outputs: int, pure: str) -> None:
    """Refuse inputs and results that are not of real numbers."""
    for name, variables in (("an input", trace.inputs), ("a result", trace.outputs[:outputs])):
        for variable in variables:
            of_variable = trace.variables[variable]
            if of_variable.kind != REAL:
                msg = NOT_REAL.format(name, of_variable.dtype)
                raise UnplannableError(msg, pure)


def _check_dtypes(backend: Backend, trace: Trace, outputs: int) -> None:
    """Refuse a result that is narrower than an input: reverse mode has the block in the dtype of the input, and as exact."""
    variables = carrying(trace)
    of_inputs = [trace.variables[variable].dtype for variable in trace.inputs]
    for variable in trace.outputs[:outputs]:
        dtype = trace.variables[variable].dtype
        if variable in variables and backend.common_dtype([dtype, *of_inputs]) != dtype:
            widest = backend.common_dtype(of_inputs)
            msg = f"a result is of {dtype}, too narrow for the block of an input of {widest}"
            raise UnplannableError(msg, "reverse")


def _dtype_of(backend: Backend, program: Program) -> Array:
    variables = {variable for section in program.sections for variable in (*section.before, *section.after)}
    return backend.common_dtype([program.trace.variables[variable].dtype for variable in variables])


def traced(backend: Backend, function: Function, arguments: tuple[Array, ...]) -> Trace:
    """Trace a function of pytrees of arrays, all of which are inputs.

    Raises
    ------
    ChainError
        If it does what no trace shows.
    """
    leaves, tree = backend.flatten(arguments)
    parts = stages_of(function) if len(arguments) == 1 else (function,)
    returned = Returned(backend, has_aux=False)
    functions = flat_functions(backend, parts, lambda arrays: (backend.unflatten(tree, arrays), {}), returned)
    try:
        return with_real_steps(backend.trace(functions, leaves, []))
    except UnplannableError as error:
        msg = f"the function has no graph of variables, for {error}"
        raise ChainError(msg) from None
