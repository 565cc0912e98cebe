"""What JAX gives, so that Jacobians of its functions can be planned."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.backend import CONTAINERS, NOT_REAL, Arrays, UnplannableError
from chainopt.functions.function_state import FunctionState, state_of
from chainopt.functions.trace import OTHER
from chainopt.jax.gradient import gradient_of
from chainopt.jax.jaxprs import form_of, jaxpr_of
from chainopt.jax.rules.registry import PRODUCTS
from chainopt.jax.stage import stages_of
from chainopt.jax.trace import STAGE, kind_of, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.backend import Blocks, PureBlocks
    from chainopt.functions.options import Options
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.jax.stage import Stage
    from chainopt.plan.comparison import Comparison
    from chainopt.typing import Array, DType, Function, PlainDict, PyTree

FEW = 64  # inputs, for which forward mode without compilation is the quicker one whatever there are of results
MOST_OBJECTS = 2_000  # that a function may read, so that looking at them takes no longer than a Jacobian without compilation
# What of the configuration decides how a function is traced.
CONFIGURATION = attrgetter(
    *("jax_enable_x64", "jax_numpy_dtype_promotion", "jax_default_matmul_precision", "jax_default_device"),
    *("jax_numpy_rank_promotion", "jax_default_prng_impl", "jax_threefry_partitionable", "jax_random_seed_offset"),
    *("jax_enable_custom_prng", "jax_legacy_prng_key", "jax_softmax_custom_jvp", "jax_disable_jit"),
)
PRECISION_ASKED_FOR = attrgetter("jax_default_matmul_precision")
ARRAYS = Arrays(
    zeros=jnp.zeros,
    identity=lambda size, dtype: jnp.eye(size, dtype=dtype),
    shaped=lambda part, shape, dtype: jnp.reshape(part, shape).astype(dtype) if part.size else jnp.zeros(shape, dtype),
    apart=lambda part: part,  # nobody can write to it
)


class JaxBackend:
    """JAX, as the front end of functions sees it."""

    overhead = 1_000
    overhead_of_jvps = 0
    overhead_of_calls = 1_000_000
    reductions = frozenset({"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"})
    broadcasts = frozenset({"broadcast_in_dim"})
    parts = frozenset({"slice", "dynamic_slice", "gather", "unstack"})
    products = PRODUCTS
    most_recorded = 0
    chunked_modes: frozenset[str] = frozenset()
    fragile = frozenset({"fft"})  # XLA for CPUs takes no operand of it whose layout is not that of its rows
    has_straight_lines = False
    must_read = False
    compiles_transformed = True
    reads_by_identity = True
    constant_types: tuple[type, ...] = (jax.sharding.Sharding, jax.sharding.PartitionSpec, jax.sharding.Mesh, jax.Device)
    custom_rules: tuple[type, ...] = ()

    def flatten(self, tree: PyTree) -> tuple[list[Array], Array]:
        """Take a pytree apart."""
        leaves, structure = jax.tree.flatten(tree)
        return leaves, structure

    def unflatten(self, tree: PyTree, leaves: Sequence[Array]) -> Array:
        """Put leaves in their places."""
        return jax.tree.unflatten(tree, leaves)

    def tree_key(self, tree: PyTree) -> object:
        """Return the tree, compared with the static data in it, and its text, which tells apart 0.0 and -0.0 there."""
        return tree, str(tree)

    def is_plain(self, tree: PyTree) -> bool:
        """Whether a tree is made of Python's own containers."""
        node = tree.node_data()
        return node is None or (node[0] in CONTAINERS and all(map(self.is_plain, tree.children())))

    def is_array(self, leaf: PyTree) -> bool:
        """Whether a leaf is an argument of the traced function."""
        return isinstance(leaf, jax.Array | np.ndarray | np.generic)

    def is_result(self, leaf: PyTree) -> bool:
        """Whether a returned leaf is an array of JAX."""
        return isinstance(leaf, jax.Array)

    def as_pair(self, returned: PyTree) -> tuple[Array, Array] | None:
        """Return the two of a tuple or list."""
        return tuple(returned) if isinstance(returned, tuple | list) and len(returned) == 2 else None

    def describe(self, leaf: PyTree) -> object:
        """Return shape and dtype of an array, and whether its type is weak; of a Python number its type."""
        if isinstance(leaf, jax.Array):
            aval: object = leaf.aval
            return aval
        return (type(leaf), leaf.shape, leaf.dtype) if isinstance(leaf, np.ndarray | np.generic) else type(leaf)

    def watched(self, array: Array) -> object:  # noqa: ARG002 -- the protocol's
        """Return nothing: an array of JAX stays what it is."""
        return None

    def state(self) -> object:
        """Return the configuration."""
        state: object = CONFIGURATION(jax.config)
        return state

    def check_input(self, leaf: PyTree) -> None:
        """Refuse what is not of numbers that have a derivative."""
        dtype = jnp.result_type(leaf)
        if kind_of(dtype) == OTHER:
            msg = NOT_REAL.format("an input", dtype)
            raise UnplannableError(msg)

    def read_by(self, roots: Sequence[Array]) -> FunctionState | None:
        """Find what a function reads besides its arguments; None where that cannot be known, or will be another soon."""
        try:
            state = state_of(self, roots, MOST_OBJECTS)
        except UnplannableError:
            return None
        return None if any(map(self.is_traced, state.arrays)) else state

    def size_of_results(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> int | None:
        """Return how many entries the results have, by an abstract evaluation."""
        try:
            leaves: list[Array] = jax.tree.leaves(jax.eval_shape(function, *args, **kwargs))
            return sum(int(math.prod(leaf.shape)) for leaf in leaves)
        except Exception:  # noqa: BLE001 -- of the user's function; its Jacobian will raise it. Or a size is a symbol
            return None

    def planning_seconds(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> float:  # noqa: ARG002
        """Return 0: JAX's own functions trace at each call, too, which takes nearly as long."""
        return 0.0

    def first_mode(self, inputs: int, results: int | None, *, is_compiled: bool) -> str:
        """Return reverse mode for a few results of many inputs: forward mode calls half as many equations."""
        return "forward" if results is not None and inputs <= max(results, 0 if is_compiled else FEW) else "reverse"

    def trace(
        self,
        functions: Sequence[Callable[..., Sequence[Array]]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        besides: Sequence[Array] = (),
        primal: Sequence[Callable[..., Sequence[Array]]] | None = None,  # noqa: ARG002 -- what derives it has traced it
    ) -> Trace:
        """Trace a composition, in which the stages are calls whose names number them."""
        if len(functions) == 1:
            return trace(functions[0], inputs, others, besides)

        def composition(*arrays: Array) -> Array:
            for number, function in enumerate(functions, 1):
                arrays = jax.jit(_renamed(function, f"{STAGE}{number}"))(*arrays)
            return arrays

        return trace(composition, inputs, others, besides)

    def form(self, function: Callable[..., Sequence[Array]], arrays: Sequence[Array]) -> object:
        """Return the jaxpr without its names."""
        return form_of(jaxpr_of(function, *arrays))

    def straight_line(self, trace: Trace, outputs: int, *, is_demanded: bool) -> Blocks | None:
        """Return None: `chainopt.jax.eliminating` writes it."""

    def sparse_stages(self, trace: Trace, outputs: int) -> Blocks | None:
        """Return None: `chainopt.jax.eliminating` finds them."""

    def linearized(self, trace: Trace, outputs: int, comparison: Comparison, mode: str) -> PureBlocks | None:
        """Return None: `chainopt.jax.eliminating` does it."""

    def gradient(self, function: Function, options: Options) -> Function:
        """Return the gradient, or the planned Jacobian, of the function."""
        return gradient_of(self, function, options)

    def is_traced(self, value: Array) -> bool:
        """Whether it is a tracer."""
        return isinstance(value, jax.core.Tracer)

    def can_record(self) -> bool:
        """Return True: compiled functions are traced anew inside of transformations."""
        return True

    def points_at_once(self, arrays: Sequence[Array]) -> int:
        """Return how many entries stand behind one of an argument, at most; 0 where it is not `vmap` that goes on."""
        return max(map(_points_behind, arrays), default=0)

    def can_transform(self, names: frozenset[str], arrays: Sequence[Array]) -> bool:  # noqa: ARG002 -- the protocol's
        """Return True: JAX transforms whatever it has traced."""
        return True

    def can_replay(self, recorded: Array, arrays: Sequence[Array]) -> bool:  # noqa: ARG002 -- the protocol's
        """Return True: JAX traces what it has compiled anew where it differentiates it."""
        return True

    def replayed(self, recorded: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
        """Return it."""
        return recorded

    def record(
        self,
        computation: Callable[..., list[Array]],
        arrays: Sequence[Array],  # noqa: ARG002
        names: frozenset[str],
    ) -> Callable[..., list[Array]]:
        """Compile it as soon as it is called.

        On accelerators JAX multiplies matrices of 32 bits as if they had fewer, which a function without such products does not
        know: its Jacobian is multiplied as exactly as its own operations are, unless somebody has set a precision.
        """
        has_products = any(not PRODUCTS.isdisjoint(name.split("+")) for name in names)

        def call(*given: Array) -> list[Array]:
            precision = PRECISION_ASKED_FOR(jax.config) or (None if has_products else "highest")
            # The function's own promotions have been traced before, and the precisions of its own products.
            with jax.numpy_dtype_promotion("standard"), jax.default_matmul_precision(precision):
                return computation(*given)

        compiled: Callable[..., list[Array]] = jax.jit(call)
        return compiled

    def arrays(self, like: Array) -> Arrays:  # noqa: ARG002 -- XLA places them
        """Return what makes arrays."""
        return ARRAYS

    def common_dtype(self, dtypes: Sequence[DType]) -> DType:
        """Return the narrowest dtype that holds the numbers of all."""
        with jax.numpy_dtype_promotion("standard"):
            return jnp.result_type(*dtypes) if dtypes else jnp.result_type(float)

    def stages(
        self,
        program: Program,
        values: dict[int, Array],
        used: Sequence[set[str]],  # noqa: ARG002 -- the compiler sees it
        dtype: DType,
        *,
        needs_all: bool,  # noqa: ARG002
    ) -> list[Stage]:
        """Make the sections of a program into stages at a point."""
        return stages_of(program, values, dtype)

    def own(self, function: Function, mode: str, options: Options) -> Function:
        """Return `jax.jacfwd` or `jax.jacrev` of the function."""
        asked: PlainDict = {"argnums": options.argnums, "has_aux": options.has_aux, "holomorphic": options.holomorphic}
        function = jax.jacrev(function, **asked) if options.is_hessian else function
        if mode == "reverse":
            asked["allow_int"] = options.allow_int
        made: Function = {"forward": jax.jacfwd, "reverse": jax.jacrev}[mode](function, **asked)
        return made

    def random_state(self) -> None:
        """Return None: the keys of JAX are arguments."""

    def set_random_state(self, state: Array) -> None:
        """Do nothing."""

    def is_demanded(self, error: Exception) -> bool:  # noqa: ARG002 -- the protocol's
        """Return False."""
        return False

    def compiled(self, function: Function) -> Function:
        """Return the function as `jax.jit` compiles it."""
        compiled: Function = jax.jit(function)
        return compiled

    def wait(self, result: Array) -> None:
        """Wait for what is still being computed."""
        jax.block_until_ready(result)

    def is_compiling(self) -> bool:
        """Return False: JAX traces what it compiles."""
        return False

    def uncompiled(self, function: Function) -> Function:
        """Return the function."""
        return function


BACKEND = JaxBackend()


def _points_behind(array: Array) -> int:
    whole = array
    while type(whole).__name__ == "BatchTracer":  # which later versions of JAX do not show
        whole = whole.val
    points = 0 if whole is array or not array.size else jnp.size(whole) // array.size
    return points if points > 1 else 0


def _renamed(function: Function, name: str) -> Function:
    def call(*arrays: Array) -> Array:
        return function(*arrays)

    call.__name__ = name
    return call
