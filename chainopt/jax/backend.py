"""What JAX gives, so that Jacobians of its functions can be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.backend import NOT_REAL, Arrays, UnplannableError
from chainopt.functions.trace import OTHER
from chainopt.jax.stage import stages_of
from chainopt.jax.trace import STAGE, kind_of, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.options import Options
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.jax.stage import Stage

# What of the configuration decides how a function is traced.
CONFIGURATION = ("jax_enable_x64", "jax_numpy_dtype_promotion", "jax_default_matmul_precision", "jax_default_device")
ARRAYS = Arrays(
    zeros=jnp.zeros,
    identity=lambda size, dtype: jnp.eye(size, dtype=dtype),
    shaped=lambda part, shape, dtype: jnp.reshape(part, shape).astype(dtype),
)


class JaxBackend:
    """JAX, as the front end of functions sees it."""

    overhead = 500
    records_pure_modes = False
    chunked_modes: frozenset[str] = frozenset()
    constant_types: tuple[type, ...] = ()
    custom_rules: tuple[type, ...] = ()

    def flatten(self, tree: Any) -> tuple[list[Any], Any]:
        """Take a pytree apart."""
        leaves, structure = jax.tree.flatten(tree)
        return leaves, structure

    def unflatten(self, tree: Any, leaves: Sequence[Any]) -> Any:
        """Put leaves in their places."""
        return jax.tree.unflatten(tree, leaves)

    def tree_key(self, tree: Any) -> object:
        """Return the tree, compared with the static data in it, and its text, which tells apart 0.0 and -0.0 there."""
        return tree, str(tree)

    def is_array(self, leaf: Any) -> bool:
        """Whether a leaf is an argument of the traced function."""
        return isinstance(leaf, jax.Array | np.ndarray | np.generic)

    def is_result(self, leaf: Any) -> bool:
        """Whether a returned leaf is an array of JAX."""
        return isinstance(leaf, jax.Array)

    def as_pair(self, returned: Any) -> tuple[Any, Any] | None:
        """Return the two of a tuple or list."""
        return tuple(returned) if isinstance(returned, tuple | list) and len(returned) == 2 else None

    def describe(self, leaf: Any) -> object:
        """Return shape and dtype of an array, and whether its type is weak; of a Python number its type."""
        if isinstance(leaf, jax.Array):
            aval: object = leaf.aval
            return aval
        return (type(leaf), leaf.shape, leaf.dtype) if isinstance(leaf, np.ndarray | np.generic) else type(leaf)

    def watched(self, array: Any) -> object:  # noqa: ARG002 -- the protocol's
        """Return nothing: an array of JAX stays what it is."""
        return None

    def state(self) -> object:
        """Return the configuration."""
        config = jax.config
        return tuple(getattr(config, name) for name in CONFIGURATION)

    def check_input(self, leaf: Any) -> None:
        """Refuse what is not of numbers that have a derivative."""
        dtype = jnp.result_type(leaf)
        if kind_of(dtype) == OTHER:
            msg = NOT_REAL.format("an input", dtype)
            raise UnplannableError(msg)

    def read_by(self, roots: Sequence[Any]) -> None:
        """Return None: what functions read is constant, as long as it stays the same."""

    def trace(
        self,
        functions: Sequence[Callable[..., Sequence[Any]]],
        inputs: Sequence[Any],
        others: Sequence[Any],
        besides: Sequence[Any] = (),  # noqa: ARG002 -- nothing
    ) -> Trace:
        """Trace a composition, in which the stages are calls whose names number them."""
        if len(functions) == 1:
            return trace(functions[0], inputs, others)

        def composition(*arrays: Any) -> Any:
            for number, function in enumerate(functions, 1):
                arrays = jax.jit(_renamed(function, f"{STAGE}{number}"))(*arrays)
            return arrays

        return trace(composition, inputs, others)

    def is_traced(self, value: Any) -> bool:
        """Whether it is a tracer."""
        return isinstance(value, jax.core.Tracer)

    def can_record(self) -> bool:
        """Return True: compiled functions are traced anew inside of transformations."""
        return True

    def can_transform(self, program: Program) -> bool:  # noqa: ARG002 -- the protocol's
        """Return True: JAX transforms whatever it has traced."""
        return True

    def can_replay(self, recorded: Any, arrays: Sequence[Any]) -> bool:  # noqa: ARG002 -- the protocol's
        """Return True: JAX traces what it has compiled anew where it differentiates it."""
        return True

    def record(self, computation: Callable[..., list[Any]], arrays: Sequence[Any]) -> Callable[..., list[Any]]:  # noqa: ARG002
        """Compile it as soon as it is called."""

        def call(*given: Any) -> list[Any]:
            with jax.numpy_dtype_promotion("standard"):  # the function's own promotions have been traced before
                return computation(*given)

        compiled: Callable[..., list[Any]] = jax.jit(call)
        return compiled

    def arrays(self, like: Any) -> Arrays:  # noqa: ARG002 -- XLA places them
        """Return what makes arrays."""
        return ARRAYS

    def common_dtype(self, dtypes: Sequence[Any]) -> Any:
        """Return the narrowest dtype that holds the numbers of all."""
        with jax.numpy_dtype_promotion("standard"):
            return jnp.result_type(*dtypes) if dtypes else jnp.result_type(float)

    def stages(
        self,
        program: Program,
        values: dict[int, Any],
        used: Sequence[set[str]],  # noqa: ARG002 -- the compiler sees it
        dtype: Any,
        *,
        needs_all: bool,  # noqa: ARG002
    ) -> list[Stage]:
        """Make the sections of a program into stages at a point."""
        return stages_of(program, values, dtype)

    def own(self, function: Callable[..., Any], mode: str, options: Options) -> Callable[..., Any]:
        """Return `jax.jacfwd` or `jax.jacrev` of the function."""
        asked = {"argnums": options.argnums, "has_aux": options.has_aux, "holomorphic": options.holomorphic}
        if mode == "reverse":
            asked["allow_int"] = options.allow_int
        made: Callable[..., Any] = {"forward": jax.jacfwd, "reverse": jax.jacrev}[mode](function, **asked)
        return made

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as `jax.jit` compiles it."""
        compiled: Callable[..., Any] = jax.jit(function)
        return compiled

    def wait(self, result: Any) -> None:
        """Wait for what is still being computed."""
        jax.block_until_ready(result)

    def is_compiling(self) -> bool:
        """Return False: JAX traces what it compiles."""
        return False

    def uncompiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function."""
        return function


BACKEND = JaxBackend()


def _renamed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*arrays: Any) -> Any:
        return function(*arrays)

    call.__name__ = name
    return call
