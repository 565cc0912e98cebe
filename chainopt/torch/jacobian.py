"""The Jacobian of a PyTorch function: planned where that pays, else as `torch.func.jacfwd` or `jacrev` computes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from chainopt.errors import ChainError
from chainopt.functions.autotune import fastest
from chainopt.functions.mode_choice import check_options, choice, plan_of
from chainopt.functions.signature import Call
from chainopt.torch.running import TREES, Prepared, prepare
from chainopt.torch.trace import is_transformed

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
    mode: str
    chunk_size: int | None
    low_rank: bool = False
    known: dict[Any, Prepared] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the Jacobian at a point, in pytrees as `torch.func.jacrev` returns it."""
        if torch.compiler.is_compiling():  # planning is Python for Python; what is planned is what a compiler should see
            run, tensors, finish = torch.compiler.disable(self._way)(args, kwargs)
        else:
            run, tensors, finish = self._way(args, kwargs)
        return run(*args, **kwargs) if tensors is None else finish(run(*tensors))

    def _way(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Callable[..., Any], Any, Callable[..., Any]]:
        """Return what computes the Jacobian: of the arguments, or of tensors, to be finished then."""
        if self.mode == "reverse" or (self.mode == "forward" and self.chunk_size is None):
            return self._pure(self.mode), None, _as_it_is
        call = Call.read(TREES, self.argnums, args, kwargs)
        try:
            prepared = self._prepared(call)
            mode = "planned" if self.low_rank else choice(prepared.comparison, self.mode)
            run = prepared.graph(call, plan_of(prepared.comparison, mode), self.chunk_size)
        except Exception as error:  # whatever tracing raises: torch.func, which traces less, may not
            if self.mode != "auto" or self.low_rank:
                raise _unplannable(error) from error
            return self._pure(self._by_shapes(args, kwargs)), None, _as_it_is
        return run, (*call.inputs, *call.others), partial(self._finished, prepared, call.input_tree)

    def _finished(self, prepared: Prepared, input_tree: Any, results: list[Any]) -> Any:
        derivative, aux = prepared.unflattened(results, input_tree)
        return (derivative, aux) if self.has_aux else derivative

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return the plan that a call with these arguments would run, without running it.

        Raises
        ------
        ChainError
            If the function cannot be traced as a chain of real tensors.
        """
        try:
            prepared = self._prepared(Call.read(TREES, self.argnums, args, kwargs))
        except Exception as error:  # whatever tracing raises
            raise _unplannable(error) from error
        return plan_of(prepared.comparison, choice(prepared.comparison, self.mode))

    def tune(self, *args: Any, **kwargs: Any) -> Tuned:
        """Time the planned Jacobian, `torch.func.jacfwd` and `torch.func.jacrev` once, and return the fastest.

        Returns
        -------
        Tuned
            A callable; its ``times`` are the seconds of each, infinite where one fails.
        """
        planned = replace(self, mode="planned")
        candidates: dict[str, Callable[..., Any]] = {
            "forward": self._pure("forward"),
            "reverse": self._pure("reverse"),
            "planned": planned,
        }
        return fastest(candidates, lambda call: _waited_for(call(*args, **kwargs)))

    def _prepared(self, call: Call) -> Prepared:
        key = call.key(), getattr(self.function, "training", None)
        found = None if key[0] is None else self.known.get(key)
        if found is None:
            found = prepare(self.function, call, has_aux=self.has_aux, low_rank=self.low_rank)
            if key[0] is not None and not any(map(is_transformed, found.program.trace.constants.values())):
                self.known[key] = found
        return found

    def _pure(self, mode: str) -> Callable[..., Any]:
        """Return torch's own function."""
        options: dict[str, Any] = {"argnums": self.argnums, "has_aux": self.has_aux}
        made: Callable[..., Any]
        if mode == "forward":
            made = torch.func.jacfwd(self.function, **options)
        else:
            made = torch.func.jacrev(self.function, chunk_size=self.chunk_size, **options)
        return made

    def _by_shapes(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Take reverse mode where there are fewer outputs than inputs."""
        call = Call.read(TREES, self.argnums, args, kwargs)
        returned = self.function(*args, **kwargs)
        outputs = pytree.tree_leaves(returned[0] if self.has_aux else returned)
        return "reverse" if _entries(outputs) < _entries(call.inputs) else "forward"


def _as_it_is(result: Any) -> Any:
    return result


def _waited_for(result: Any) -> None:
    """Wait for what an accelerator still computes."""
    for leaf in pytree.tree_leaves(result):
        if isinstance(leaf, torch.Tensor) and leaf.is_cuda:
            torch.cuda.synchronize(leaf.device)


def _entries(leaves: list[Any]) -> int:
    return sum(leaf.numel() for leaf in leaves if isinstance(leaf, torch.Tensor))


def _unplannable(error: Exception) -> ChainError:
    lines = str(error).splitlines()
    msg = f"the function cannot be planned, for {lines[0] if lines else type(error).__name__}"
    return ChainError(f'{msg}: take mode "forward", "reverse" or "auto"')


def jacobian(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,  # noqa: FBT001, FBT002 -- the signature of torch.func.jacfwd
    holomorphic: bool = False,  # noqa: FBT001, FBT002
    allow_int: bool = False,  # noqa: FBT001, FBT002
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    low_rank: bool = False,
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
        `torch.func.jacrev`.
    chunk_size : int, optional
        How many columns, or rows, go through the function at once.
    low_rank : bool
        Whether to return two factors instead of their product, the Jacobian: they meet where the function is narrowest.
        The left one has the pytree of the result, with an axis of that width behind the axes of each tensor; the right one
        that of the input, with that axis before them.

    Returns
    -------
    JacobianFunction
        A callable that takes what ``func`` takes; with the method ``plan``.

    Raises
    ------
    ChainError
        If the mode is unknown, or nothing can be planned where that is demanded.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import jacobian
    >>> jacobian(lambda x: torch.outer(x, x).sum(dim=0))(torch.arange(3.0))
    tensor([[3., 0., 0.],
            [1., 4., 1.],
            [2., 2., 5.]])
    """
    check_options(func, argnums, mode, chunk_size, low_rank=low_rank)
    for name, asked in (("holomorphic", holomorphic), ("allow_int", allow_int)):
        if asked:
            msg = f"{name} is {asked!r}: PyTorch has no such derivative, leave it out"
            raise ChainError(msg)
    held = argnums if isinstance(argnums, int) else tuple(argnums)
    return JacobianFunction(func, held, has_aux, mode, chunk_size, low_rank)
