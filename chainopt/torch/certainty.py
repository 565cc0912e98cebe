"""Whether what is recorded of a function is what autograd would differentiate, at every later point.

The function is run once on tensors without numbers, so that nothing can depend on them, and above autograd, where everything that
hides a derivative is still to be seen: rules of the user's own, `no_grad`, `detach`, autocast, inference mode.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch._subclasses.functional_tensor import FunctionalTensor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from chainopt.functions.backend import UnplannableError
from chainopt.functions.restored import put_back
from chainopt.torch.asking import Asking
from chainopt.torch.quiet import quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.fx import Node

    from chainopt.typing import Array

LITERALS = frozenset({"aten.lift_fresh_copy.default", "aten.lift_fresh.default"})  # numbers that are written in a function


def certify(function: Callable[..., Sequence[Array]], arguments: Sequence[Array], read: Sequence[torch.Tensor]) -> None:
    """Refuse a function of which no recording is certain.

    Parameters
    ----------
    function : callable
        Of a flat list of tensors, that returns such a list.
    arguments : sequence of tensors
        Like those that it will be called with.
    read : sequence of tensors
        Those that it reads besides.

    Raises
    ------
    UnplannableError
        Which says why.
    """
    graph = recorded_without_numbers(function, arguments, read, above_autograd=True)
    for node in graph.graph.nodes:
        if (doubt := doubt_about(graph, node)) is not None:
            raise UnplannableError(doubt)


def recorded_without_numbers(
    function: Callable[..., Sequence[Array]],
    arguments: Sequence[Array],
    read: Sequence[torch.Tensor],
    *,
    above_autograd: bool,
    simpler: dict[Array, Array] | None = None,
) -> Array:
    """Return the graph of a function, recorded with tensors that hold no numbers.

    Parameters
    ----------
    function, arguments, read
        As for `certify`.
    above_autograd : bool
        Whether the operators are those that autograd sees, or those that it calls.
    simpler : dict, optional
        Functions of simpler operators in the place of some.

    Raises
    ------
    UnplannableError
        If it depends on numbers, changes what it has not made, or has a rule of its own.
    """
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    given = [fakes.from_tensor(argument, static_shapes=True) for argument in arguments]

    def listed(*tensors: Array) -> list[Array]:
        return list(function(*tensors[: len(given)]))

    try:
        with quiet(), Asking(read), _NoCustomRules(), fakes, _Watch(given), torch.enable_grad():  # for which the function may ask
            return make_fx(listed, pre_dispatch=above_autograd, decomposition_table=simpler)(*given, *read)
    except UnplannableError:
        raise
    except Exception as error:  # whatever the user's function raises at tensors without numbers
        lines = str(error).splitlines()
        why = f"{type(error).__name__}: {lines[0] if lines else ''}"
        msg = f"what it computes depends on the numbers that it is given, or cannot be recorded ({why}){_remedy(error)}"
        raise UnplannableError(msg) from error
    finally:
        put_back()


def _remedy(error: Exception) -> str:
    """Say what to write in place of a mask that chooses entries: how many it has is not known without its numbers."""
    if type(error).__name__ != "DynamicOutputShapeException":
        return ""
    return "; of a mask that does not depend on x take i = mask.nonzero().T, outside of the function, and x[*i] inside"


def size_without_numbers(function: Callable[..., Array], args: Sequence[Array], kwargs: dict[str, Array]) -> int | None:
    """Return how many entries the tensors have that a function returns; None where it depends on numbers, or fails without."""
    fakes = FakeTensorMode(allow_non_fake_inputs=True)
    try:
        with quiet(), fakes, _Watch(()), torch.enable_grad():
            given = pytree.tree_map_only(torch.Tensor, fakes.from_tensor, (args, kwargs))
            leaves = pytree.tree_leaves(function(*given[0], **given[1]))
    except Exception:  # noqa: BLE001 -- of the user's function; its Jacobian will raise it
        return None
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))


def operators_of(function: Callable[..., Array], args: Sequence[Array], kwargs: dict[str, Array]) -> int:
    """Return how many operators a call calls, if it draws and changes nothing; else, or where it fails, 0."""
    guard = _Guard()
    try:
        with guard, torch.no_grad():
            function(*args, **kwargs)
    except Exception:  # noqa: BLE001 -- of the user's function; its Jacobian will raise it
        return 0
    return guard.operators


def own_rule(function: Callable[..., Sequence[Array]], arguments: Sequence[Array]) -> str | None:
    """Return the name of a rule for a derivative that somebody wrote and that autograd would use, or None.

    Unlike `recorded_without_numbers` this sees one that is called by its ``apply``, held as it was.

    Parameters
    ----------
    function : callable
        Of a flat list of tensors, that returns such a list, and can be recorded.
    arguments : sequence of tensors
        Like those that it will be called with.

    Raises
    ------
    UnplannableError
        If it fails where autograd follows.
    """
    with quiet(), torch.inference_mode(mode=False), torch.enable_grad(), FakeTensorMode(allow_non_fake_inputs=True):
        given = [
            torch.empty_strided(leaf.shape, leaf.stride(), dtype=leaf.dtype, device=leaf.device).requires_grad_(_is_real(leaf))
            for leaf in arguments
        ]
        try:
            pending = [leaf.grad_fn for leaf in function(*given) if isinstance(leaf, torch.Tensor)]
        except Exception as error:  # whatever the user's function raises where gradients are asked for
            msg = f"it cannot be followed where gradients are recorded ({type(error).__name__})"
            raise UnplannableError(msg) from error
        finally:
            put_back()
    seen: set[object] = {None}
    while pending:
        node: Array = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, torch.autograd.function.BackwardCFunction) or "CppNode" in node.name():
            return str(node.name()).removesuffix("Backward")
        pending += [following for following, _ in node.next_functions]
    return None


def _is_real(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def doubt_about(graph: Array, node: Node) -> str | None:
    """Say what is uncertain about a step of a recording, if anything is."""
    name = str(node.target)
    if node.op == "get_attr" and isinstance(getattr(graph, name), FakeTensor):
        return "it takes a derivative, or a tensor's data, inside, which no recording sees"
    if node.op != "call_function" or "getitem" in name:
        return None
    if not hasattr(node.target, "_schema"):
        return f"it changes how derivatives are found, or in what precision ({name})"
    if "detach" in name and not _is_literal(node):
        return "it detaches a tensor"
    return None


def _is_literal(node: Node) -> bool:
    """Whether the tensor that a step is given was written as numbers in the function."""
    source: Array = node.args[0]
    return str(source.target) in LITERALS or source.op == "get_attr"


class _Watch(TorchDispatchMode):
    """Refuses operators whose results differ from call to call, and those that change what the function has not made.

    Inference mode hides derivatives, and nothing else tells of it.

    Parameters
    ----------
    arguments : sequence of tensors
        Without numbers, like all that the function makes: what shares the memory of one of them is not its own.
    """

    def __init__(self, arguments: Sequence[Array]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.arguments = {_memory(argument) for argument in arguments}
        self.operators = 0
        self.is_inference = torch.is_inference_mode_enabled()

    def __torch_dispatch__(self, func: Array, types: Array, args: Array = (), kwargs: Array = None) -> Array:
        self.operators += 1
        arguments = func._schema.arguments  # noqa: SLF001 -- no other name is public
        defaults = {argument.name: argument.default_value for argument in arguments if argument.has_default_value()}
        given = defaults | dict(zip((argument.name for argument in arguments), args, strict=False)) | (kwargs or {})
        if torch.Tag.nondeterministic_seeded in func.tags and given.get("dropout_p") != 0:  # attention drops nothing then
            msg = f"it draws random numbers ({func})"
            raise UnplannableError(msg)
        if torch.is_inference_mode_enabled() != self.is_inference:
            msg = f"it enters or leaves inference mode, which hides derivatives ({func})"
            raise UnplannableError(msg)
        if given.get("running_mean") is not None and (given.get("training") or given.get("train")):
            msg = f"it changes running statistics ({func})"
            raise UnplannableError(msg)
        written = [given.get(argument.name) for argument in arguments if argument.alias_info and argument.alias_info.is_write]
        for tensor in pytree.tree_leaves(written):
            if not isinstance(tensor, torch.Tensor):
                continue
            if self._is_foreign(tensor):
                msg = f"it changes in place a tensor that it has not made ({func})"
                raise UnplannableError(msg)
        return self._called(func, args, kwargs or {})

    def _is_foreign(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor was not made by the function; of those to which nothing is really written, that is known already."""
        if isinstance(tensor, FunctionalTensor):
            return False
        return not isinstance(tensor, FakeTensor) or _memory(tensor) in self.arguments

    def _called(self, func: Array, args: Array, kwargs: dict[str, Array]) -> Array:
        return func(*args, **kwargs)


