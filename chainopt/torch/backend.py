"""What PyTorch gives, so that Jacobians of its functions can be planned."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial, reduce
from typing import TYPE_CHECKING

import torch
from torch._guards import TracingContext, tracing
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn.modules import module
from torch.overrides import _get_current_function_mode_stack
from torch.utils import _pytree as pytree
from torch.utils._device import DeviceContext
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

from chainopt.execution.compiling import untraced
from chainopt.functions.backend import CONTAINERS, NOT_REAL, Arrays, UnplannableError
from chainopt.functions.function_state import FunctionState, state_of
from chainopt.functions.trace import OTHER
from chainopt.torch.certainty import certify, operators_of, size_without_numbers
from chainopt.torch.derivable import is_derivable
from chainopt.torch.gradient import certify_gradient, gradient_of, hides_derivative, simpler_losses
from chainopt.torch.quiet import ALONE, undisturbed
from chainopt.torch.repeats import without_repeats
from chainopt.torch.stage import Stage, stages_of
from chainopt.torch.trace import (
    is_batched,
    is_differentiated,
    is_transformed,
    is_transforming,
    kind_of,
    trace,
    untransformed,
    wrapped,
)
from chainopt.torch.zeros import without_zeros

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.options import Options
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.plan.comparison import Comparison
    from chainopt.typing import Array, DType, Function, PyTree

FEW_OPERATORS, SECONDS_PER_OPERATOR = 20, 0.01  # of a function that is recorded at once; what recording each of others takes
WIDE = 4  # times as many results as inputs are too many for reverse mode
HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks")
DEVICES = ("cpu", "cuda")  # whose autocast is looked at
CHECKS = {torch.ops.aten._linalg_check_errors.default}  # noqa: SLF001 -- which have no result, but raise an error
LEAF = pytree.tree_flatten(0)[1]  # the tree of a tensor alone


PURE = (
    'chainopt plans in Python: take jacobian(f, mode="forward") or "reverse", which compile whole, '
    "do it outside of what is compiled, or leave fullgraph out"
)


class TorchBackend:
    """PyTorch, as the front end of functions sees it."""

    overhead = 0
    overhead_of_jvps = 300_000
    overhead_of_calls = 0  # its own functions run where nothing is known of what they do
    reductions: frozenset[str] = frozenset()  # what an operator takes beside its additions is not known well enough
    broadcasts: frozenset[str] = frozenset()
    parts: frozenset[str] = frozenset()
    products: frozenset[str] = frozenset()
    most_recorded = 500
    chunked_modes = frozenset({"reverse"})
    fragile: frozenset[str] = frozenset()
    has_straight_lines = False
    must_read = True
    compiles_transformed = False
    reads_by_identity = False
    constant_types: tuple[type, ...] = (
        torch.dtype,
        torch.device,
        torch.layout,
        torch.memory_format,
        torch._ops.OpOverload,  # noqa: SLF001 -- no other name is public
        torch._ops.OpOverloadPacket,  # noqa: SLF001
    )
    custom_rules: tuple[type, ...] = (torch.autograd.Function,)

    def flatten(self, tree: PyTree) -> tuple[list[Array], Array]:
        """Take a pytree apart."""
        if isinstance(tree, torch.Tensor):
            return [tree], LEAF
        leaves, spec = pytree.tree_flatten(tree)
        return leaves, spec

    def unflatten(self, tree: PyTree, leaves: Sequence[Array]) -> Array:
        """Put leaves in their places."""
        return leaves[0] if tree is LEAF else pytree.tree_unflatten(list(leaves), tree)

    def tree_key(self, tree: PyTree) -> object:
        """Return the types and the static data in a tree, and their text, which tells apart 0.0 and -0.0 there."""
        return None if tree is LEAF else (_frozen(tree), None if _has_words_alone(tree) else str(tree))

    def is_plain(self, tree: PyTree) -> bool:
        """Whether a tree is made of Python's own containers."""
        return tree.type is None or (tree.type in CONTAINERS and all(map(self.is_plain, _children(tree))))

    def is_array(self, leaf: PyTree) -> bool:
        """Whether a leaf is a tensor."""
        return isinstance(leaf, torch.Tensor)

    def is_result(self, leaf: PyTree) -> bool:
        """Whether a returned leaf is a tensor."""
        return isinstance(leaf, torch.Tensor)

    def as_pair(self, returned: PyTree) -> tuple[Array, Array] | None:
        """Return the two of a tuple."""
        return tuple(returned) if isinstance(returned, tuple) and len(returned) == 2 else None

    def describe(self, leaf: PyTree) -> object:
        """Return the type, shape, dtype, device and strides of a tensor."""
        if not isinstance(leaf, torch.Tensor):
            return type(leaf)
        strides = leaf.stride() if leaf.layout is torch.strided else leaf.layout
        return type(leaf), leaf.shape, leaf.dtype, leaf.device, strides

    def watched(self, array: Array) -> object:
        """Return what `torch.nn.Module.to` changes of a tensor, and whoever sets its ``data``."""
        return array.dtype, array.shape, array.device, array.stride() if array.layout is torch.strided else array.layout

    def state(self) -> object:
        """Return the default dtype and device, whether gradients are recorded, and hooks of all modules.

        Nothing is recorded in autocast, nor in modes of `torch.overrides`.
        """
        if any(map(torch.is_autocast_enabled, DEVICES)):
            msg = "autocast is on"
            raise UnplannableError(msg)
        hooks = tuple(tuple(getattr(module, name, ())) for name in HOOKS)  # by their numbers, none of which is given twice
        return torch.get_default_dtype(), _devices(), torch.is_grad_enabled(), torch.is_inference_mode_enabled(), hooks

    def check_input(self, leaf: PyTree) -> None:
        """Refuse what is no tensor, or not of numbers that have a derivative."""
        if not isinstance(leaf, torch.Tensor):
            msg = f"an input is not a tensor, but a {type(leaf).__name__}"
            raise UnplannableError(msg)
        if kind_of(leaf.dtype) == OTHER:
            msg = NOT_REAL.format("an input", leaf.dtype)
            raise UnplannableError(msg)

    def read_by(self, roots: Sequence[Array]) -> FunctionState:
        """Find what a function reads besides its arguments: tensors become arguments, too."""
        return state_of(self, roots)

    def size_of_results(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> int | None:
        """Return how many entries the results have, by a call with tensors that hold no numbers."""
        return None if is_transforming() else size_without_numbers(function, args, kwargs)

    def planning_seconds(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> float:
        """Return about how long it takes to record a function and its Jacobian, unless it calls few operators."""
        operators = 0 if is_transforming() else operators_of(function, args, kwargs)
        return operators * SECONDS_PER_OPERATOR if operators > FEW_OPERATORS else 0.0

    def first_mode(self, inputs: int, results: int | None, *, is_compiled: bool) -> str | None:  # noqa: ARG002
        """Return reverse mode, whose blocks are those that count, unless it would take many more passes."""
        return "reverse" if results is None or results <= WIDE * max(inputs, 16) else None

    def trace(
        self,
        functions: Sequence[Callable[..., Sequence[Array]]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        besides: Sequence[Array] = (),
        primal: Sequence[Callable[..., Sequence[Array]]] | None = None,
    ) -> Trace:
        """Trace a composition if that is certain; inside of a transformation at tensors of ones, as its own cannot be traced."""
        if any(map(is_transformed, besides)):
            msg = "it reads a tensor that belongs to a transformation"
            raise UnplannableError(msg)
        # Tensors of their own, so that an argument is not taken for another one, or for what the function reads besides.
        is_inside = is_transforming()
        with untransformed() if is_inside else nullcontext():
            given = [_like(tensor) if is_inside else tensor.detach() for tensor in (*inputs, *others)]
            certify(_composed(primal or functions), given, besides)
            if primal is not None:
                certify_gradient(_composed(functions), given, besides)
            simpler = None if primal is None else simpler_losses()
            return trace(functions, given[: len(inputs)], given[len(inputs) :], besides, simpler)

    def form(self, function: Callable[..., Sequence[Array]], arrays: Sequence[Array]) -> None:
        """Return None: all that a function reads is compared."""

    def straight_line(self, trace: Trace, outputs: int, *, is_demanded: bool) -> None:  # noqa: ARG002 -- the protocol's
        """Refuse: each operation of PyTorch's is a call, and code of single numbers would be slow."""
        if is_demanded:
            msg = "straight-line code is available for JAX only"
            raise UnplannableError(msg)

    def sparse_stages(self, trace: Trace, outputs: int) -> None:
        """Return None: there are none in PyTorch."""

    def linearized(self, trace: Trace, outputs: int, comparison: Comparison, mode: str) -> None:
        """Return None: PyTorch computes what it calls once."""

    def gradient(self, function: Function, options: Options) -> Function:
        """Return the gradient, or the Jacobian, of the function."""
        return gradient_of(function, options)

    def is_traced(self, value: Array) -> bool:
        """Whether a tensor belongs to a transformation of `torch.func`."""
        return isinstance(value, torch.Tensor) and is_transformed(value)

    def can_record(self) -> bool:
        """Whether no transformation is going on: it has to see the function, and not the operators of a derivative."""
        return not is_transforming()

    def points_at_once(self, arrays: Sequence[Array]) -> int:
        """Return how many entries stand behind one of an argument, at most; 0 where it is not `vmap` alone that goes on."""
        if not is_transforming() or any(map(is_differentiated, arrays)) or not any(map(is_batched, arrays)):
            return 0
        return max(([*wrapped(array)][-1].numel() // array.numel() for array in arrays if array.numel()), default=0)

    def can_transform(self, names: frozenset[str], arrays: Sequence[Array]) -> bool:
        """Whether nothing follows, or what follows is right."""
        return not (is_transforming() or _is_followed(arrays)) or is_derivable(names)

    def can_replay(self, recorded: Array, arrays: Sequence[Array]) -> bool:
        """Whether autograd, if it is to follow, can differentiate what was recorded.

        Second results, as the factors of a decomposition or the statistics of a batch, are constants to it, and not every
        operator that computes a derivative has one itself.
        """
        is_differentiable: bool = recorded.meta["is_differentiable"]
        return is_differentiable or not _is_followed(arrays)

    def replayed(self, recorded: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
        """Return what calls it, with results that autograd takes, as it takes those of `torch.func`, in inference mode, too."""
        return partial(_without_inference, recorded) if torch.is_inference_mode_enabled() else recorded

    def record(
        self, computation: Callable[..., list[Array]], arrays: Sequence[Array], names: frozenset[str]
    ) -> Callable[..., list[Array]]:
        """Record the whole computation as a graph of operators.

        Of the transformations of `torch.func` in it nothing is left then, neither the time that they take in Python, nor
        what a compiler does not understand. It is recorded outside of inference mode, in which PyTorch before 2.12 has tangents
        of zero. All nodes are described by the same tensors without numbers: each would make a mode of its own for that.
        """
        described = TracingContext(FakeTensorMode(allow_fallback_kernels=True))
        with (
            undisturbed(),
            torch.inference_mode(mode=False),
            torch.enable_grad(),
            tracing(described),
        ):  # for which the function may ask
            graph: Array = make_fx(computation)(*map(_plain, arrays))
        without_zeros(graph.graph, names)
        without_repeats(graph.graph)
        graph.graph.eliminate_dead_code(lambda node: node.is_impure() or node.target in CHECKS)
        graph.recompile()
        graph.meta["is_differentiable"] = not any(map(hides_derivative, graph.graph.nodes))
        recorded: Callable[..., list[Array]] = graph
        return recorded

    def arrays(self, like: Array) -> Arrays:
        """Return what makes tensors on the device of that one."""
        device = like.device
        return Arrays(
            zeros=lambda shape, dtype: torch.zeros(shape, dtype=dtype, device=device),
            identity=lambda size, dtype: torch.eye(size, dtype=dtype, device=device),
            shaped=lambda part, shape, dtype: part.reshape(shape).to(dtype),
            apart=torch.clone,
        )

    def common_dtype(self, dtypes: Sequence[DType]) -> DType:
        """Return the narrowest dtype that holds the numbers of all."""
        return reduce(torch.promote_types, dtypes) if dtypes else torch.get_default_dtype()

    def stages(
        self, program: Program, values: dict[int, Array], used: Sequence[set[str]], dtype: DType, *, needs_all: bool
    ) -> list[Stage]:
        """Make the sections of a program into stages at a point."""
        return stages_of(program, values, used, dtype, needs_all=needs_all)

    def own(self, function: Function, mode: str, options: Options) -> Function:
        """Return `torch.func.jacfwd` or `torch.func.jacrev` of the function."""
        chosen = (options.argnums,) if isinstance(options.argnums, int) else options.argnums
        if min(chosen) < 0:  # of which jacfwd makes zeros
            return lambda *args, **kwargs: self.own(function, mode, options.from_the_front(len(args)))(*args, **kwargs)
        asked: dict[str, Array] = {"argnums": options.argnums, "has_aux": options.has_aux}

        def make(function: Function) -> Function:
            function = torch.func.jacrev(function, **asked) if options.is_hessian else function
            made: Function
            if mode == "forward":
                made = torch.func.jacfwd(function, randomness=options.randomness, **asked)
            else:
                made = torch.func.jacrev(function, chunk_size=options.chunk_size, **asked)
            return made

        made = make(function)

        def call(*args: Array, **kwargs: Array) -> Array:  # PyTorch's own take no keywords
            return make(partial(function, **kwargs))(*args) if kwargs else made(*args)

        return _alone(call) if mode == "forward" else call

    def random_state(self) -> tuple[Array, list[Array]]:
        """Return the states of the generators of this process: that of the CPU, and those of accelerators in use."""
        return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []

    def set_random_state(self, state: tuple[Array, list[Array]] | None) -> None:
        """Return to a state, unless it is None."""
        if state is not None:
            torch.set_rng_state(state[0])
            torch.cuda.set_rng_state_all(state[1])

    def is_demanded(self, error: Exception) -> bool:
        """Whether a function draws random numbers where `randomness` is "error", or has a rule of its own for reverse mode alone.

        In forward mode the tangents of an operator of `torch.library.custom_op` are zeros, and nobody says so.
        """
        return any(text in str(error) for text in ("randomness error mode", "autograd.Function with functorch transforms"))

    def compiled(self, function: Function) -> Function:
        """Return the function: PyTorch is eager."""
        return function

    def wait(self, result: Array) -> None:
        """Wait for what an accelerator still computes."""
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.is_cuda:
                torch.cuda.synchronize(leaf.device)

    def is_compiling(self) -> bool:
        """Whether `torch.compile` follows this call."""
        return bool(torch.compiler.is_compiling())

    def uncompiled(self, function: Function) -> Function:
        """Return the function, into which `torch.compile` does not look; where it has to, it says that this cannot be."""
        return untraced(function, PURE)


BACKEND = TorchBackend()


def _alone(function: Function) -> Function:
    """Return the function, called in one thread at a time: the levels of forward mode are those of all threads."""

    def call(*args: Array, **kwargs: Array) -> Array:
        with nullcontext() if torch.compiler.is_compiling() else ALONE:
            return function(*args, **kwargs)

    return call


def _devices() -> tuple[torch.device, ...]:
    """Return the devices on which tensors are made unless they say otherwise.

    Raises
    ------
    UnplannableError
        If another mode is on, of the user's perhaps: it may change what operators do.
    """
    modes = _get_current_function_mode_stack()
    other = [mode for mode in (*modes, *_get_current_dispatch_mode_stack()) if not isinstance(mode, DeviceContext)]
    if other:
        msg = f"the mode {type(other[-1]).__name__} is on"
        raise UnplannableError(msg)
    return tuple(mode.device for mode in modes)


def _without_inference(recorded: Callable[..., list[Array]], *arrays: Array) -> list[Array]:
    """Call what was recorded outside of inference mode."""
    with torch.inference_mode(mode=False), torch.no_grad():
        return recorded(*arrays)


def _composed(functions: Sequence[Callable[..., Sequence[Array]]]) -> Callable[..., Sequence[Array]]:
    def composed(*tensors: Array) -> Sequence[Array]:
        given: Sequence[Array] = tensors
        for function in functions:
            given = function(*given)
        return given

    return composed


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor as one that autograd may see."""
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def _is_followed(arrays: Sequence[Array]) -> bool:
    """Whether autograd records what is computed of these."""
    return torch.is_grad_enabled() and any(array.requires_grad for array in arrays)


def _like(tensor: torch.Tensor) -> torch.Tensor:
    """Return one of the shape that a function sees inside of a transformation; what it holds is not looked at."""
    return torch.ones(tensor.shape, dtype=tensor.dtype, device=tensor.device)


def _frozen(tree: PyTree) -> object:
    """Return what of a tree is compared, as tuples, which every version of PyTorch can hash."""
    context = tree.context
    if isinstance(context, list):
        context = tuple(context)
    return tree.type, context, tuple(map(_frozen, _children(tree)))


def _has_words_alone(tree: PyTree) -> bool:
    """Whether what is static in a tree of Python's own containers are texts, which are equal only where they are the same."""
    is_plain = tree.type is None or (tree.type in CONTAINERS and (tree.type is not dict or all(map(_is_word, tree.context))))
    return is_plain and all(map(_has_words_alone, _children(tree)))


def _is_word(key: PyTree) -> bool:
    return type(key) is str


def _children(tree: PyTree) -> Sequence[PyTree]:
    children: Sequence[PyTree] = tree.children() if hasattr(tree, "children") else tree.children_specs  # before PyTorch 2.8
    return children
