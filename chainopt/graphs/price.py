"""What a product inside a stage costs, in the unit of the edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainopt.costs.multiplications import MULTIPLICATIONS, Multiplications

if TYPE_CHECKING:
    from chainopt.costs.model import CostModel
    from chainopt.typing import Cost


@dataclass(frozen=True)
class Price:
    """The price of products: a count of multiplications, exactly, or what a model makes of them."""

    model: CostModel = MULTIPLICATIONS

    def __call__(self, m: int, k: int, n: int, needed: int | None = None) -> Cost:
        """Return what a product of an m x k and a k x n matrix costs; ``needed`` multiplications if it is structured."""
        if isinstance(self.model, Multiplications):
            return m * k * n if needed is None else needed
        sizes: Any = (m, k, n)
        return float(self.model.products(*sizes) if needed is None else self.model.structured(needed))  # type: ignore[arg-type]
