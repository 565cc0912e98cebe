"""How a Jacobian is computed for each signature of the arguments: found once, and kept as long as it holds."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from functools import partial
from operator import is_
from typing import TYPE_CHECKING, Any

from chainopt.functions.backend import UnplannableError
from chainopt.functions.blockwise import Blockwise
from chainopt.functions.environment import Environment
from chainopt.functions.first_calls import (
    first_mode,
    hint_of,
    note_tracing,
    planning_seconds,
    seconds_unlooked,
    suited_mode,
    tracing_seconds,
    young,
)
from chainopt.functions.mode_choice import choice, is_of_one_dtype, mode_at_points, mode_of_calls, mode_of_fewer_sums
from chainopt.functions.places import written
from chainopt.functions.prepared import prepare, recorded
from chainopt.functions.reading import UNREAD, Reading
from chainopt.functions.records import tell
from chainopt.functions.restored import CHANGES_ITSELF, restored
from chainopt.functions.strategy import ENOUGH_SECONDS, PROGRAMS, Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from chainopt.functions.backend import Backend, Reads
    from chainopt.functions.options import Options
    from chainopt.functions.prepared import Prepared
    from chainopt.functions.signature import Call
    from chainopt.functions.strategy import Record
    from chainopt.typing import Array, Function

MOST_SIGNATURES = 128  # that are remembered, so that a value which is another one on each call does not fill the memory
MOST_CHANGES = 3  # of what a function reads, after which it is not traced again
UNCOMPARABLE = "its arguments cannot be hashed or compared, so it would be traced at each call"
FEW_USES = 10  # of a program between two changes: such a one is not worth its tracing


class Strategies:
    """The strategies that one Jacobian function has found.

    Parameters
    ----------
    backend : Backend
        Of whose arrays the function is.
    function : callable
        Which is differentiated.
    options : Options
        What is asked for.
    program_of : callable, optional
        Makes the program of a call in the place of `chainopt.functions.prepared.prepare`.
    """

    def __init__(
        self, backend: Backend, function: Function, options: Options, program_of: Callable[..., Any] | None = None
    ) -> None:
        self.backend, self.function, self.options, self.program_of = backend, function, options, program_of
        self.known: dict[Hashable, Strategy] = {}
        self.changes_itself = False
        self.tracings = 0  # how often the function was traced
        self.reading = Reading(backend, function)
        self._seen: set[Hashable] = set()  # what was left to the library's own functions once
        self._numbered: set[Hashable] = set()  # what has a program for one value of its Python numbers

    @property
    def is_new(self) -> bool:
        """Whether there was no call yet."""
        return not (self._seen or self.known)

    def of(self, call: Call, *, at_once: bool) -> tuple[Strategy, tuple[Array, ...]]:
        """Return the strategy for a call, as it was found for the first one of the same signature, and the arrays that it takes.

        Parameters
        ----------
        call : Call
        at_once : bool
            Whether it is planned even where it is seen for the first time.
        """
        key, known, state, record, inside = None, None, None, None, None
        try:
            signature = call.key(self.backend)
            strategy = None if at_once else self._young(signature)
            if strategy is not None:
                return strategy, call.arrays
            state, number = self.reading.state(call)
            if state is not None:
                call = call._replace(besides=tuple(state.arrays))
            known = self.known.get((signature, number))
            key = signature, number
            if known is None and state is not None:
                program = type(self.backend), self.options, state.key, signature
                record, inside = PROGRAMS.of(program), self._inside(program, call)
        except UnplannableError as error:
            strategy = self._by_library(call)
            self.refuse(strategy, error, call)
            strategy.is_unread = True
            return strategy, call.arrays
        except Exception:  # noqa: BLE001 -- whatever comparing raises what is not ours
            key, record, inside = None, None, None
        if known is not None and known.is_current():
            return known, (*call.arrays, *known.besides)
        if key is None and not self.options.must_plan and not self.is_traced(call):
            strategy = self._by_library(call, UNCOMPARABLE)
            strategy.is_unread = True
            return strategy, call.arrays
        strategy = record.strategy if record is not None else None
        if strategy is None and inside is not None and inside.strategy is not None and inside.strategy.is_current():
            return inside.strategy, call.arrays
        if strategy is None and not at_once and key is not None and not self._is_compiled(call):
            strategy = self._first(key, call, record)
            if strategy is not None:
                return strategy, call.arrays
        if strategy is None:
            changes = 0 if known is None or known.uses > FEW_USES else known.changes + 1
            strategy = self._for_state(call, state) if state is not None else self._found(call, changes)
        if key is not None and self._lasts(strategy, call):
            self._keep(call, key if self.reading.is_known else (key[0], UNREAD), strategy, record)
        elif inside is not None and strategy.prepared is None and strategy.environment is None:
            inside.strategy = strategy
        return strategy, call.arrays

    def _young(self, signature: Hashable) -> Strategy | None:
        """Return what is done with the first call of a function whose code was not called often; None for all others."""
        hint = young(self.backend, self.function, signature, self.options) if self.is_new else None
        return None if hint is None else self._left_to_library(hint.mode, (signature, UNREAD), hint)

    def _inside(self, program: Hashable, call: Call) -> Record | None:
        """Return where it is noted that a program was refused inside of a transformation: it may be possible outside of it."""
        if self.options.must_plan or not self.is_traced(call):
            return None
        return PROGRAMS.of((program, tuple(map(self.backend.is_traced, call.arrays))))

    def _first(self, key: tuple[Hashable, int], call: Call, record: Record | None) -> Strategy | None:
        """Return what is done with a call that is seen for the first time; None where it is not, or not left to the library."""
        if record is not None:
            record.seconds += seconds_unlooked(self.backend, self.function, self.options)
        is_another_number = self._without_numbers(call, key) in self._numbered
        is_known = key in self._seen or (key[0], UNREAD) in self._seen or (record is not None and record.seconds > ENOUGH_SECONDS)
        if not is_another_number and is_known and not self._is_early(call, record):
            return None
        mode = first_mode(self.backend, self.function, call, self.options)
        if mode is None and not is_another_number:
            return None
        return self._left_to_library(mode or self.options.library_mode(), key, record)

    def _left_to_library(self, mode: str, key: tuple[Hashable, int], record: Record | None) -> Strategy:
        strategy = Strategy(None, mode)
        strategy.is_first, strategy.record, strategy.key = True, record, key
        return strategy

    def _is_early(self, call: Call, record: Record | None) -> bool:
        """Whether planning would take longer than all calls until now: who makes a few does not wait for it."""
        if record is None:
            return False
        if record.planning is None:
            hint, traced = hint_of(self.backend, self.function, self.options), hash((self.options, call.key(self.backend)))
            again = tracing_seconds(hint, traced)  # where closures of the same code read another value each
            record.planning = again or planning_seconds(self.backend, self.function, call, self.options)
        return record.seconds < record.planning

    def note_first(self, strategy: Strategy) -> None:
        """Remember that a first call has returned: of what raises, the library's own error is the answer again and again."""
        if len(self._seen) >= MOST_SIGNATURES:
            self._seen.clear()
        self._seen.add(strategy.key)

    def _without_numbers(self, call: Call, key: tuple[Hashable, int]) -> Hashable:
        """Return what calls have in common that differ by Python numbers only; None where there are none."""
        return (call.key(self.backend, by_numbers=False), key[1]) if call.has_numbers else None

    def _keep(self, call: Call, key: tuple[Hashable, int], strategy: Strategy, record: Record | None) -> None:
        if strategy.prepared is not None and call.has_numbers:  # which may be others at each call: one program is enough of those
            self._numbered.add(self._without_numbers(call, key))
        if len(self.known) >= MOST_SIGNATURES:
            del self.known[next(iter(self.known))]
        self.known[key] = strategy
        if record is not None and strategy.environment is None and self._is_shareable(strategy):
            record.strategy = strategy

    def _is_shareable(self, strategy: Strategy) -> bool:
        """Whether a strategy holds no object of its function that the result shows: static data in a pytree of the user's own."""
        if strategy.prepared is None:
            return True
        if self.options.sparse and self.backend.must_read:  # then it calls the function itself, which reads other arrays
            return False
        results = strategy.prepared.results
        return self.backend.is_plain(results.output_tree) and (
            results.aux_tree is None or self.backend.is_plain(results.aux_tree)
        )

    def _for_state(self, call: Call, state: Reads) -> Strategy:
        """Trace the function, if it does not change what it reads, or if it is enough to watch the rest."""
        must_read = self.backend.must_read
        if self.changes_itself and not self.options.must_plan:
            return self._by_library(call, CHANGES_ITSELF)
        strategy = Strategy(None, self.options.library_mode(), CHANGES_ITSELF)
        roots = self.reading.roots(call)
        with restored(self.backend, roots) if must_read else nullcontext():  # what is only watched is restored there
            if must_read:
                self._try(strategy, call)
            else:
                strategy = self._found(call, 0)
            after = self._read_again(roots)
        is_same = after is not None and after.key == state.key and all(map(is_, after.arrays, state.arrays))
        is_as_before = is_same and not strategy.writes
        if must_read and not is_as_before:
            self.changes_itself = True
            return self._by_library(call, CHANGES_ITSELF)
        self.reading.is_known = is_as_before
        if is_as_before:
            strategy.environment = None
        else:
            strategy.besides = call.besides
        return strategy

    def _read_again(self, roots: Sequence[Array]) -> Reads | None:
        """Return what is read after the function was traced; None where it has come to read what cannot be known."""
        try:
            return self.backend.read_by(roots)
        except UnplannableError:
            return None

    def _try(self, strategy: Strategy, call: Call) -> None:
        """Trace the function."""
        begin = time.perf_counter()
        self.tracings += 1
        try:
            program = (self.program_of or prepare)(self.backend, self.function, call, self.options)
            strategy.prepared, strategy.mode, strategy.called = self._chosen(program)
        except Exception as error:  # noqa: BLE001 -- whatever tracing raises: the library's functions, which trace less, may not
            self.refuse(strategy, error, call)
        if self.program_of is None:  # a sparse program tells of itself
            self._note_tracing(call, time.perf_counter() - begin)
            tell(self.function, self.options, begin, strategy)

    def _note_tracing(self, call: Call, seconds: float) -> None:
        """Remember how long it took to trace a function of this code under this signature."""
        with suppress(Exception):  # whatever arguments raise that cannot be hashed
            traced = hash((self.options, call.key(self.backend)))
            note_tracing(hint_of(self.backend, self.function, self.options), traced, seconds)

    def _found(self, call: Call, changes: int) -> Strategy:
        """Trace the function, if that is worth it, and watch what it reads."""
        if changes > MOST_CHANGES and not self.options.must_plan:
            return self._by_library(call, "what it reads besides its arguments changes from call to call")
        strategy = Strategy(None, self.options.library_mode())
        try:
            roots = self.reading.roots(call)
            environment = Environment(self.backend, roots)
            before = environment.places()
            with restored(self.backend, roots) as tracing:
                self._try(strategy, call)
                changed = written(before, environment.places())
                if strategy.prepared is not None and (strategy.runs_a_program or self.options.is_pure):
                    tracing.keep(partial(recorded, self.backend, self.function, call, self.options))
            strategy.environment = Environment(self.backend, roots, changed)
            strategy.changes, strategy.writes = changes, bool(changed)
        except UnplannableError as error:
            self.changes_itself |= str(error) == CHANGES_ITSELF
            self.refuse(strategy, error, call)
        return strategy

    def _by_library(self, call: Call, reason: str = "") -> Strategy:
        return Strategy(None, self.suited_mode(call), reason)

    def refuse(self, strategy: Strategy, error: Exception, call: Call) -> None:
        """Remember that nothing can be planned for a call, and why."""
        strategy.refuse(error, self.options, self.suited_mode(call))

    def suited_mode(self, call: Call) -> str:
        """Return the pure mode of a call that is not planned."""
        return suited_mode(self.backend, self.function, call, self.options)

    def _chosen(self, prepared: Prepared | Blockwise) -> tuple[Prepared | Blockwise, str, str]:
        """Return a program with its mode, and with the one in which it is called where nothing is compiled."""
        options = self.options
        if isinstance(prepared, Blockwise):
            return prepared, prepared.mode, ""
        if options.must_plan or options.is_pure:
            return prepared, "planned" if options.must_plan else options.mode, ""
        trace, outputs = prepared.program.trace, prepared.results.outputs
        has_one_dtype, given = is_of_one_dtype(trace, outputs), (self.backend, prepared.program, prepared.comparison)
        mode = choice(*given, has_one_dtype=has_one_dtype, is_hessian=options.is_hessian)
        if mode != "planned" and has_one_dtype and options.chunk_size is None:
            of_ties = mode if mode == "forward" else mode_of_fewer_sums(self.backend, prepared.program)
            pure = self.backend.linearized(trace, outputs, prepared.comparison, of_ties)
            if pure is not None:
                return Blockwise(self.backend, trace, pure.blocks, prepared.results, pure.mode, pure.compilation), pure.mode, ""
        called = mode_of_calls(*given, mode, has_one_dtype=has_one_dtype)
        return prepared, mode, called

    def mode_at_points(self, prepared: Prepared, mode: str, arrays: Sequence[Array]) -> str:
        """Return the mode of a program that `jax.vmap` or `torch.func.vmap` runs at many points, given that at a single one."""
        if not self.backend.points_at_once(arrays):
            return mode
        has_one_dtype = is_of_one_dtype(prepared.program.trace, prepared.results.outputs)
        asked = {"has_one_dtype": has_one_dtype, "is_hessian": self.options.is_hessian}
        return mode_at_points(self.backend, prepared.program, prepared.comparison, mode, arrays, **asked)

    def is_traced(self, call: Call) -> bool:
        """Whether a transformation is going on that a call belongs to."""
        return any(map(self.backend.is_traced, call.arrays))

    def _is_compiled(self, call: Call) -> bool:
        """Whether what a call computes may run often, though it is seen only once."""
        return self.backend.compiles_transformed and self.is_traced(call)

    def _lasts(self, strategy: Strategy, call: Call) -> bool:
        """Whether a strategy holds beyond the transformations that are going on."""
        return not (self.is_traced(call) if strategy.prepared is None else strategy.prepared.belongs_to_a_transformation)
