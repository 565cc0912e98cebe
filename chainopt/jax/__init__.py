"""Jacobians of JAX functions, in the cheapest order: a drop-in for `jax.jacfwd` and `jax.jacrev`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import install
from chainopt.functions.computation_graph import graph_of
from chainopt.functions.jacobian import JacobianFunction as JacobianFunction
from chainopt.functions.options import Mode, Options, Sparsity
from chainopt.functions.prepared import traced
from chainopt.functions.sequential import Composition
from chainopt.functions.sparse.function import SparseJacobianFunction
from chainopt.functions.sparse.request import with_sparsity
from chainopt.kernels.interrupts import interrupts_held

try:
    with interrupts_held():
        from chainopt.jax.backend import BACKEND
    from chainopt.jax.detection import detection_of
    from chainopt.jax.eliminating import ELIMINATING
except ModuleNotFoundError as error:
    if error.name != "jax":
        raise
    msg = f"chainopt.jax needs JAX: install it with {install('jax')}"
    raise ModuleNotFoundError(msg, name="jax") from None

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import networkx as nx
    from scipy.sparse import csr_array

    from chainopt.typing import Array, Function

__all__ = ["JacobianFunction", "computation_graph", "hessian", "jacobian", "sequential", "sparsity", "value_and_jacobian"]


def jacobian(
    fun: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of jax.jacfwd
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
    sparse: Sparsity = False,
    pattern: Array = None,
    check: bool = True,
) -> JacobianFunction:
    """Make the function that returns the Jacobian of a JAX function: a drop-in for `jax.jacfwd` and `jax.jacrev`.

    The function is traced once for each signature of its arguments, cut where least is alive, and its Jacobian is put
    together in the cheapest order of JVPs, VJPs and matrix products, in one compiled computation.

    Parameters
    ----------
    fun : callable
        A function of arrays or pytrees of arrays that returns the same kinds.
    argnums, has_aux, holomorphic, allow_int
        As for `jax.jacrev`.
    mode : {"auto", "forward", "reverse", "planned", "elimination"}
        "auto" plans where that promises to be 1.5 times cheaper than the better pure mode, and otherwise calls
        `jax.jacfwd` or `jax.jacrev`, which "forward" and "reverse" always do. A function that cannot be planned, or lacks a
        mode, it leaves to the one that can differentiate it. Where costly steps lie between narrower ends, and each entry of a
        step reads a few neighbors, as in stencils, both "auto" and "planned" differentiate the steps by colors, as
        ``sparse=True`` does, if that promises to be twice as cheap: then dense matrices are multiplied by the nonzeros of the
        steps. Where a Jacobian of hundreds of rows and columns has few nonzeros, or few except for means, norms and the like,
        both compute these nonzeros and put them in their places. "elimination" writes the Jacobian of a function of a few
        numbers, each with operations of its own, as straight-line code without zeros and ones, by eliminating the vertices of
        its graph. That is faster than the pure modes where such a function is long, as a flux or the second derivatives of a
        price are, and many points go through `jax.vmap`. "auto" takes it where that can be expected on a CPU. Its structural
        zeros stay zero where a partial derivative is infinite or not a number, which the pure modes multiply by zero. Loops and
        branches stay as they are; all tangents that enter one are pushed through it at once.
    chunk_size : int, optional
        How many columns, or rows, of a planned Jacobian go through the function at once.
    low_rank : bool
        Whether to return two factors instead of their product, the Jacobian: they meet where the function is narrowest.
        The left factor has the pytree of the result, with an axis of that width after the axes of each array; the right factor
        has the pytree of the input, with that axis before them.
    sparse : bool or "low-rank"
        Whether to return a `jax.experimental.sparse.BCOO` in place of each array: all of its axes are sparse, its indices
        unique and in row-major order. The pattern, valid for all inputs, is found in the function; columns that share no row go
        through a JVP together, rows that share no column through a VJP, and where a few rows or columns are full both are
        used. ``mode="forward"`` allows only JVPs, "reverse" only VJPs. Where that promises to be cheaper, and with "planned",
        the function is cut into stages, each is colored alone, and their Jacobians are multiplied in the cheapest order. What is
        found is kept for arguments of the same shapes; ``prepare(*args)`` returns it as a callable of its own. A Jacobian is
        refused if more than half of its entries may be nonzero, or more than a quarter where colors save nothing.

        "low-rank" returns a triple ``(S, L, R)``; the Jacobian is ``S + L @ R``. What a mean, a norm, an integral or a softmax
        makes dense passes through a few narrow variables: ``L`` is the derivative of the results with respect to them, ``R``
        their derivative with respect to the inputs. The cheapest such variables are found, but none where the Jacobian is
        sparse anyway, and none inside a loop of more than 32 steps. ``S`` is as above; ``L`` and ``R`` are dense, in pytrees like
        the factors of ``low_rank``. Where a narrow variable depends on another one, both parts may be much larger than their sum.
    pattern : sparse or dense matrix, optional
        Where nonzeros may be, if that is known: flattened results by flattened inputs. A SciPy sparse array, a BCOO, or dense.
    check : bool
        Whether a given pattern is compared with a JVP with random numbers: once for each signature of the arguments, at the
        first arguments. The comparison misses an entry that is zero there and nonzero elsewhere.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``fun`` takes, with the methods ``plan`` and ``tune``, and ``prepare`` if it is sparse.

    Raises
    ------
    ChainError
        If an option is unknown, a plan or a sparse Jacobian is demanded and there is none, or a given pattern is wrong.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian
    >>> jacobian(lambda x: jnp.outer(x, x).sum(axis=0))(jnp.arange(3.0))
    Array([[3., 0., 0.],
           [1., 4., 1.],
           [2., 2., 5.]], dtype=float32)

    Straight-line code, at many points:

    >>> import jax
    >>> turned = jacobian(lambda x: jnp.stack([x[0] * x[1], x[0] / x[1]]), mode="elimination")
    >>> jax.jit(jax.vmap(turned))(jnp.array([[1.0, 2.0], [6.0, 1.0]])).tolist()
    [[[2.0, 1.0], [0.5, -0.25]], [[1.0, 6.0], [1.0, -6.0]]]

    Sparse:

    >>> differences = jacobian(lambda x: (x[1:] - x[:-1]) ** 2, sparse=True)
    >>> prepared = differences.prepare(jnp.arange(1000.0))
    >>> prepared.colors
    Coloring(2 JVPs of 1,000 columns)
    >>> prepared(jnp.arange(1000.0))
    BCOO(float32[999, 1000], nse=1998)

    Sparse plus low rank:

    >>> part, left, right = jacobian(lambda x: x / jnp.linalg.norm(x), sparse="low-rank")(jnp.arange(1000.0))
    >>> part, left.shape, right.shape
    (BCOO(float32[1000, 1000], nse=1000), (1000, 1), (1, 1000))
    """
    options = Options.checked(
        fun,
        argnums,
        mode,
        chunk_size,
        has_aux=has_aux,
        holomorphic=holomorphic,
        allow_int=allow_int,
        low_rank=low_rank,
    )
    return _made(fun, with_sparsity(options, sparse, pattern, check, plans=True))


def _made(fun: Function, options: Options) -> JacobianFunction:
    if not options.sparse:
        return JacobianFunction(ELIMINATING, fun, options)
    from chainopt.jax.sparse import SPARSE  # with it comes SciPy

    return SparseJacobianFunction(SPARSE, fun, options)


def value_and_jacobian(
    fun: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- as for jacobian
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
) -> JacobianFunction:
    """Make the function that returns the value and the Jacobian.

    Parameters
    ----------
    fun, argnums, has_aux, holomorphic, allow_int, mode, chunk_size, low_rank
        As for `jacobian`.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``fun`` takes and returns the pair, or ``((value, aux), jacobian)`` with auxiliary data.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import value_and_jacobian
    >>> value, derivative = value_and_jacobian(jnp.sin)(jnp.float32(0))
    >>> float(value), float(derivative)
    (0.0, 1.0)
    """
    return JacobianFunction(
        ELIMINATING,
        fun,
        Options.checked(
            fun,
            argnums,
            mode,
            chunk_size,
            has_aux=has_aux,
            holomorphic=holomorphic,
            allow_int=allow_int,
            low_rank=low_rank,
            with_value=True,
        ),
    )


def hessian(
    fun: Function,
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of jax.hessian
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: Mode = "auto",
    sparse: Sparsity = False,
) -> JacobianFunction:
    """Make the function that returns the Hessian of a JAX function: a drop-in for `jax.hessian`.

    It is the planned Jacobian of the gradient: it pays where the function is narrow somewhere, such as a loss that depends on
    many inputs through a few features. A Hessian that is only multiplied by a vector needs no matrix, and no plan: see the
    examples.

    Parameters
    ----------
    fun : callable
        A function of arrays or pytrees of arrays that returns the same kinds, mostly a single number.
    argnums, has_aux, holomorphic
        As for `jax.hessian`.
    mode : {"auto", "forward", "reverse", "planned", "elimination"}
        How the gradient is differentiated. "auto" plans where that promises to be 1.5 times cheaper than `jax.hessian`, and
        otherwise calls `jax.hessian`, which "forward" always does; "reverse" is `jax.jacrev` of `jax.jacrev`. What `jax.hessian`
        cannot differentiate is left to "reverse".
    sparse : bool or "low-rank"
        Whether to return a BCOO in place of each array, or a triple, as `jacobian` does. For a function with a single number as
        its result, the Hessian is multiplied by a seed for each color, and each nonzero, or its mirror image, is read off a
        product.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``fun`` takes, with the methods ``plan`` and ``tune``, and ``prepare`` if it is sparse.

    Raises
    ------
    ChainError
        If an option is unknown, or a plan is demanded and there is none.

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import hessian
    >>> x = jnp.arange(3.0)
    >>> hessian(lambda x: (x[:-1] * x[1:] ** 2).sum())(x)
    Array([[0., 2., 0.],
           [2., 0., 4.],
           [0., 4., 2.]], dtype=float32)

    The product with a vector:

    >>> gradient = jax.grad(lambda x: (x[:-1] * x[1:] ** 2).sum())
    >>> jax.jvp(gradient, (x,), (jnp.ones(3),))[1]
    Array([2., 6., 6.], dtype=float32)

    The Gauss-Newton matrix of residuals, in the cheapest order: with its Jacobian in two thin factors, ``L @ R``, the middle
    of ``R.T @ (L.T @ L) @ R`` is small.

    >>> from chainopt import multi_dot
    >>> from chainopt.jax import jacobian
    >>> left, right = jacobian(lambda x: x[:2].sum() * jnp.ones(4), low_rank=True)(x)
    >>> multi_dot([right.T, left.T, left, right])
    Array([[4., 4., 0.],
           [4., 4., 0.],
           [0., 0., 0.]], dtype=float32)

    Seed matrices go into the chain, too: ``J @ V``, and ``W.T @ J``.

    >>> multi_dot([left, right, jnp.ones((3, 1))]).shape, multi_dot([jnp.ones((1, 4)), left, right]).shape
    ((4, 1), (1, 3))

    Sparse, here of a chain of springs:

    >>> springs = hessian(lambda x: ((x[1:] - x[:-1]) ** 4).sum(), sparse=True).prepare(jnp.arange(1000.0))
    >>> springs.colors
    Coloring(3 HVPs of 1,000 columns)
    """
    options = Options.checked(fun, argnums, mode, None, has_aux=has_aux, holomorphic=holomorphic, is_hessian=True)
    return _made(fun, with_sparsity(options, sparse, None, check=True, plans=True))


def sequential(*functions: Callable[[Array], Array]) -> Composition:
    """Compose functions, in evaluation order, and remember them as the stages of a Jacobian.

    Parameters
    ----------
    *functions : callable
        Each takes what the one before returns, a pytree of arrays.

    Returns
    -------
    Composition
        The composed function; `jacobian` cuts it between its parts, and nowhere else.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import jacobian, sequential
    >>> model = sequential(jnp.sin, lambda x: x[:2], jnp.exp)
    >>> jacobian(model)(jnp.zeros(3)).shape
    (2, 3)
    """
    return Composition(functions)


def sparsity(fun: Function, *args: Array, argnums: int | Sequence[int] = 0) -> csr_array:
    """Find which entries of a Jacobian may be nonzero, for all inputs of these shapes.

    The program that computes the derivative is walked through, keeping what each variable depends on; custom derivative rules
    count as they are written. Where a dependence is unknown, all inputs are assumed: the pattern may have too many places, but
    none is missing.

    Parameters
    ----------
    fun : callable
        A function of arrays or pytrees of arrays that returns the same kinds.
    *args
        What it is called with. Only the shapes and types of arrays matter, not their values; what the function closes over is
        taken to be the same at all calls.
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
    >>> import jax.numpy as jnp
    >>> from chainopt.jax import sparsity
    >>> sparsity(lambda x: x[1:] * x[:-1], jnp.ones(4)).toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 1, 1, 0],
           [0, 0, 1, 1]])
    """
    return detection_of(fun, args, argnums if isinstance(argnums, int) else tuple(argnums)).pattern


def computation_graph(function: Function, *arguments: Array) -> nx.DiGraph[int]:
    """Return the equations of a JAX function as a graph of variables, as `chainopt.linearize` takes it.

    Parameters
    ----------
    function : callable
        A function of arrays, or pytrees of arrays.
    *arguments
        What it is traced with; values do not matter.

    Returns
    -------
    networkx.DiGraph
        A node for each variable that derivatives go through, with its ``size`` and ``shape``, the ``equation`` that computes it,
        and its place among the ``input`` or ``output`` variables. An edge for each pair of a variable that an equation reads and
        one that it writes, with the ``primitive``, the ``jvp_cost`` and ``vjp_cost`` of the whole equation, and what is known of
        the edge's own Jacobian. `chainopt.linearize` turns it into the chain that `jacobian` plans.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> graph = computation_graph(lambda x: jnp.sin(x) * 2, jnp.ones(3))
    >>> [graph.edges[edge]["primitive"] for edge in graph.edges]
    ['sin', 'mul']
    """
    return graph_of(traced(BACKEND, function, arguments))
