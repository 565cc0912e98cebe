"""What is done with a function that is seen for the first time: the library's own Jacobian, unless that is much work.

To trace and to compile takes as long as many small Jacobians, and most functions that are written where they are used are called
once. What is guessed here decides how long a first call takes, never what it returns.
"""

from __future__ import annotations

import functools
import types
from math import prod
from typing import TYPE_CHECKING

from chainopt.functions.refusals import SHARE
from chainopt.functions.restored import restored
from chainopt.functions.strategy import HINTS

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.signature import Call
    from chainopt.functions.strategy import Record, Strategy
    from chainopt.typing import Array, Function

MUCH = 10**9  # multiply-adds of the library's own Jacobian: it takes longer than to trace and to compile a program
QUICK = 2e-3  # seconds of a call, beside which it takes long to look at what a function reads;
YOUNG = 0.1  # seconds in all that such calls take before it is looked at: no program would have paid until then
LONG = 5e-4  # seconds of a look that may not pay
LONG_PLANNING = 1.0  # seconds that a second call is not kept waiting,
MANY_CALLS = 100  # nor as long as so many calls take
MANY_TRACINGS = 3  # of functions of one code: the next of them has to be worth its own
MOST_WRAPPERS = 20  # around a function, as `jax.jit` is one: an object may answer to every name, and so for ever


def first_mode(backend: Backend, function: Function, call: Call, options: Options) -> str | None:
    """Return the pure mode that suits a first call; None where a plan is worth its tracing at once.

    Parameters
    ----------
    backend : Backend
        Of whose arrays the function is.
    function : callable
        Which is differentiated.
    call : Call
        Its arguments, and what it reads besides as far as that is known.
    options : Options
        What is asked for.
    """
    inputs, results = _sizes(backend, function, call, options)
    passes = inputs if results is None else min(inputs, results)
    if passes * (inputs + _size((*call.others, *call.besides))) > MUCH:
        return None
    return options.library_mode() if options.is_hessian else backend.first_mode(inputs, results, is_compiled=False)


def suited_mode(backend: Backend, function: Function, call: Call, options: Options) -> str:
    """Return the pure mode that suits what is not planned, by the sizes of its inputs and results.

    In PyTorch that is reverse mode, whatever the sizes: where a function is not planned, the modes may differ in their values.
    """
    if options.is_pure or options.is_hessian or not backend.compiles_transformed:
        return options.library_mode()
    is_compiled = any(map(backend.is_traced, call.arrays))
    return backend.first_mode(*_sizes(backend, function, call, options), is_compiled=is_compiled) or options.library_mode()


def hint_of(backend: Backend, function: Function, options: Options) -> Record:
    """Return what was found of functions of the same code: how large what is differentiated is beside its inputs."""
    return HINTS.of((type(backend), options.is_hessian, _code_of(function)))


def note_results(record: Record, call: Call, blocks: Iterable[Array]) -> None:
    """Remember how large a result is, given the blocks of a Jacobian."""
    inputs, entries = _size(call.inputs), _size(blocks)
    if all(isinstance(size, int) for size in (inputs, entries)):  # and not symbols, which compare with nothing
        record.inputs, record.results = inputs, entries // max(inputs, 1)


def young(backend: Backend, function: Function, signature: Hashable, options: Options) -> Record | None:
    """Return what was found of functions of this code, if such are quick and have not been called often, or looks did not pay.

    What this one reads is not worth a look then, if only the library's own function is called. None for all others.
    """
    if backend.compiles_transformed:
        return None
    hint = hint_of(backend, function, options)
    if hint.usual is None or hint.usual != (options, signature):
        return None
    return hint if (hint.latest < QUICK and hint.seconds < YOUNG) or hint.looks.rest() else None


def seconds_unlooked(backend: Backend, function: Function, options: Options) -> float:
    """Return how long functions of this code, no longer young, have taken since one was looked at; and begin anew to count."""
    hint = hint_of(backend, function, options)
    seconds = max(hint.seconds - YOUNG, 0.0)
    hint.seconds -= seconds
    return seconds


