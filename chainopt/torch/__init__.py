"""Jacobians of PyTorch functions, in the cheapest order: a drop-in for `torch.func.jacfwd` and `torch.func.jacrev`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError, install
from chainopt.functions.computation_graph import graph_of
from chainopt.functions.jacobian import JacobianFunction as JacobianFunction
from chainopt.functions.options import Mode, Options, Randomness, Sparsity
from chainopt.functions.prepared import traced
from chainopt.functions.sequential import Composition
from chainopt.functions.sparse.function import SparseJacobianFunction
from chainopt.functions.sparse.request import with_sparsity
from chainopt.kernels.interrupts import interrupts_held
from chainopt.numbers import shown

try:
    with interrupts_held():
        from chainopt.torch.backend import BACKEND
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    msg = f"chainopt.torch needs PyTorch: install it with {install('torch')}"
    raise ModuleNotFoundError(msg, name="torch") from None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import networkx as nx
    from scipy.sparse import csr_array

    from chainopt.typing import Array, Function

__all__ = ["JacobianFunction", "computation_graph", "hessian", "jacobian", "sequential", "sparsity", "value_and_jacobian"]


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
    sparse: Sparsity = False,
    pattern: Array = None,
    check: bool = True,
) -> JacobianFunction:
    """Make the function that returns the Jacobian of a PyTorch function or module: a drop-in for `torch.func.jacrev`.

    The function is traced once for each signature of its arguments, cut where least is alive, and its Jacobian is put
    together in the cheapest order of JVPs, VJPs and matrix products.

    Parameters
    ----------
    func : callable
        A function of tensors or pytrees of tensors that returns the same kinds; a `torch.nn.Module` is one.
    argnums, has_aux
        As for `torch.func.jacrev`.
    holomorphic, allow_int : bool
        They keep the signature of `chainopt.jax.jacobian`; PyTorch has neither.
    mode : {"auto", "forward", "reverse", "planned"}
        "auto" plans where that promises to be 1.5 times cheaper than the better pure mode, and otherwise takes that mode; either
        is recorded once and runs without the overhead of `torch.func`. "forward" and "reverse" call `torch.func.jacfwd` and
        `torch.func.jacrev`. A function that cannot be planned, or lacks a mode, "auto" leaves to the one that can differentiate
        it.
    chunk_size : int, optional
        How many columns, or rows, go through the function at once.
    low_rank : bool
        Whether to return two factors instead of their product, the Jacobian: they meet where the function is narrowest.
        The left factor has the pytree of the result, with an axis of that width after the axes of each tensor; the right factor
        has the pytree of the input, with that axis before them.
    randomness : {"error", "same", "different"}
        What forward mode does where the function draws random numbers, as for `torch.func.jacfwd`; such a function is never
        planned. "auto" leaves it to reverse mode, which evaluates the function once and does not need this option.
    sparse : bool or "low-rank"
        Whether to return a coalesced `torch.sparse_coo_tensor` in place of each tensor: all of its axes are sparse, and its
        indices in row-major order. The results of one callable share the memory of their indices: write to a copy. The pattern,
        valid for all inputs, is found in the function, recorded without numbers:
        columns that share no row go through a JVP together, rows that share no column through a VJP, and where a few rows or
        columns are full both are used, by `torch.func` with the function as it is. ``mode="forward"`` allows only JVPs, "reverse"
        only VJPs. What is found is kept for arguments of the same shapes; ``prepare(*args)`` returns it as a callable of its own.
        A Jacobian is refused if more than half of its entries may be nonzero, or more than a quarter where colors save nothing.
        Without ``pattern``, a function is refused that cannot be recorded as a whole: one with a custom derivative, or with
        steps that depend on numbers.

        "low-rank" returns a triple ``(S, L, R)``; the Jacobian is ``S + L @ R``. Means, norms, integrals or softmaxes make a
        Jacobian dense, but the narrow variables that they pass through are found, and held while the sparse part is computed. The
        factors have the pytrees of ``low_rank``. They are computed from the recorded operators of the JVP, so the JVPs of the
        function must be complete, not cut off by ``no_grad``.
    pattern : sparse or dense matrix, optional
        Where nonzeros may be, if that is known: flattened results by flattened inputs. A SciPy sparse array, or dense.
    check : bool
        Whether a given pattern is compared with a JVP with random numbers: once for each signature of the arguments, at the
        first arguments. The comparison misses an entry that is zero there and nonzero elsewhere.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes, with the methods ``plan`` and ``tune``, and ``prepare`` if it is sparse.

    Raises
    ------
    ChainError
        If an option is unknown, a plan or a sparse Jacobian is demanded and there is none, or a given pattern is wrong.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import jacobian
    >>> jacobian(lambda x: torch.outer(x, x).sum(dim=0))(torch.arange(3.0))
    tensor([[3., 0., 0.],
            [1., 4., 1.],
            [2., 2., 5.]])

    Sparse:

    >>> differences = jacobian(lambda x: (x[1:] - x[:-1]) ** 2, sparse=True)
    >>> prepared = differences.prepare(torch.arange(1000.0))
    >>> prepared.colors
    Coloring(2 JVPs of 1,000 columns)
    >>> found = prepared(torch.arange(1000.0))
    >>> found.is_coalesced(), found.values().numel()
    (True, 1998)

    Sparse plus low rank:

    >>> S, L, R = jacobian(lambda x: x / x.norm(), sparse="low-rank")(torch.arange(1000.0))
    >>> S.values().numel(), tuple(L.shape), tuple(R.shape)
    (1000, (1000, 1), (1, 1000))
    """
    _refuse_unknown(holomorphic=holomorphic, allow_int=allow_int)
    options = Options.checked(func, argnums, mode, chunk_size, has_aux=has_aux, low_rank=low_rank, randomness=randomness)
    return _made(func, with_sparsity(options, sparse, pattern, check))


def _made(func: Function, options: Options) -> JacobianFunction:
    if not options.sparse:
        return JacobianFunction(BACKEND, func, options)
    from chainopt.torch.sparse import SPARSE  # with it comes SciPy

    return SparseJacobianFunction(SPARSE, func, options)


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
        A callable that takes what ``func`` takes and returns the pair, or ``((value, aux), jacobian)`` with auxiliary data.

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
    sparse: Sparsity = False,
) -> JacobianFunction:
    """Make the function that returns the Hessian of a PyTorch function or module: a drop-in for `torch.func.hessian`.

    It is the planned Jacobian of the gradient: it pays where the function is narrow somewhere, such as a loss that depends on
    many inputs through a few features. A Hessian that is only multiplied by a vector needs no matrix, and no plan: see the
    examples.

    Parameters
    ----------
    func : callable
        A function of tensors or pytrees of tensors that returns the same kinds, mostly a single number.
    argnums
        As for `torch.func.hessian`.
    has_aux : bool
        Whether the function returns a pair: what is differentiated, and tensors that are returned along with the Hessian.
    holomorphic : bool
        It keeps the signature of `chainopt.jax.hessian`; PyTorch does not have it.
    mode : {"auto", "forward", "reverse", "planned"}
        How the gradient is differentiated. "auto" plans where that promises to be 1.5 times cheaper than `torch.func.hessian`,
        and otherwise takes that order, recorded once; "forward" calls `torch.func.hessian`, and "reverse" `torch.func.jacrev` of
        `torch.func.jacrev`. What `torch.func.hessian` cannot differentiate is left to "reverse".
    randomness : {"error", "same", "different"}
        What is done where the function draws random numbers, as for `torch.func.jacfwd`; such a function is never planned.
    sparse : bool or "low-rank"
        Whether to return a sparse tensor in place of each tensor, or a triple, as `jacobian` does. For a function with a single
        number as its result, the Hessian is multiplied by a seed for each color, and each nonzero, or its mirror image, is read
        off a product.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes, with the methods ``plan`` and ``tune``, and ``prepare`` if it is sparse.

    Raises
    ------
    ChainError
        If an option is unknown, or a plan is demanded and there is none.

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

    Sparse, here of a chain of springs:

    >>> springs = hessian(lambda x: ((x[1:] - x[:-1]) ** 4).sum(), sparse=True).prepare(torch.arange(1000.0))
    >>> springs.colors
    Coloring(3 HVPs of 1,000 columns)
    """
    _refuse_unknown(holomorphic=holomorphic, allow_int=False)
    options = Options.checked(func, argnums, mode, None, has_aux=has_aux, randomness=randomness, is_hessian=True)
    return _made(func, with_sparsity(options, sparse, None, check=True))


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


def sparsity(func: Function, *args: Array, argnums: int | Sequence[int] = 0) -> csr_array:
    """Find which entries of a Jacobian may be nonzero, for all inputs of these shapes.

    The function is recorded without numbers, and walked through, keeping what each of its tensors depends on. Where a dependence
    is unknown, all inputs are assumed: the pattern may have too many places, but none is missing.

    Parameters
    ----------
    func : callable
        A function of tensors or pytrees of tensors that returns the same kinds.
    *args
        What it is called with. Only the shapes and types of tensors matter, not their numbers. Of the tensors that the function
        reads besides, those numbers matter that are indices or masks, or zeros of factors.
    argnums : int or sequence of int
        The arguments to differentiate by.

    Returns
    -------
    scipy.sparse.csr_array of bool
        A row for each entry of the flattened results, one result after the other; a column for each of the flattened inputs.

    Raises
    ------
    ChainError
        If an argument is missing, or the pattern is too dense to be listed.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import sparsity
    >>> sparsity(lambda x: x[1:] * x[:-1], torch.ones(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    from chainopt.torch.sparse import pattern_of  # with it comes SciPy

    return pattern_of(func, args, argnums if isinstance(argnums, int) else tuple(argnums))


def computation_graph(function: Function, *arguments: Array) -> nx.DiGraph[int]:
    """Return the operators of a PyTorch function as a graph of variables, as `chainopt.linearize` takes it.

    Parameters
    ----------
    function : callable
        A function of tensors, or pytrees of tensors.
    *arguments
        What it is traced with; values do not matter.

    Returns
    -------
    networkx.DiGraph
        A node for each tensor that derivatives go through, with its ``size`` and ``shape``, the ``equation`` that computes it,
        and its place among the ``input`` or ``output`` variables. An edge for each pair of a tensor that an operator reads and
        one that it writes, with the ``primitive``, the ``jvp_cost`` and ``vjp_cost`` of the whole operator, and what is known of
        the edge's own Jacobian. `chainopt.linearize` turns it into the chain that `jacobian` plans.

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
            msg = f"{name} is {shown(value)}: PyTorch has no such derivative; leave it out"
            raise ChainError(msg)
