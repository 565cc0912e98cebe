"""Functions composed, whose parts are the stages of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    def __init__(self, functions: tuple[Callable[[Array], Array], ...]) -> None:
        self.stages = functions

    def __call__(self, argument: PyTree) -> Array:
        """Return what the last one makes of what the ones before it make of the argument."""
        for stage in self.stages:
            argument = stage(argument)
        return argument


def stages_of(function: Function) -> tuple[Function, ...]:
    """Return the parts of a composition; that of any other function is itself."""
    return function.stages if isinstance(function, Composition) else (function,)
