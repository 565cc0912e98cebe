"""A PyTorch function as a flat list of the operators that it calls, by `make_fx`."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import torch
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

from chainopt.functions.trace import COMPLEX, OTHER, REAL, Equation, Trace, Variable, by_variable, needed
from chainopt.torch.quiet import undisturbed
from chainopt.torch.rules import derivative_of
from chainopt.torch.rules.registry import OperatorCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from chainopt.typing import Array, DType

FUNCTORCH: Any = torch._C._functorch  # noqa: SLF001 -- there is no public way to ask about transformations
ENDS = {"slice": 3, "slice_scatter": 4}  # where the end is among the arguments: functionalization writes the largest integer


class UntraceableError(ValueError):
    """A function that does something else than to compute its results from its arguments."""


def trace(
    functions: Sequence[Callable[..., Sequence[Array]]],
    inputs: Sequence[Array],
    others: Sequence[Array] = (),
    read: Sequence[Array] = (),
    simpler: dict[Array, Array] | None = None,
) -> Trace:
    """Trace a composition of functions of tensors that return flat lists of tensors.

    Parameters
    ----------
    functions : sequence of callable
        In evaluation order.
    inputs, others : sequence of tensors
        The arguments of the first one: those to differentiate by, and others.
    read : sequence of tensors
        What the functions read besides, which become further arguments of the program.
    simpler : dict, optional
        Functions of simpler operators in the place of some.

    Raises
    ------
    UntraceableError
        If it changes tensors in place that it did not make, or draws random numbers.
    """
    following = _Following(simpler)
    given = tuple(following.new(value) for value in (*inputs, *others))
    besides = tuple(following.new(value) for value in read)
    variables = given
    for number, function in enumerate(functions):
        stage = number + 1 if len(functions) > 1 else 0
        variables = following.follow(function, variables, besides, stage)
    equations = needed(following.equations, variables, following.checking)
    count = len(inputs)
    return Trace(equations, following.variables, given[:count], (*given[count:], *besides), variables, following.constants)


def kind_of(dtype: DType) -> str:
    """Tell what numbers a tensor is of."""
    return REAL if dtype.is_floating_point else COMPLEX if dtype.is_complex else OTHER


class _Following:
    """Numbers given to tensors, and their values, by which shapes are known."""

    def __init__(self, simpler: dict[Array, Array] | None) -> None:
        self.simpler = simpler
        self.equations: list[Equation] = []
        self.checking: list[Equation] = []  # which have no result, and raise an error where a value is not as it must be
        self.variables: dict[int, Variable] = {}
        self.constants: dict[int, Array] = {}
        self.values: dict[int, Array] = {}

    def new(self, value: Array) -> int:
        number = len(self.variables)
        self.variables[number] = Variable(tuple(value.shape), value.dtype, kind_of(value.dtype))
        self.values[number] = value
        return number

    def follow(
        self, function: Callable[..., Sequence[Array]], given: tuple[int, ...], besides: tuple[int, ...], stage: int
    ) -> tuple[int, ...]:
        """Append the operators of a function of these variables, and of what it reads besides; number its results."""
        read = *given, *besides
        arguments = [self.values[number] for number in read]

        def listed(*tensors: Array) -> list[Array]:
            return list(function(*tensors[: len(given)]))

        with undisturbed(), torch.enable_grad():  # as it is under `torch.func.jacrev`: the function may ask
            graph = make_fx(listed, decomposition_table=self.simpler)(*arguments)
            if writes(graph):
                graph = without_writing(graph, arguments)
        with torch.no_grad():
            return self._numbered(graph, read, stage)

    def _numbered(self, graph: Array, read: tuple[int, ...], stage: int) -> tuple[int, ...]:
        supply = iter(read)
        scope: dict[Array, int] = {}
        for node in graph.graph.nodes:
            if node.op == "placeholder":
                scope[node] = next(supply)
            elif node.op == "get_attr":
                scope[node] = self.new(getattr(graph, node.target))
                self.constants[scope[node]] = self.values[scope[node]]
            elif node.op == "call_function" and node.target is not operator.getitem:
                self._operator(node, scope, stage)
            elif node.op == "output":
                return tuple(scope[result] if isinstance(result, Node) else self._constant(result) for result in node.args[0])
        msg = "it has no result"
        raise UntraceableError(msg)

    def _constant(self, value: Array) -> int:
        number = self.new(torch.as_tensor(value))
        self.constants[number] = self.values[number]
        return number

    def _operator(self, node: Node, scope: dict[Array, int], stage: int) -> None:
        target: Array = node.target
        name, overload = _names(target)
        view = getattr(getattr(torch.ops.aten, name.removesuffix("_copy"), None), overload, None)
        if name.endswith("_copy") and is_view(view):  # nothing is written to anymore, and views have all derivatives
            target, name = view, name.removesuffix("_copy")
        if is_in_place(node) or torch.Tag.nondeterministic_seeded in target.tags:
            is_random = torch.Tag.nondeterministic_seeded in target.tags
            what = "draws random numbers" if is_random else "writes to a tensor in a way that no recording sees"
            msg = f"it {what} ({target})"
            raise UntraceableError(msg)
        if name in ENDS:
            node.args = within(node.args, ENDS[name], self.variables[scope[node.all_input_nodes[0]]].shape)
        several = [user for user in node.users if user.target is operator.getitem]  # where it returns several results
        items = [item for item in several if item.users]
        compute: Array = written_over if target is torch.ops.aten.copy.default else target
        indices = [item.args[1] for item in items]

        def arguments(values: Mapping[int, Array]) -> Array:
            return torch.fx.map_arg((node.args, node.kwargs), lambda read: values[scope[read]])

        def results(values: dict[int, Array]) -> list[Array]:
            args, kwargs = arguments(values)
            result = compute(*args, **kwargs)
            return [result[index] for index in indices] if several else [] if result is None else [result]

        tensors = results(self.values)
        outputs = tuple(self.new(tensor) for tensor in tensors)
        scope |= dict(zip(items if several else [node], outputs, strict=bool(outputs)))
        inputs = tuple(dict.fromkeys(scope[read] for read in node.all_input_nodes))

        def run(values: dict[int, Array]) -> None:
            values.update(zip(outputs, results(values), strict=True))

        def operands(values: dict[int, Array]) -> Sequence[Array]:
            given: Sequence[Array] = arguments(values)[0]
            return given

        read, written = ([self.variables[number] for number in numbers] for numbers in (inputs, outputs))
        positions = [scope[operand] if isinstance(operand, Node) else None for operand in node.args]
        args, kwargs = arguments(self.variables)
        derivative = by_variable(derivative_of(OperatorCall(target, args, kwargs, read, written)), positions)
        self.equations.append(Equation(str(target), run, inputs, outputs, derivative, stage, operands=operands))
        if not outputs:
            self.checking.append(self.equations[-1])


def without_writing(graph: Array, arguments: Sequence[Array], record: Callable[..., Array] | None = None) -> Array:
    """Return a graph that makes new tensors where this one writes to those that it has made, unless their memory decides on it.

    What a function holds in closures functionalization does not see, nor what is made like that; of a graph it is an argument.

    Parameters
    ----------
    graph : torch.fx.GraphModule
        The one that writes.
    arguments : sequence of tensors
        Like those that it will be called with.
    record : callable, optional
        What makes a graph of a function and its arguments.
    """
    if any("detach" in str(source.target) for node in graph.graph.nodes for source in written_by(node)):
        return graph  # autograd goes on as if the numbers were those that they were
    held = list(dict.fromkeys(node.target for node in graph.graph.nodes if node.op == "get_attr"))
    values = [getattr(graph, name) for name in held]

    def listed(*tensors: Array) -> Array:
        given, besides = tensors[: len(arguments)], tensors[len(arguments) :]
        return torch.func.functional_call(graph, dict(zip(held, besides, strict=True)), given)

    pure = torch.func.functionalize(listed, remove="mutations_and_views")
    try:
        made = record(pure, [*arguments, *values]) if record else make_fx(pure)(*arguments, *values)
    except (AssertionError, RuntimeError, ValueError):  # it refuses some views of views, and constants that hold no numbers
        return graph
    if any("as_strided" in str(node.target) for node in made.graph.nodes):
        return graph
    placeholders = [node for node in made.graph.nodes if node.op == "placeholder"][len(arguments) :]
    for node, name, value in zip(placeholders, held, values, strict=True):
        setattr(made, name, value)
        node.op, node.target, node.args = "get_attr", name, ()
    made.recompile()
    return made


def written_by(node: Node) -> list[Node]:
    """List the steps that made what a step writes to: views, what they are views of, and so on."""
    target: Any = node.target
    if not is_in_place(node):
        return []
    arguments = target._schema.arguments  # noqa: SLF001 -- no other name is public
    named = dict(zip((argument.name for argument in arguments), node.args, strict=False)) | node.kwargs
    pending = [named.get(argument.name) for argument in arguments if argument.alias_info and argument.alias_info.is_write]
    found = []
    while pending:
        source: Any = pending.pop()
        if not isinstance(source, Node) or source.op != "call_function":
            continue
        found.append(source)
        schema = getattr(source.target, "_schema", None)
        if source.target is operator.getitem or (schema and schema.returns and schema.returns[0].alias_info):
            pending += source.all_input_nodes[:1]
    return found


def written_over(into: torch.Tensor, values: torch.Tensor, *_: bool, **__: bool) -> torch.Tensor:
    """Return what stands in a tensor after others' values were written to it: PyTorch's operator lacks derivatives."""
    return values.to(into.dtype).expand(into.shape)


def is_view(target: Array) -> bool:
    """Whether an operator returns the same entries, and autograd follows it."""
    return target is not None and "detach" not in str(target) and target._schema.returns[0].alias_info is not None  # noqa: SLF001


def within(arguments: Sequence[Array], place: int, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Return the arguments of a slice, its bounds counted from the front: the derivatives of some take no others."""
    given = list(arguments)
    size = shape[given[place - 2]] if len(given) > place - 2 else 0
    for bound in (place - 1, place):
        if len(given) > bound and isinstance(given[bound], int):
            given[bound] = min(max(given[bound] + (size if given[bound] < 0 else 0), 0), size)
    return tuple(given)


