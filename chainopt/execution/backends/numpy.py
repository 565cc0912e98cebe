"""NumPy's arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.backends.base import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from chainopt.typing import Array, DType


NUMBERS = frozenset(map(np.dtype, "?" + np.typecodes["AllInteger"] + np.typecodes["AllFloat"]))
"""The dtypes of numbers, in this machine's byte order. To look one up takes half as long as to ask for its kind."""


def is_numeric(dtype: np.dtype[Any]) -> bool:
    """Whether it is a number type, of NumPy or, as bfloat16, of a package that added it."""
    return dtype.kind in "biufc" or (dtype.kind == "V" and dtype.type is not np.void)


class NumpyBackend(Backend):
    """What the package asks of NumPy."""

    library, arrays = "NumPy", "NumPy arrays"
    takes_out = goes_with_scipy = True

    def owns(self, factor: Array) -> bool:
        """Whether something is a NumPy array."""
        return isinstance(factor, np.ndarray)

    def has_own_class(self, matrix: Array) -> bool:
        """Whether an array is of no subclass."""
        return type(matrix) is np.ndarray

    def is_numeric(self, matrix: Array) -> bool:
        """Whether an array holds numbers."""
        return is_numeric(matrix.dtype)

    def takes_forms(self, matrix: Array) -> bool:
        """Whether an array is not of a subclass, which has rules of its own, and of a dtype that SciPy knows."""
        return type(matrix) is np.ndarray and matrix.dtype in NUMBERS and matrix.dtype != np.float16

    def scale_rows(self, vector: Array, matrix: Array) -> Array:
        """Multiply with a diagonal matrix on the left; `numpy.matrix` has other rules for ``*``."""
        return np.multiply(vector[:, None], matrix)

    def scale_columns(self, matrix: Array, vector: Array) -> Array:
        """Multiply with a diagonal matrix on the right."""
        return np.multiply(matrix, vector)

    def numbers(self, matrix: Array) -> Array:
        """Return the array itself: its numbers are known."""
        return matrix

    def out_refusal(self, out: Array, dtypes: Sequence[DType], *, has_operators: bool) -> str | None:
        """Say why the product of matrices, and operators, cannot be written there."""
        if not out.flags.writeable:
            return "is read-only: give an array that can be written to"
        product = out.dtype if has_operators else np.result_type(*dtypes)
        if not is_numeric(out.dtype) or not np.can_cast(product, out.dtype, "same_kind" if has_operators else "safe"):
            return f"has the dtype {out.dtype}, to which the product's {product} cannot be cast without loss"
        return None

    def settings(self) -> Callable[[ExitStack], None]:
        """Note how overflows and the like are handled, which NumPy 1 keeps for each thread and NumPy 2 for each context."""
        errors: dict[str, Any] = {**np.geterr(), "call": np.geterrcall()}

        def enter(stack: ExitStack) -> None:
            stack.enter_context(np.errstate(**errors))

        return enter


BACKEND = NumpyBackend()