def note_look(
    backend: Backend, function: Function, options: Options, call: Call, strategy: Strategy, looked: float, whole: float
) -> None:
    """Remember whether it paid to look at what a new function reads: of such as do not, the next ones of this code are not.

    Parameters
    ----------
    backend, function, options, call
        Whose call that was.
    strategy : Strategy
        Which was found.
    looked, whole : float
        How many seconds the look took, and the call with it.
    """
    if backend.compiles_transformed or looked <= LONG:
        return
    hint = hint_of(backend, function, options)
    try:
        usual = options, call.key(backend)
        if strategy.prepared is None:
            hint.usual, hint.mode, hint.latest = usual, strategy.mode, whole - looked
        elif hint.usual != usual:
            return
    except Exception:  # noqa: BLE001 -- whatever arguments raise that cannot be hashed, or compared
        return
    lost = whole - hint.latest
    hint.looks.note(is_refused=lost > max(LONG, hint.latest / SHARE), is_dear=True, looked=lost, called=hint.latest)


def note_call(record: Record, options: Options, strategy: Strategy, seconds: float) -> None:
    """Remember how a first call went: its signature is the first part of what its strategy is known under."""
    record.usual, record.mode, record.latest = (options, strategy.key[0]), strategy.mode, seconds


def note_tracing(record: Record, traced: int, seconds: float) -> None:
    """Remember that a function of some code was traced under options and a signature of this hash."""
    record.tracings = record.tracings + 1 if record.traced == traced else 1
    record.traced, record.tracing = traced, seconds


def tracing_seconds(record: Record, traced: int) -> float:
    """Return how long the last of several functions of some code took to be traced, each of which read something else; else 0."""
    return record.tracing if record.tracings >= MANY_TRACINGS and record.traced == traced else 0.0


def _sizes(backend: Backend, function: Function, call: Call, options: Options) -> tuple[int, int | None]:
    """Return how many entries the inputs have, and about how many the results; None for these where it is not known."""
    inputs = _size(call.inputs)
    results = _guessed(hint_of(backend, function, options), inputs)
    return inputs, _size_of_results(backend, function, call, options) if results is None else results


def _guessed(hint: Record, inputs: int) -> int | None:
    """Guess how many entries a result has: as many as before, or more, as there are more inputs."""
    if hint.results is None:
        return None
    return max(hint.results, -(-hint.results * inputs // max(hint.inputs, 1))) if hint.results > 1 else 1


def entries_of_jacobian(backend: Backend, function: Function, call: Call, options: Options) -> int | None:
    """Return how many entries a Jacobian, or Hessian, has; None where it is not known without computing it."""
    results = _size_of_results(backend, function, call, options)
    return None if results is None else results * _size(call.inputs)


def planning_seconds(backend: Backend, function: Function, call: Call, options: Options) -> float:
    """Return about how long it takes to plan a function, where that is too long for its second call; else 0."""
    latest = hint_of(backend, function, options).latest
    traced = backend.gradient(function, options) if options.is_hessian else options.result_of(function)
    with restored(backend, [function]):
        seconds = backend.planning_seconds(traced, *call.arguments(backend, call.arrays))
    return seconds if seconds > min(LONG_PLANNING, MANY_CALLS * latest) else 0.0


def _size_of_results(backend: Backend, function: Function, call: Call, options: Options) -> int | None:
    """Return how many entries has what is differentiated: of Hessians the gradient."""
    with restored(backend, [function]) as tracing:
        if tracing.snapshot is None:  # as of random numbers, one of which would be gone
            return None
        results = backend.size_of_results(options.result_of(function), *call.arguments(backend, call.arrays))
    return results * _size(call.inputs) if options.is_hessian and results is not None else results


def _code_of(function: Array) -> Hashable:
    for _ in range(MOST_WRAPPERS):
        inner = function.func if isinstance(function, functools.partial) else getattr(function, "__wrapped__", None)
        if inner is None:
            break
        function = inner
    if isinstance(function, types.BuiltinFunctionType):  # all of which are of one type
        return function
    code: Hashable = getattr(getattr(function, "__func__", function), "__code__", (type(function),))
    return code


def _size(arrays: Iterable[Array]) -> int:
    return sum(prod(getattr(array, "shape", ())) for array in arrays)
