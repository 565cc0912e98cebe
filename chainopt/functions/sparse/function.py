"""The sparse Jacobian of a function: pattern and colors are found once for each signature of its arguments."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.jacobian import JacobianFunction
from chainopt.functions.prepared import recorded
from chainopt.functions.restored import restored
from chainopt.functions.signature import Call
from chainopt.functions.sparse.backend import OtherShapesError
from chainopt.functions.sparse.preparation import prepare_sparse
from chainopt.functions.sparse.prepared import PreparedJacobian
from chainopt.functions.strategies import Strategies

if TYPE_CHECKING:
    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.sparse.backend import SparseBackend
    from chainopt.functions.sparse.program import SparseProgram
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array, Function


class SparseJacobianFunction(JacobianFunction):
    """A function that returns the sparse Jacobian of another; ``jacobian(f, sparse=True)`` makes it.

    Parameters
    ----------
    backend : SparseBackend
        The library whose arrays the function takes.
    function : callable
        The function to differentiate.
    options : Options
        What is asked for.
    """

    def __init__(self, backend: SparseBackend, function: Function, options: Options) -> None:
        super().__init__(backend.dense, function, options)
        self.sparse = backend
        self._strategies = Strategies(backend.dense, function, options, partial(_prepared, backend))

    def __reduce__(self) -> tuple[object, ...]:
        """Return what makes it anew."""
        return type(self), (self.sparse, self.function, self.options)

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, sparse=True)"

    def __call__(self, *args: Any, **kwargs: Any) -> Array:
        """Return the Jacobian at a point: a sparse array in the place of each array that the library's function returns."""
        if self.backend.is_compiling():  # what is found is kept here, and not in what a compiler makes
            return self.backend.uncompiled(self._called)(*args, **kwargs)
        return self._called(*args, **kwargs)

    def _called(self, *args: Any, **kwargs: Any) -> Array:
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        found, arrays = self._strategies.of(call, at_once=True)
        strategy: Any = found  # whose program is a sparse one
        program, besides = strategy.prepared, arrays[len(call.arrays) :]
        if program is not None and not program.is_current(besides):
            strategy.prepared = None
            program = strategy.prepared = self._program_of(call._replace(besides=besides))
        if program is None:  # it cannot be kept, or fails: then it does so again, with the error as it is
            strategy.cause = None
            return self._program_of(call)(call.arrays)
        try:
            return program(call.arrays, besides)
        except OtherShapesError:  # numbers decide on them
            strategy.prepared = self._program_of(call._replace(besides=besides))
            return strategy.prepared(call.arrays, besides)

    def prepare(self, *args: Any, **kwargs: Any) -> PreparedJacobian:
        """Find the pattern and the colors once.

        Parameters
        ----------
        *args, **kwargs
            Arguments like those of the calls to come: of the same shapes and dtypes; their values do not matter.

        Returns
        -------
        PreparedJacobian
            A callable for such arguments, under any transformation; it can be pickled if the function can.

        Raises
        ------
        ChainError
            If the Jacobian is not sparse, or a pattern that was given is wrong.
        """
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        return PreparedJacobian(self.sparse, self.function, self.options, call)

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return the order in which the Jacobians of stages are multiplied.

        Raises
        ------
        ChainError
            If there are no stages, because the whole is colored.
        """
        call = Call.read(self.backend, self.options.argnums, args, kwargs)
        plan: Plan | None = getattr(self._program_of(call).recorded, "plan", None)
        if plan is None:
            msg = "the sparse Jacobian has no plan: it is colored as a whole, see prepare(...).colors"
            raise ChainError(msg)
        return plan

    def tune(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ARG002
        """Refuse, because there is only one way to compute it.

        Raises
        ------
        ChainError
            Always.
        """
        msg = "a sparse Jacobian is not tuned, because there is only one way to compute it: take prepare(...)"
        raise ChainError(msg)

    def _program_of(self, call: Call) -> SparseProgram:
        try:
            with restored(self.backend, [self.function]) as tracing:
                program = prepare_sparse(self.sparse, self.function, call, self.options)
                tracing.keep(partial(recorded, self.backend, self.function, call, self.options))
        except UnplannableError as error:
            raise unfit(error) from error
        return program


def unfit(error: UnplannableError) -> ChainError:
    """Return the error that says why a function has no sparse Jacobian here."""
    return ChainError(f"the function has no sparse Jacobian here, for {error}")


def _prepared(sparse: SparseBackend, backend: Backend, function: Function, call: Call, options: Options) -> SparseProgram:
    assert backend is sparse.dense
    return prepare_sparse(sparse, function, call, options)
