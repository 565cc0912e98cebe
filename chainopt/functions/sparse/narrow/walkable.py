"""A program that computes a JVP, as the search for narrow variables sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.sparsity.index_sets import IndexSets
    from chainopt.typing import Array


class Watcher(Protocol):
    """What is told of each variable on the way that depends on the tangents."""

    def __call__(self, variable: Array, sets: IndexSets, tails: Sequence[Array]) -> IndexSets:
        """Return what is taken for known of a variable from there on.

        Parameters
        ----------
        variable
            Which was computed.
        sets : IndexSets
            What each of its entries depends on.
        tails : sequence of variables
            From which it was computed, as far as they depend on the tangents.
        """


class Walkable(Protocol):
    """The JVP of a function as a list of steps; its variables are any objects with a hash."""

    @property
    def results(self) -> Sequence[Array]:
        """The variables that it returns, without constants."""

    @property
    def columns(self) -> int:
        """How many entries the tangents have."""

    def size(self, variable: Array) -> int:
        """Return how many entries a variable has."""

    def is_real(self, variable: Array) -> bool:
        """Whether a variable is an array of real numbers."""

    def walk(self, watcher: Watcher) -> IndexSets:
        """Go through the program step by step; return what each entry of the results depends on."""
