"""Jacobians of PyTorch functions, in the cheapest order: a drop-in for `torch.func.jacfwd` and `torch.func.jacrev`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError, install
from chainopt.functions.computation_graph import graph_of
from chainopt.functions.jacobian import JacobianFunction as JacobianFunction
from chainopt.functions.options import Mode, Options, Randomness
from chainopt.functions.prepared import traced
from chainopt.functions.sequential import Composition
from chainopt.kernels.interrupts import interrupts_held

try:
    with interrupts_held():
        from chainopt.torch.backend import BACKEND
except ModuleNotFoundError as error:
    error.add_note(f"chainopt.torch needs it: {install('torch')}")
    raise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import networkx as nx

    from chainopt.typing import Array, Function

__all__ = ["JacobianFunction", "computation_graph", "hessian", "jacobian", "sequential", "value_and_jacobian"]


def jacobian(
    func: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of chainopt.jax.jacobian
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
    randomness: Randomness = "error",
) -> JacobianFunction:
    """Make the function that returns the Jacobian of a PyTorch function or module: a drop-in for `torch.func.jacrev`.

    The function is traced once for each signature of its arguments, cut where least is alive, and its Jacobian is put
    together in the cheapest order of JVPs, VJPs and matrix products.

    Parameters
    ----------
    func : callable
        Of tensors or pytrees of them, that returns such; a `torch.nn.Module` is one.
    argnums, has_aux
        As for `torch.func.jacrev`.
    holomorphic, allow_int : bool
        For the signature of `chainopt.jax.jacobian`; PyTorch knows neither.
    mode : {"auto", "forward", "reverse", "planned"}
        "auto" plans where that promises to be 1.5 times cheaper than the better pure mode, and else takes that mode; either
        is recorded once and runs without the overhead of `torch.func`. "forward" and "reverse" call `torch.func.jacfwd` and
        `torch.func.jacrev`. What cannot be planned, or lacks a mode, "auto" leaves to the one of them that can.
    chunk_size : int, optional
        How many columns, or rows, go through the function at once.
    low_rank : bool
        Whether to return two factors instead of their product, the Jacobian: they meet where the function is narrowest.
        The left one has the pytree of the result, with an axis of that width behind the axes of each tensor; the right one
        that of the input, with that axis before them.
    randomness : {"error", "same", "different"}
        What forward mode does where the function draws random numbers, as for `torch.func.jacfwd`: such a function is never
        planned. Reverse mode, which "auto" leaves it to, evaluates it once and needs no such word.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes; with the methods ``plan`` and ``tune``.

    Raises
    ------
    ChainError
        If an option is none of those that are known, or nothing can be planned where that is demanded.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import jacobian
    >>> jacobian(lambda x: torch.outer(x, x).sum(dim=0))(torch.arange(3.0))
    tensor([[3., 0., 0.],
            [1., 4., 1.],
            [2., 2., 5.]])
    """
    _refuse_unknown(holomorphic=holomorphic, allow_int=allow_int)
    options = Options.checked(func, argnums, mode, chunk_size, has_aux=has_aux, low_rank=low_rank, randomness=randomness)
    return JacobianFunction(BACKEND, func, options)


def value_and_jacobian(
    func: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- as for jacobian
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
    randomness: Randomness = "error",
) -> JacobianFunction:
    """Make the function that returns the value and the Jacobian.

    Parameters
    ----------
    func, argnums, has_aux, holomorphic, allow_int, mode, chunk_size, low_rank, randomness
        As for `jacobian`.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes, and returns the pair; with auxiliary data ``((value, aux), jacobian)``.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import value_and_jacobian
    >>> value, derivative = value_and_jacobian(torch.sin)(torch.tensor(0.0))
    >>> float(value), float(derivative)
    (0.0, 1.0)
    """
    _refuse_unknown(holomorphic=holomorphic, allow_int=allow_int)
    options = Options.checked(
        func, argnums, mode, chunk_size, has_aux=has_aux, low_rank=low_rank, randomness=randomness, with_value=True
    )
    return JacobianFunction(BACKEND, func, options)


def hessian(
    func: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of chainopt.jax.hessian
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    randomness: Randomness = "error",
) -> JacobianFunction:
    """Make the function that returns the Hessian of a PyTorch function or module: a drop-in for `torch.func.hessian`.

    It is the planned Jacobian of the gradient: it pays where the function is narrow somewhere, as a loss of a few features of
    many inputs is. A Hessian that is only multiplied by a vector needs no matrix, and no plan: see the examples.

    Parameters
    ----------
    func : callable
        Of tensors or pytrees of them, that returns such; mostly a single number.
    argnums
        As for `torch.func.hessian`.
    has_aux : bool
        Whether the function returns a pair of what is differentiated and tensors that are returned beside the Hessian.
    holomorphic : bool
        For the signature of `chainopt.jax.hessian`; PyTorch does not know it.
    mode : {"auto", "forward", "reverse", "planned"}
        How the gradient is differentiated. "auto" plans where that promises to be 1.5 times cheaper than `torch.func.hessian`,
        and else takes that order, recorded once; "forward" calls `torch.func.hessian`, and "reverse" `torch.func.jacrev` of
        `torch.func.jacrev`. What `torch.func.hessian` cannot differentiate is left to "reverse".
    randomness : {"error", "same", "different"}
        What is done where the function draws random numbers, as for `torch.func.jacfwd`: such a function is never planned.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes; with the methods ``plan`` and ``tune``.

    Raises
    ------
    ChainError
        If an option is none of those that are known, or nothing can be planned where that is demanded.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import hessian
    >>> x = torch.arange(3.0)
    >>> hessian(lambda x: (x[:-1] * x[1:] ** 2).sum())(x)
    tensor([[0., 2., 0.],
            [2., 0., 4.],
            [0., 4., 2.]])

    The product with a vector:

    >>> gradient = torch.func.grad(lambda x: (x[:-1] * x[1:] ** 2).sum())
    >>> torch.func.jvp(gradient, (x,), (torch.ones(3),))[1]
    tensor([2., 6., 6.])
    """
    _refuse_unknown(holomorphic=holomorphic, allow_int=False)
    options = Options.checked(func, argnums, mode, None, has_aux=has_aux, randomness=randomness, is_hessian=True)
    return JacobianFunction(BACKEND, func, options)


def sequential(*functions: Callable[[Array], Array]) -> Composition:
    """Compose functions, in evaluation order, and remember them as the stages of a Jacobian.

    Parameters
    ----------
    *functions : callable
        Each takes what the one before returns, a pytree of tensors.

    Returns
    -------
    Composition
        The composed function; `jacobian` cuts it between its parts, and nowhere else.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import jacobian, sequential
    >>> model = sequential(torch.sin, lambda x: x[:2], torch.exp)
    >>> tuple(jacobian(model)(torch.zeros(3)).shape)
    (2, 3)
    """
    return Composition(functions)


def computation_graph(function: Function, *arguments: Array) -> nx.DiGraph[int]:
    """Return the operators of a PyTorch function as a graph of variables, as `chainopt.linearize` takes it.

    Parameters
    ----------
    function : callable
        Of tensors, or pytrees of them.
    *arguments
        What it is traced at; values do not matter.

    Returns
    -------
    networkx.DiGraph
        A node for each tensor that derivatives go through, with its ``size`` and ``shape``, the ``equation`` that computes it,
        and its place among the ``input`` or ``output`` variables. An edge for each pair of a tensor that an operator reads and
        one that it writes, with the ``primitive``, the ``jvp_cost`` and ``vjp_cost`` of the whole operator, and what is known of
        the edge's own Jacobian. `chainopt.linearize` makes the chain of it that `jacobian` plans.

    Examples
    --------
    >>> import torch
    >>> graph = computation_graph(lambda x: torch.sin(x) * 2, torch.ones(3))
    >>> [graph.edges[edge]["primitive"] for edge in graph.edges]
    ['aten.sin.default', 'aten.mul.Tensor']
    """
    return graph_of(traced(BACKEND, function, arguments))


def _refuse_unknown(**options: bool) -> None:
    for name, value in options.items():
        if value:
            msg = f"{name} is {value!r}: PyTorch has no such derivative, leave it out"
            raise ChainError(msg)
