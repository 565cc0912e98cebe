"""The Jacobian of a function: planned where that pays, else as `jax.jacfwd` or `jax.jacrev` computes it."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import jax

from chainopt.errors import ChainError
from chainopt.functions.autotune import fastest
from chainopt.functions.mode_choice import check_options, plan_of
from chainopt.functions.signature import Call
from chainopt.jax.running import TREES, Prepared, UnplannableError, prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.functions.autotune import Tuned
    from chainopt.plan.plan import Plan


@dataclass(frozen=True)
class JacobianFunction:
    """A function that returns the Jacobian of another; `jacobian` makes it."""

    function: Callable[..., Any]
    argnums: int | tuple[int, ...]
    has_aux: bool
    holomorphic: bool
    allow_int: bool
    mode: str
    chunk_size: int | None
    with_value: bool = False
    low_rank: bool = False
    known: dict[Any, Prepared] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the Jacobian at a point, in pytrees as `jax.jacfwd` and `jax.jacrev` return it."""
        if self.mode in {"forward", "reverse"}:
            return self._pure(self.mode)(*args, **kwargs)
        call = Call.read(TREES, self.argnums, args, kwargs)
        try:
            prepared = self._prepared(call)
        except Exception as error:  # whatever tracing raises: jax's own functions, which trace less, may not
            if self.mode == "planned" or self.low_rank:
                raise _unplannable(error) from error
            return self._pure(None)(*args, **kwargs)
        mode = "planned" if self.low_rank else prepared.choice(self.mode)
        if mode != "planned":
            return self._pure(mode)(*args, **kwargs)
        derivative, value, aux = prepared.run(call, self.chunk_size)
        if self.has_aux:
            return ((value, aux), derivative) if self.with_value else (derivative, aux)
        return (value, derivative) if self.with_value else derivative

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return the plan that a call with these arguments would run, without running it.

        Raises
        ------
        ChainError
            If the function cannot be traced as a chain of real arrays.
        """
        try:
            prepared = self._prepared(Call.read(TREES, self.argnums, args, kwargs))
        except Exception as error:  # whatever tracing raises
            raise _unplannable(error) from error
        return plan_of(prepared.comparison, prepared.choice(self.mode))

    def tune(self, *args: Any, **kwargs: Any) -> Tuned:
        """Time the planned Jacobian, `jax.jacfwd` and `jax.jacrev` once, each compiled, and return the fastest.

        Returns
        -------
        Tuned
            A callable; its ``times`` are the seconds of each, infinite where one fails.
        """
        candidates = {"forward": self._pure("forward"), "reverse": self._pure("reverse"), "planned": self._with_mode("planned")}
        compiled = {name: jax.jit(call) for name, call in candidates.items()}
        return fastest(compiled, lambda call: jax.block_until_ready(call(*args, **kwargs)))

    def _with_mode(self, mode: str) -> JacobianFunction:
        return replace(self, mode=mode)

    def _prepared(self, call: Call) -> Prepared:
        if self.holomorphic:
            msg = "it is holomorphic"
            raise UnplannableError(msg)
        found = self.known.get(call.key())
        if found is not None:
            return found
        return prepare(self.function, call, self.known, has_aux=self.has_aux, low_rank=self.low_rank)

    def _pure(self, mode: str | None) -> Callable[..., Any]:
        """Return jax's own function: forward, reverse, or where nothing is known the one that suits the shapes."""

        def call(*args: Any, **kwargs: Any) -> Any:
            chosen = mode or self._by_shapes(args, kwargs)
            options = {"argnums": self.argnums, "has_aux": self.has_aux or self.with_value, "holomorphic": self.holomorphic}
            function = self._returning_its_value() if self.with_value else self.function
            if chosen == "reverse":
                found = jax.jacrev(function, allow_int=self.allow_int, **options)(*args, **kwargs)
            else:
                found = jax.jacfwd(function, **options)(*args, **kwargs)
            if not self.with_value:
                return found
            derivative, (value, aux) = found
            return ((value, aux), derivative) if self.has_aux else (value, derivative)

        return call

    def _returning_its_value(self) -> Callable[..., Any]:
        def both(*args: Any, **kwargs: Any) -> Any:
            value, aux = self.function(*args, **kwargs) if self.has_aux else (self.function(*args, **kwargs), None)
            return value, (value, aux)

        return both

    def _by_shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Take reverse mode where there are fewer outputs than inputs, or inputs that only it takes."""
        chosen = [self.argnums] if isinstance(self.argnums, int) else list(self.argnums)
        inputs = jax.tree.leaves([args[at] for at in chosen])
        if self.allow_int and not all(jax.numpy.issubdtype(jax.numpy.result_type(leaf), jax.numpy.inexact) for leaf in inputs):
            return "reverse"
        try:
            results = jax.eval_shape(functools.partial(self.function, **kwargs), *args)
        except Exception:  # noqa: BLE001 -- it cannot be traced; forward mode can still follow its branches in Python
            return "forward"
        outputs = jax.tree.leaves(results[0] if self.has_aux else results)
        return "reverse" if sum(map(_size, outputs)) < sum(map(_size, inputs)) else "forward"


def _unplannable(error: Exception) -> ChainError:
    lines = str(error).splitlines()
    reason = str(error) if isinstance(error, UnplannableError) else f"{type(error).__name__}: {lines[0] if lines else ''}"
    return ChainError(f'the function cannot be planned, for {reason}: take mode "forward", "reverse" or "auto"')


def _size(leaf: Any) -> int:
    return math.prod(jax.numpy.shape(leaf))


def jacobian(
    fun: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of jax.jacfwd
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
) -> JacobianFunction:
    """Make the function that returns the Jacobian of a JAX function: a drop-in for `jax.jacfwd` and `jax.jacrev`.

    The function is traced once for each signature of its arguments, cut where least is alive, and its Jacobian is put
    together in the cheapest order of JVPs, VJPs and matrix products, in one compiled computation.

    Parameters
    ----------
    fun : callable
        Of arrays or pytrees of them, that returns such.
    argnums, has_aux, holomorphic, allow_int
        As for `jax.jacrev`.
    mode : {"auto", "forward", "reverse", "planned"}
        "auto" plans where that promises to be 1.5 times cheaper than the better pure mode, and else calls
        `jax.jacfwd` or `jax.jacrev`, as the others do at once.
    chunk_size : int, optional
        How many columns, or rows, of a planned Jacobian go through the function at once.
    low_rank : bool
        Whether to return two factors instead of their product, the Jacobian: they meet where the function is narrowest.
        The left one has the pytree of the result, with an axis of that width behind the axes of each array; the right one
        that of the input, with that axis before them.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``fun`` takes; with the methods ``plan`` and ``tune``.

    Raises
    ------
    ChainError
        If an option is none of those that are known, or nothing can be planned where that is demanded.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian
    >>> jacobian(lambda x: jnp.outer(x, x).sum(axis=0))(jnp.arange(3.0))
    Array([[3., 0., 0.],
           [1., 4., 1.],
           [2., 2., 5.]], dtype=float32)
    """
    check_options(fun, argnums, mode, chunk_size, low_rank=low_rank)
    held = argnums if isinstance(argnums, int) else tuple(argnums)
    return JacobianFunction(fun, held, has_aux, holomorphic, allow_int, mode, chunk_size, low_rank=low_rank)


def value_and_jacobian(fun: Callable[..., Any], argnums: int | tuple[int, ...] = 0, **options: Any) -> JacobianFunction:
    """Make the function that returns the value and the Jacobian; options are those of `jacobian`.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import value_and_jacobian
    >>> value, derivative = value_and_jacobian(jnp.sin)(jnp.float32(0))
    >>> float(value), float(derivative)
    (0.0, 1.0)
    """
    return replace(jacobian(fun, argnums, **options), with_value=True)
