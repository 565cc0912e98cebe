"""Sections of a function as stages: matrices are pushed and pulled through them, all columns at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from chainopt.functions.elementals import Factors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.trace import Variable


class Opaque:
    """A function from one list of tensors to another, at a point: pushed and pulled through by `torch.func`."""

    def __init__(
        self,
        function: Callable[..., tuple[Any, ...]],
        state: Sequence[Any],
        inputs: Sequence[Variable],
        outputs: Sequence[Variable],
        dtype: Any,
    ) -> None:
        self.function = function
        self.state = tuple(state)
        self.inputs, self.outputs, self.dtype = inputs, outputs, dtype
        self.pull: Callable[..., Any] | None = None

    def result(self) -> tuple[Any, ...]:
        """Evaluate the function, and remember how to pull back through it."""
        result, self.pull = torch.func.vjp(self.function, *self.state)
        return tuple(result)

    def pushed(self, columns: Any) -> Any:
        """Push columns forward."""

        def push(*tangent: Any) -> Any:
            return torch.func.jvp(self.function, self.state, tangent)[1]

        return self._joined(torch.func.vmap(push)(*self._split(columns, self.inputs)), columns)

    def pulled(self, columns: Any) -> Any:
        """Pull columns of cotangents back."""
        if self.pull is None:
            self.result()
        assert self.pull is not None
        return self._joined(torch.func.vmap(self.pull)(tuple(self._split(columns, self.outputs))), columns)

    @staticmethod
    def _split(columns: Any, pieces: Sequence[Variable]) -> list[Any]:
        rows = columns.mT
        parts = torch.split(rows, [piece.size for piece in pieces], dim=1)
        return [
            part.reshape(rows.shape[0], *piece.shape).to(piece.dtype).contiguous()
            for part, piece in zip(parts, pieces, strict=True)
        ]

    def _joined(self, parts: Sequence[Any], columns: Any) -> Any:
        flat = [part.reshape(columns.shape[1], -1).to(self.dtype) for part in parts]
        return (torch.cat(flat, dim=1) if len(flat) > 1 else flat[0]).mT


class Stage:
    """A section of a function, at a point, as the operator that its derivative is: one part after the other."""

    def __init__(self, parts: Sequence[Opaque | Factors], shape: tuple[int, int], dtype: Any, device: Any) -> None:
        self.parts, self.shape, self.dtype, self.device = parts, shape, dtype, device

    def identity_seed(self, rows: int, columns: int, offset: int) -> Any:
        """Return columns or rows of the identity."""
        seed = torch.zeros(rows, columns, dtype=self.dtype, device=self.device)
        seed.diagonal(offset).fill_(1)
        return seed

    def elemental_jacobian(self) -> Any:
        """Return the Jacobian where the program holds it."""
        (known,) = self.parts
        assert isinstance(known, Factors)
        matrix = known.whole()
        return matrix.clone() if known.columns is known.rows is None else matrix  # who writes to the result must not change it

    def matmat(self, columns: Any) -> Any:
        """Push columns forward."""
        for part in self.parts:
            columns = part.pushed(columns)
        return columns

    def rmatmat(self, columns: Any) -> Any:
        """Pull columns of cotangents back; of real functions, which these are, the adjoint is the transpose."""
        for part in reversed(self.parts):
            columns = part.pulled(columns)
        return columns


def slopes(function: Callable[[Any], Any], argument: Any) -> Any:
    """Differentiate an elementwise function at every entry."""
    result, pull = torch.func.vjp(function, argument)
    return pull(torch.ones_like(result))[0].reshape(-1)


def sequential(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Compose functions, in evaluation order, and remember them as the stages of a Jacobian.

    Parameters
    ----------
    *functions : callable
        Each takes what the one before returns, a pytree of tensors.

    Returns
    -------
    callable
        The composed function; `jacobian` cuts it between its parts, and nowhere else.

    Examples
    --------
    >>> import torch
    >>> from chainopt.torch import jacobian, sequential
    >>> model = sequential(torch.sin, lambda x: x[:2], torch.exp)
    >>> tuple(jacobian(model)(torch.zeros(3)).shape)
    (2, 3)
    """

    def composed(argument: Any) -> Any:
        for function in functions:
            argument = function(argument)
        return argument

    composed.stages = functions  # type: ignore[attr-defined]
    return composed
