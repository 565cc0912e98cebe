"""Functions composed, whose parts are the stages of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.numbers import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from chainopt.typing import Array, Function, PyTree


class Composition:
    """Functions, one after the other, in evaluation order.

    Examples
    --------
    >>> from chainopt.jax import sequential
    >>> sequential(lambda x: x + 1, lambda x: 10 * x)(2)
    30
    """

    def __init__(self, functions: tuple[Array, ...]) -> None:
        for position, function in enumerate(functions):
            if not callable(function):
                msg = f"functions[{position}] is {shown(function)}: give functions, one after the other, sequential(f1, f2)"
                raise ChainError(msg)
        self.stages: tuple[Callable[[Array], Array], ...] = functions

    def __call__(self, argument: PyTree) -> Array:
        """Return what the last one makes of what the ones before it make of the argument."""
        for stage in self.stages:
            argument = stage(argument)
        return argument


def stages_of(function: Function) -> tuple[Function, ...]:
    """Return the parts of a composition; that of any other function is itself."""
    return function.stages if isinstance(function, Composition) else (function,)
