"""How a Jacobian is computed for each signature of the arguments: found once, and kept as long as it holds."""

from __future__ import annotations

from operator import is_
from typing import TYPE_CHECKING, NamedTuple

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.environment import Environment, written
from chainopt.functions.mode_choice import choice
from chainopt.functions.prepared import prepare
from chainopt.functions.signature import ARRAY, SCALARS

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from chainopt.functions.backend import Backend, Reads
    from chainopt.functions.options import Options
    from chainopt.functions.prepared import Prepared
    from chainopt.functions.signature import Call
    from chainopt.typing import Array, Function

MOST_SIGNATURES = 128  # that are remembered, so that a value which is another one on each call does not fill the memory
MOST_CHANGES = 3  # of what a function reads, after which it is not traced again
CHANGES_ITSELF = "it changes what it reads"
FEW_USES = 10  # of a program between two changes: such a one is not worth its tracing


class Way:
    """How a Jacobian is computed: by a program, or, for a reason, by the library's own function."""

    def __init__(self, prepared: Prepared | None, mode: str, reason: str = "") -> None:
        self.prepared, self.mode, self.reason = prepared, mode, reason
        self.environment: Environment | None = None  # in which that was found; None where it holds in all
        self.cause: Exception | None = None
        self.has_run = False
        self.uses = self.changes = 0

    def is_current(self) -> bool:
        """Whether what the function reads is as it was."""
        self.uses += 1
        return self.environment is None or self.environment.is_unchanged()

    def refuse(self, error: Exception, *, is_raised: bool) -> None:
        """Remember that nothing can be planned, and why; the error itself only where it is raised at once."""
        lines = str(error).splitlines()
        self.reason = str(error) if isinstance(error, UnplannableError) else f"{type(error).__name__}: {''.join(lines[:1])}"
        self.prepared, self.mode = None, getattr(error, "mode", "reverse")
        self.cause = error if is_raised else None

    def refusal(self) -> ChainError:
        """Return the error that says why."""
        error = ChainError(f'the function cannot be planned, for {self.reason}: take mode "forward", "reverse" or "auto"')
        error.__cause__, self.cause = self.cause, None
        return error


class _Read(NamedTuple):
    """What was read besides the arguments of the last call."""

    roots: Sequence[object]
    environment: Environment
    state: Reads
    number: int

    def is_current(self, roots: Sequence[object]) -> bool:
        """Whether the same is read from the same roots now."""
        return len(roots) == len(self.roots) and all(map(is_, roots, self.roots)) and self.environment.is_unchanged()


class Ways:
    """The ways that one Jacobian function has found.

    Parameters
    ----------
    backend : Backend
        Of whose arrays the function is.
    function : callable
        Which is differentiated.
    options : Options
        What is asked for.
    """

    def __init__(self, backend: Backend, function: Function, options: Options) -> None:
        self.backend, self.function, self.options = backend, function, options
        self.known: dict[Hashable, Way] = {}
        self.changes_itself = False
        self._read: _Read | None = None
        self._numbers: dict[Hashable, int] = {}  # of the states that it has had: those are long, and compared on each call

    def of(self, call: Call) -> tuple[Way, tuple[Array, ...]]:
        """Return the way for a call, as it was found for the first one of the same signature, and the arrays that it takes."""
        known, state = None, None
        try:
            key = call.key(self.backend)
            state, number = self._state(call)
            if state is not None:
                call = call._replace(besides=tuple(state.arrays))
                key = None if key is None else (key, number)
            known = self.known.get(key)
        except UnplannableError as error:
            way = Way(None, "reverse")
            way.refuse(error, is_raised=self.options.must_plan)
            return way, call.arrays
        except Exception:  # noqa: BLE001 -- whatever comparing raises what is not ours
            key = None
        if known is not None and known.is_current():
            return known, call.arrays
        changes = 0 if known is None or known.uses > FEW_USES else known.changes + 1
        way = self._for_state(call, state) if state is not None else self._found(call, changes, is_known=key is not None)
        if key is not None and self._lasts(way, call):
            if len(self.known) >= MOST_SIGNATURES:
                del self.known[next(iter(self.known))]
            self.known[key] = way
        return way, call.arrays

    def _state(self, call: Call) -> tuple[Reads | None, int]:
        """Return what is read besides the arguments, and a number of that state; as at the last call if nothing has changed."""
        roots, last = self._roots(call), self._read
        if last is not None and last.is_current(roots):
            return last.state, last.number
        state = self.backend.read_by(roots)
        if state is None:
            return None, 0
        number = self._numbers.setdefault(state.key, len(self._numbers))
        self._read = _Read(roots, Environment(self.backend, roots), state, number)
        return state, number

    def _roots(self, call: Call) -> list[Array]:
        """Return what may read something: the function, and what it is given besides arrays and numbers."""
        return [self.function, *(leaf for leaf in call.rest if leaf is not ARRAY and type(leaf) not in SCALARS)]

    def _for_state(self, call: Call, state: Reads) -> Way:
        """Trace the function, if it does not change what it reads."""
        way = Way(None, "reverse", CHANGES_ITSELF)
        if self.changes_itself and not self.options.must_plan:
            return way
        self._try(way, call)
        after = self.backend.read_by(self._roots(call))
        if after is not None and after.key != state.key:
            self.changes_itself = True
            way = Way(None, "reverse", CHANGES_ITSELF)
        return way

    def _try(self, way: Way, call: Call) -> None:
        """Trace the function."""
        try:
            way.prepared, way.mode = self._chosen(prepare(self.backend, self.function, call, self.options))
        except Exception as error:  # noqa: BLE001 -- whatever tracing raises: the library's functions, which trace less, may not
            way.refuse(error, is_raised=self.options.must_plan)

    def _found(self, call: Call, changes: int, *, is_known: bool) -> Way:
        """Trace the function, if that is worth it, and watch what it reads."""
        must_plan = self.options.must_plan
        if changes > MOST_CHANGES and not must_plan:
            return Way(None, "reverse", "what it reads besides its arguments changes from call to call")
        if not is_known and not must_plan and not self._is_traced(call):
            return Way(None, "reverse", "what it is given cannot be hashed, or compared, and would be traced on each call")
        way = Way(None, "reverse")
        try:
            environment = Environment(self.backend, self._roots(call))
            before = environment.places()
            self._try(way, call)
            way.environment = Environment(self.backend, self._roots(call), written(before, environment.places()))
            way.changes = changes
        except UnplannableError as error:
            way.refuse(error, is_raised=must_plan)
        return way

    def _chosen(self, prepared: Prepared) -> tuple[Prepared, str]:
        options = self.options
        if options.must_plan or options.is_pure:
            return prepared, "planned" if options.must_plan else options.mode
        return prepared, choice(prepared.comparison, self.backend.overhead * len(prepared.program.trace.equations))

    def _is_traced(self, call: Call) -> bool:
        return any(map(self.backend.is_traced, call.arrays))

    def _lasts(self, way: Way, call: Call) -> bool:
        """Whether a way holds beyond the transformations that are going on."""
        return not (self._is_traced(call) if way.prepared is None else way.prepared.belongs_to_a_transformation)