def is_in_place(node: Node) -> bool:
    """Whether a step writes to a tensor."""
    target: Any = node.target
    return hasattr(target, "_schema") and bool(target._schema.is_mutable)  # noqa: SLF001 -- no other name is public


def writes(graph: Array) -> bool:
    """Whether a step of a graph writes to a tensor."""
    return any(map(is_in_place, graph.graph.nodes))


def _names(target: Array) -> tuple[str, str]:
    """Return the name of an operator, and that of its overload."""
    name, _, overload = str(target).removeprefix("aten.").partition(".")
    return name, overload


def is_transforming() -> bool:
    """Whether a transformation of `torch.func` is going on."""
    return FUNCTORCH.peek_interpreter_stack() is not None


def untransformed() -> AbstractContextManager[object]:
    """Leave the transformations of `torch.func` for a while: in `grad` not even operators of constants could be traced."""
    from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack  # there is no public way

    outside: AbstractContextManager[object] = temporarily_clear_interpreter_stack()
    return outside


def wrapped(tensor: Array) -> Iterator[Array]:
    """Yield a tensor, and what each transformation of `torch.func` has made it of: at last what holds its numbers."""
    yield tensor
    while is_transformed(tensor):
        tensor = FUNCTORCH.get_unwrapped(tensor)
        yield tensor


def is_batched(tensor: Array) -> bool:
    """Whether a tensor is one of many that `torch.func.vmap` has put together."""
    return any(map(FUNCTORCH.is_batchedtensor, wrapped(tensor)))


def is_differentiated(tensor: Array) -> bool:
    """Whether `torch.func` differentiates by a tensor, or what it is made of."""
    return any(map(FUNCTORCH.is_gradtrackingtensor, wrapped(tensor)))


def is_transformed(tensor: Array) -> bool:
    """Whether a tensor belongs to a transformation of `torch.func` that is going on, and to nothing after it."""
    return bool(FUNCTORCH.is_functorch_wrapped_tensor(tensor))
