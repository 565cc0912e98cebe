"""Functions composed, whose parts are the stages of a Jacobian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Composition:
    """Functions, one after the other, in evaluation order."""

    def __init__(self, functions: tuple[Callable[[Any], Any], ...]) -> None:
        self.stages = functions

    def __call__(self, argument: Any) -> Any:
        """Return what the last one makes of what the ones before it make of the argument."""
        for stage in self.stages:
            argument = stage(argument)
        return argument


def stages_of(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return the parts of a composition; that of any other function is itself."""
    return function.stages if isinstance(function, Composition) else (function,)