class _Guard(_Watch):
    """The same for a call with numbers: what has been made is held, so that nothing else comes to its place in the memory."""

    def __init__(self) -> None:
        super().__init__(())
        self.made: dict[int, object] = {}

    def _is_foreign(self, tensor: torch.Tensor) -> bool:
        return _memory(tensor) not in self.made

    def _called(self, func: Array, args: Array, kwargs: dict[str, Array]) -> Array:
        given = {_memory(leaf) for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)}
        result = func(*args, **kwargs)
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and _memory(leaf) not in given:
                self.made[_memory(leaf)] = leaf.untyped_storage()
        return result


def called_with_numbers(function: Callable[..., Sequence[Array]], arguments: Sequence[Array]) -> list[Array]:
    """Call a function of which no recording is certain, if that changes nothing.

    Parameters
    ----------
    function : callable
        Of a flat list of tensors, that returns such a list.
    arguments : sequence of tensors
        Those that it is called with.

    Raises
    ------
    UnplannableError
        If it draws random numbers, or changes a tensor that it has not made. What the function raises is let through.
    """
    with _Guard():
        return list(function(*arguments))


def _memory(tensor: Array) -> Array:
    """Return what is the same for tensors that share their memory."""
    return tensor.untyped_storage()._cdata  # noqa: SLF001 -- tensors without numbers have no address


class _NoCustomRules:
    """Refuses `torch.autograd.Function`, whose rule no recording sees, in this thread."""

    def __enter__(self) -> None:
        thread = threading.get_ident()
        self.apply: Array = torch.autograd.Function.__dict__["apply"]
        original = self.apply.__func__

        def refuse(cls: type, *args: Any, **kwargs: Any) -> Array:
            if threading.get_ident() == thread:
                msg = f"it has a rule of its own for its derivative ({cls.__name__})"
                raise UnplannableError(msg)
            return original(cls, *args, **kwargs)

        torch.autograd.Function.apply = classmethod(refuse)  # type: ignore[method-assign, assignment]

    def __exit__(self, *_: object) -> None:
        torch.autograd.Function.apply = self.apply  # type: ignore[method-assign]
