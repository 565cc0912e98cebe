"""What a cost model is: what is minimized. That of the exact count is `chainopt.costs.multiplications.MULTIPLICATIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from chainopt.typing import Cost, NumpyArray


class CostModel(Protocol):
    """The price of products and of what stages do."""

    @property
    def name(self) -> str:
        """What the objective is called in a plan."""

    @property
    def unit(self) -> str:
        """What it counts."""

    def products(self, m: NumpyArray, k: NumpyArray, n: NumpyArray) -> NumpyArray:
        """Return the costs of products of m x k and k x n matrices.

        Parameters
        ----------
        m, k, n : numpy.ndarray
            The sizes, which broadcast: int64, or Python ints where one is larger.

        Returns
        -------
        numpy.ndarray
            int64, float64 or Python ints.
        """

    def structured(self, counts: NumpyArray) -> NumpyArray:
        """Return the costs of products of structured matrices that need so many multiplications."""

    def stage(self, cost: Cost) -> Cost:
        """Return the cost of a JVP, a VJP or an accumulation, given as a count or in seconds."""
