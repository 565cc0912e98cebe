"""The answer: what the user holds, shows, stores and runs."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Self

from chainopt.costs.operation_costs import products_of
from chainopt.execution.compiled_plans import Traceable, compiled_product
from chainopt.execution.compiled_stages import are_traceable
from chainopt.execution.compiling import is_compiling
from chainopt.execution.run import run
from chainopt.numbers import amount, count, counted
from chainopt.plan.line import bracketing_line
from chainopt.plan.plan_data import PlanData
from chainopt.plan.serialization import from_json, plan_dict, read_plan, to_json
from chainopt.plan.summary import facts
from chainopt.report.tables import facts_html, facts_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distributed import Client
    from matplotlib.axes import Axes

    from chainopt.typing import Array, PlainDict

SHORT = 12  # factors, whose brackets `repr` shows


class Plan(PlanData, Traceable):
    """A bracketing of a chain, what it costs, and the means to look at it and to run it.

    Plans are made by `optimal_order`, `forward_order` and `reverse_order`. They are immutable, comparable, hashable
    and picklable.

    Examples
    --------
    >>> import chainopt
    >>> plan = chainopt.optimal_order([(10, 2000), (2000, 30), (30, 1000)])
    >>> plan.cost, plan.bracketing, str(plan.mode)
    (900000, '((J3 J2) J1)', 'reverse')
    >>> print(plan)
    chain        J3[10x2000] J2[2000x30] J1[30x1000]
    bracketing   ((J3 J2) J1), reverse mode
    cost         900,000 fused multiply-adds, optimal
    forward      80,000,000, 88.9 times as much
    reverse      900,000, the same
    peak memory  10,300 matrix entries
    """

    __slots__ = ()

    def __setattr__(self, name: str, _: object) -> None:  # what the frozen base class says of it is no sentence
        msg = f"a plan does not change, so its {name} cannot be set: order another chain"
        raise FrozenInstanceError(msg)

    def execute(
        self,
        factors: Sequence[Array],
        *,
        out: Array = None,
        workers: float | None = None,
        progress: bool = False,
        chunk_size: int | None = None,
        client: Client | None = None,
        gather: bool = True,
    ) -> Array:
        """Multiply the factors in this order.

        Parameters
        ----------
        factors : sequence of matrices
            In product order, of the chain's shapes: NumPy, SciPy sparse, JAX (traced too), PyTorch and Dask arrays, and those
            of libraries that follow the array API standard. For a matrix-free stage its matrix, a
            `scipy.sparse.linalg.LinearOperator`, or anything with ``shape`` and those of ``matmat(V)`` and ``rmatmat(W)``
            (``J^H @ W``, as in SciPy) that the plan uses. Its ``elemental_jacobian()``, if any, is called where the plan
            accumulates the stage otherwise, and its ``identity_seed(rows, columns, offset)``, if any, where a seed is needed.
            With a client also futures.
        out : array, optional
            Where the product goes, by the rules of `numpy.matmul` or `torch.matmul`.
        workers : int, optional
            How many threads share the operations (needs the extra ``threads``); `math.inf`: as many as there are cores.
            They follow the plan's schedule if it is for that many workers; else a free worker takes the operation that
            holds up the product most. Meanwhile BLAS uses one thread per worker. 1: one operation after the other, each
            with all threads of BLAS. None: as many as the plan is for.
        progress : bool
            Whether to show a progress bar (needs the extra ``terminal``).
        chunk_size : int, optional
            How many columns, or rows, go through matrix-free stages at once; all of them by default. Fewer need
            less memory inside the stages, and between those of a run.
        client : distributed.Client, optional
            A Dask cluster whose workers do the operations (needs the extra ``dask``), those that hold up the product
            most first. Intermediates stay there and are released once used; what is lost with a worker is computed
            again.
        gather : bool
            Whether to fetch the product from the cluster; if not, its future is returned, once it is done.

        Returns
        -------
        array
            The product, of the type, dtype and device that ``@`` gives; for a chain of one, the factor itself. With
            Dask arrays it is a lazy Dask array in chunks, which nothing gathers; with a client it is persisted there.

        Raises
        ------
        ChainError
            If the factors or options do not fit the plan; nothing has been computed then.

        Notes
        -----
        Factors that JAX or ``torch.func`` is tracing, and Dask arrays, which are lazy, are multiplied in the calling thread,
        whatever ``workers`` is: nothing is computed yet.

        An error in one worker, or Ctrl-C, stops all of them as soon as their current operations end.

        Examples
        --------
        >>> import numpy, chainopt
        >>> factors = [numpy.ones((1, 4)), numpy.ones((4, 3)), numpy.ones((3, 2))]
        >>> chainopt.optimal_order(factors).execute(factors)
        array([[12., 12.]])
        """
        if is_compiling() and client is None:
            program = self._traceable()
            if program is not None and (program[3] is None or (chunk_size is None and are_traceable(factors))):
                return compiled_product(program, factors, out)
        handed = [factors]
        del factors  # what the caller does not hold lives no longer than it is needed
        return run(self, handed, out, workers, chunk_size, client, gather=gather, progress=progress)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the bracketing as a tree of products (needs the extra ``plot``), and return its axes.

        With several workers the schedule is drawn beside it: a row per worker, a bar per operation.
        """
        from chainopt.report.gantt import plot_gantt, side_by_side
        from chainopt.report.tree_figure import plot_tree

        title = f"{self.mode} mode: {self.about}{amount(self.cost, self.unit)}"
        products = products_of(self.chain, self.association, self.model)
        if self.schedule is None:
            return plot_tree(self.chain, self.association, products, title, ax)
        tree, chart = side_by_side(len(self.chain), ax)
        plot_tree(self.chain, self.association, products, title, tree)
        labels = [self.chain.label(position) for position in range(len(self.chain))]
        plot_gantt(self.operations, self.makespan, self.lower_bound, labels, self.unit, chart)
        return tree

    def to_dot(self) -> str:
        """Return the tree of products in the DOT language of Graphviz."""
        from chainopt.report.dot import dot

        return dot(self.chain, self.association, products_of(self.chain, self.association, self.model))

    def to_dict(self) -> PlainDict:
        """Return the plan as plain lists, ints and strings, with a format version; see `from_dict`."""
        return plan_dict(self)

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the plan that `to_dict` wrote.

        Raises
        ------
        ChainError
            If it is not such a dict, is of an unknown version, or contradicts itself.
        """
        return cls(*read_plan(data))

    def to_json(self) -> str:
        """Return `to_dict` as JSON text.

        Raises
        ------
        ChainError
            If a number has more digits than Python is set to write.
        """
        return to_json(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Make the plan that `to_json` wrote.

        Raises
        ------
        ChainError
            If it is not such a text.
        """
        return cls.from_dict(from_json(text))

    def __str__(self) -> str:
        return facts_text(facts(self))

    def _repr_html_(self) -> str:
        return facts_html(facts(self))

    def __repr__(self) -> str:
        line = bracketing_line(self, SHORT)
        workers = "unlimited workers" if math.isinf(self.workers) else counted(int(self.workers), "worker")
        span = "" if self.schedule is None else f", makespan {count(self.makespan)} on {workers}"
        return f"<Plan of {counted(len(self.chain), 'factor')}: {line}, {self.mode}, cost {self.about}{count(self.cost)}{span}>"
