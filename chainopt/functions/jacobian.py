"""The Jacobian of a function: planned where that pays, else as the library's own functions compute it."""

from __future__ import annotations

import functools
import time
from contextlib import suppress
from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError, InfeasibleError
from chainopt.functions.autotune import fastest
from chainopt.functions.first_calls import entries_of_jacobian, hint_of, note_call, note_look, note_results
from chainopt.functions.prepared import Prepared
from chainopt.functions.refusals import Refusals
from chainopt.functions.signature import Call
from chainopt.functions.strategies import Strategies
from chainopt.functions.strategy import PROGRAM_MODES, Strategy, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.autotune import Tuned
    from chainopt.functions.backend import Backend
    from chainopt.functions.blockwise import Blockwise
    from chainopt.functions.options import Options
    from chainopt.graphs.elimination.result import Elimination
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array, Function

    Computation = tuple[Function, Sequence[Array] | None, Callable[[Array], Array]]

MOST_ENTRIES = 2_500  # of a Jacobian whose straight-line code is timed: that of larger ones takes longest of all to compile


class JacobianFunction:
    """A function that returns the Jacobian of another; `jacobian` makes it.

    Parameters
    ----------
    backend : Backend
        The library whose arrays the function takes.
    function : callable
        The function to differentiate.
    options : Options
        What is asked for.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian
    >>> derivative = jacobian(lambda x: jnp.ones((400, 2)) @ jnp.sin(jnp.ones((2, 300)) @ x))
    >>> derivative(jnp.zeros(300)).shape
    (400, 300)
    >>> derivative.plan(jnp.zeros(300)).mode.value
    'hybrid'
    """

    def __init__(self, backend: Backend, function: Function, options: Options) -> None:
        functools.update_wrapper(self, function, updated=())
        self.__dict__.setdefault("__name__", type(function).__name__)  # PyTorch's vmap asks for it
        self.backend, self.function, self.options = backend, function, options
        self._strategies = Strategies(backend, function, options)
        self._own: dict[str, Function] = {}
        self._refusals = Refusals()

    def __repr__(self) -> str:
        name = "hessian" if self.options.is_hessian else "jacobian"
        return f"{name}({self.function!r}, argnums={self.options.argnums!r}, mode={self.options.mode!r})"

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes it anew: what is known of its calls holds for this function in this process."""
        return type(self), (self.backend, self.function, self.options)

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """Return the Jacobian at a point, in the pytrees in which the library's own functions return it."""
        options = self.options
        if options.is_pure and (options.chunk_size is None or options.mode in self.backend.chunked_modes):
            return self._library(options.mode)(*args, **kwargs)
        if self.backend.is_compiling():  # planning is Python for Python; what is planned is what a compiler should see
            run, arrays, finish = self.backend.uncompiled(self._computation)(args, kwargs)
            return run(*args, **kwargs) if arrays is None else finish(run(*arrays))
        if self._refusals.rest():
            if not self.backend.compiles_transformed:  # then it is one mode, whatever the sizes are
                return self._by_library(Strategy(None, options.library_mode()), args, kwargs)
            call = Call.read(self.backend, options.argnums, args, kwargs)
            return self._unplanned(Strategy(None, self._strategies.suited_mode(call)), call, args, kwargs)
        return self._run(args, kwargs)

    def plan(self, *args: Any, **kwargs: Any) -> Plan | Elimination:
        """Return the plan that a call with these arguments would run, without running it.

        For straight-line code it is an elimination of the same graph. Its order may be cheaper than that of the code, which is
        chosen by the operations of the code, where shared numbers count once.

        Raises
        ------
        ChainError
            If the function cannot be traced as a chain of real arrays; the message says why.
        """
        strategy, _ = self._strategies.of(Call.read(self.backend, self.options.argnums, args, kwargs), at_once=True)
        if strategy.prepared is None:
            raise strategy.refusal()
        return strategy.prepared.plan_of(strategy.mode)

    def tune(self, *args: Any, **kwargs: Any) -> Tuned:
        """Time the planned Jacobian and the library's own functions once, and return the fastest.

        In JAX, straight-line code (``mode="elimination"``) is timed too, where the Jacobian has few entries.

        Returns
        -------
        Tuned
            A callable; its ``times`` are the seconds of each, infinite where one fails, and its ``plan`` is the winner's.
        """
        made = {mode: JacobianFunction(self.backend, self.function, replace(self.options, mode=mode)) for mode in PROGRAM_MODES}
        if not (self._may_be_straight_line(args, kwargs) and made["elimination"]._has_program(args, kwargs)):  # noqa: SLF001 -- ours
            del made["elimination"]
        candidates: dict[str, Function] = {}
        if not self.options.low_rank:
            candidates = {"forward": self._library("forward"), "reverse": self._library("reverse")}
            if self.options.mode == "auto" and self.backend.compiles_transformed:
                strategy, _ = self._strategies.of(Call.read(self.backend, self.options.argnums, args, kwargs), at_once=True)
                if strategy.mode in candidates and strategy.runs_a_program:  # which is faster than the library's own
                    candidates[strategy.mode] = self
        candidates.update(made.items())
        compiled = {name: self.backend.compiled(call) for name, call in candidates.items()}
        tuned = fastest(compiled, lambda call: self.backend.wait(call(*args, **kwargs)))
        planned = made["elimination" if tuned.mode == "elimination" else "planned"]
        return replace(tuned, plan=planned._plan_in(tuned.mode, args, kwargs))  # noqa: SLF001 -- our own

    def _may_be_straight_line(self, args: tuple[Array, ...], kwargs: dict[str, Array]) -> bool:
        """Whether straight-line code can be written, and compiled in a time that is worth waiting for."""
        if not self.backend.has_straight_lines or self.options.low_rank:
            return False
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        entries = entries_of_jacobian(self.backend, self.function, call, self.options)
        return entries is not None and entries <= MOST_ENTRIES

    def _has_program(self, args: tuple[Array, ...], kwargs: dict[str, Array]) -> bool:
        """Whether there is a program for a call."""
        strategy, _ = self._strategies.of(Call.read(self.backend, self.options.argnums, args, kwargs), at_once=True)
        return strategy.prepared is not None

    def _plan_in(self, mode: str, args: tuple[Array, ...], kwargs: dict[str, Array]) -> Plan | Elimination | None:
        """Return the plan of a mode; None where there is none."""
        strategy, _ = self._strategies.of(Call.read(self.backend, self.options.argnums, args, kwargs), at_once=True)
        with suppress(InfeasibleError):
            return None if strategy.prepared is None else strategy.prepared.plan_of(mode)
        return None

    def prepare(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ARG002 -- sparse ones do
        """Find pattern and colors of a sparse Jacobian once; a dense one has none.

        Raises
        ------
        ChainError
            Unless the Jacobian was made with ``sparse=True``.
        """
        msg = "prepare(...) is for sparse Jacobians: ask for one with sparse=True"
        raise ChainError(msg)

    def _run(self, args: tuple[Array, ...], kwargs: dict[str, Array]) -> Array:
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        at_once, is_new = self.options.mode != "auto" or self.options.must_plan, self._strategies.is_new
        begun = time.perf_counter()
        strategy, arrays = self._strategies.of(call, at_once=at_once)
        looked = time.perf_counter() - begun
        result = self._found(strategy, arrays, call, looked, args, kwargs)
        if is_new and not at_once and not self._strategies.tracings:
            whole = time.perf_counter() - begun
            note_look(self.backend, self.function, self.options, call, strategy, looked, whole)
        return result

    def _found(
        self,
        strategy: Strategy,
        arrays: Sequence[Array],
        call: Call,
        looked: float,
        args: tuple[Array, ...],
        kwargs: dict[str, Array],
    ) -> Array:
        """Return the Jacobian by the strategy that was found for a call in so many seconds."""
        if strategy.is_first:
            return self._first(strategy, call, args, kwargs)
        is_called = not self._strategies.is_traced(call)
        prepared, mode = (None, "") if is_called and strategy.is_early else self._program(strategy, arrays)
        if prepared is None:
            begun = time.perf_counter()
            result = self._unplanned(strategy, call, args, kwargs, mode, is_called=is_called)
            seconds = time.perf_counter() - begun
            strategy.seconds += seconds
            is_refused = (
                strategy.prepared is None
                and strategy.is_settled
                and strategy.uses > 0
                and strategy.mode == self._strategies.suited_mode(call)
            )
            is_unread = strategy.is_unread
            self._refusals.note(is_refused=is_refused or is_unread, is_dear=is_unread, looked=looked, called=seconds)
            return result
        self._refusals.note(is_refused=False)
        must_plan = self.options.must_plan
        try:
            results = prepared.computation(mode, self.options.chunk_size, arrays)(*arrays)
        except Exception as error:  # of the library, or ours: its own functions answer, and `plan` says what it was
            if not strategy.has_run:
                self._strategies.refuse(strategy, error, call)
            if not must_plan:
                return self._unplanned(strategy, call, args, kwargs)
            if strategy.has_run:
                raise
            raise strategy.refusal() from error
        strategy.has_run = True
        return prepared.assembled(results)

    def _first(self, strategy: Strategy, call: Call, args: tuple[Array, ...], kwargs: dict[str, Array]) -> Array:
        """Return what the library's own function returns, and note how long that takes."""
        begun = time.perf_counter()
        result = self._unplanned(strategy, call, args, kwargs)
        seconds = time.perf_counter() - begun
        hint = hint_of(self.backend, self.function, self.options)
        if not self.backend.compiles_transformed:  # where it is asked for
            note_call(hint, self.options, strategy, seconds)
        self._strategies.note_first(strategy)
        if strategy.record is not None:
            strategy.record.seconds += seconds
        return result

    def _unplanned(
        self,
        strategy: Strategy,
        call: Call,
        args: tuple[Array, ...],
        kwargs: dict[str, Array],
        mode: str = "",
        *,
        is_called: bool = False,
    ) -> Array:
        """Return what the library's own function returns, in the dtypes of reverse mode, and note of how many entries it is."""
        is_new = not strategy.is_settled
        result = self._by_library(strategy, args, kwargs, mode, is_called=is_called)
        if not is_new:
            return result
        blocks, _ = self.backend.flatten(self.options.derivative_of(result))
        is_narrow = any(block.dtype != dtype for block, dtype in zip(blocks, cycle(map(self._dtype, call.inputs)), strict=False))
        if strategy.mode == "forward" and is_narrow and not self.options.is_hessian:
            strategy.mode = "reverse"  # the dtypes of whose blocks are those that count
            result = self._by_library(strategy, args, kwargs)
        note_results(hint_of(self.backend, self.function, self.options), call, blocks)
        return result

    def _dtype(self, leaf: Array) -> Array:
        """Return the dtype of an argument; of a Python number the one that the library gives it."""
        return self.backend.common_dtype([getattr(leaf, "dtype", leaf)])

    def _computation(self, args: tuple[Array, ...], kwargs: dict[str, Array]) -> Computation:
        """Return what computes the Jacobian: of the arguments, or of arrays, to be put together then."""
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        strategy, arrays = self._strategies.of(call, at_once=True)
        prepared, mode = self._program(strategy, arrays)
        if prepared is not None:
            try:
                return prepared.computation(mode, self.options.chunk_size, arrays), arrays, prepared.assembled
            except Exception as error:  # as in `_run`
                self._strategies.refuse(strategy, error, call)
                if self.options.must_plan:
                    raise strategy.refusal() from error
        return self._library("forward" if self._is_forward(strategy, mode) else "reverse"), None, _as_it_is

    def _program(self, strategy: Strategy, arrays: Sequence[Array]) -> tuple[Prepared | Blockwise | None, str]:
        """Return the program that runs now, if any does, and in which mode.

        Raises
        ------
        ChainError
            If one must, and none can.
        """
        prepared, mode = strategy.prepared, strategy.mode
        if prepared is None and self.options.must_plan:
            raise strategy.refusal()
        is_program = strategy.runs_a_program or self.options.is_pure or self._is_recorded(prepared)
        if isinstance(prepared, Prepared) and not (self.options.must_plan or self.options.is_pure):
            mode = self._strategies.mode_at_points(prepared, mode, arrays)
            is_program = mode in PROGRAM_MODES if self.backend.compiles_transformed else is_program
        if prepared is None or not is_program:
            return None, mode
        if mode and self.backend.can_transform(prepared.names, arrays):
            return prepared, mode
        if self.options.must_plan:
            msg = "a transformation or autograd follows, and the derivatives of a step of it are not known to be right there"
            raise refusal(msg)
        return None, mode

    def _is_recorded(self, prepared: Prepared | Blockwise | None) -> bool:
        """Whether a program runs in a pure mode, in the place of the library's own function."""
        return isinstance(prepared, Prepared) and len(prepared.program.trace.equations) <= self.backend.most_recorded

    def _is_forward(self, strategy: Strategy, mode: str = "", *, is_called: bool = False) -> bool:
        """Whether forward mode comes first; of what must not be a program now reverse mode has those blocks that count."""
        if self.options.is_hessian:
            return strategy.mode != "reverse"
        if not self._is_recorded(strategy.prepared):
            return (strategy.called_mode if is_called else mode or strategy.mode) == "forward"
        return False

    def _by_library(
        self, strategy: Strategy, args: tuple[Array, ...], kwargs: dict[str, Array], mode: str = "", *, is_called: bool = False
    ) -> Array:
        """Return what the library's own function returns; where one mode fails, the other is tried, and remembered.

        Parameters
        ----------
        strategy : Strategy
            Which says what mode comes first.
        args, kwargs
            The arguments.
        mode : str, optional
            The one that comes first at as many points.
        is_called : bool
            Whether that is called now, operation by operation, and not traced.
        """
        first, second = (
            ("forward", "reverse") if self._is_forward(strategy, mode, is_called=is_called) else ("reverse", "forward")
        )
        drawn = None if strategy.is_settled else self.backend.random_state()
        try:
            result = self._library(first)(*args, **kwargs)
        except Exception as error:  # that there is no such mode: each library, and each rule, has its own
            if self.backend.is_demanded(error):
                raise
            drawn_by_first = self.backend.random_state()
            self.backend.set_random_state(drawn)
            try:
                result = self._library(second)(*args, **kwargs)
            except Exception:  # noqa: BLE001 -- the error of the one that suits the function better is raised
                self.backend.set_random_state(drawn_by_first)
            else:
                strategy.mode, strategy.called = second, ""
                self._refusals.note(is_refused=False)
                return result
            raise
        strategy.is_settled = True
        return result

    def _library(self, mode: str) -> Function:
        """Return the library's own function of that mode, as it answers what is asked here."""
        if mode not in self._own:
            options = self.options
            function = _returning_its_value(self) if options.with_value else self.function
            if options.has_aux:
                function = _returning_a_pair(function, self.backend)
            own = self.backend.own(function, mode, replace(options, has_aux=True) if options.with_value else options)
            self._own[mode] = _value_first(own, has_aux=options.has_aux) if options.with_value else own
        return self._own[mode]


class NoPairError(ChainError, TypeError, RuntimeError):
    """What a function returned has no auxiliary data; also of the types that JAX's and PyTorch's own errors are."""


def _as_it_is(result: Array) -> Array:
    return result


def _returning_its_value(derivative: JacobianFunction) -> Function:
    """Return the function, with its value among the auxiliary data."""
    function, has_aux = derivative.function, derivative.options.has_aux

    @functools.wraps(function, updated=())
    def both(*args: Any, **kwargs: Any) -> Array:
        returned = function(*args, **kwargs)
        if not has_aux:
            return returned, (returned,)
        pair = derivative.backend.as_pair(returned)
        return returned if pair is None else (pair[0], pair)  # of what is no pair, the library says what is wrong with it

    return both


def _returning_a_pair(function: Function, backend: Backend) -> Function:
    """Return the function, which says what is wrong where it returns no pair: JAX says that a tracer has leaked."""

    @functools.wraps(function, updated=())
    def checked(*args: Any, **kwargs: Any) -> Array:
        returned = function(*args, **kwargs)
        if backend.as_pair(returned) is None:
            msg = (
                f"has_aux is True, but the function returned a {type(returned).__name__}, not a pair of a value and others: "
                "it should be a tuple, the two-element tuple (value, aux)"
            )
            raise NoPairError(msg)
        return returned

    return checked


def _value_first(own: Function, *, has_aux: bool) -> Function:
    def call(*args: Any, **kwargs: Any) -> Array:
        derivative, aux = own(*args, **kwargs)
        return (aux if has_aux else aux[0]), derivative

    return call
