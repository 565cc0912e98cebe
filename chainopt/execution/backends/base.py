"""What the package asks of a library of arrays. Each library has a file here, with what it does in its own way."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from distributed import Future

    from chainopt.typing import Array, BoolArray, DType, NumpyArray


class Backend:
    """A library of arrays; what is defined here is what NumPy does.

    A file here is imported only where its library has been: whoever holds one of its arrays has imported it.

    Attributes
    ----------
    library, arrays : str
        The names of the library, and of several of its arrays, in messages.
    stands_alone : bool
        Whether its arrays multiply with their own only: NumPy's among them are converted, those of others refused.
    one_dtype : bool
        Whether its arrays multiply with those of the same dtype only.
    takes_out : bool
        Whether a product can be written to an array that is there already.
    is_sparse : bool
        Whether its arrays hold nonzeros only.
    goes_with_scipy : bool
        Whether its arrays multiply with SciPy's sparse arrays.
    in_chunks : bool
        Whether its arrays, and then seeds, come in chunks, which are made where they are used.
    """

    library = "the library of other arrays"
    arrays = "other arrays"
    stands_alone = one_dtype = takes_out = is_sparse = goes_with_scipy = in_chunks = False

    def __reduce__(self) -> str | tuple[object, ...]:
        return "BACKEND"  # each file has one of this name, in all processes the same

    # Whose arrays they are, and what is known of one.

    def owns(self, _: Array) -> bool:
        """Whether something is an array of the library."""
        return False

    def owns_dtype(self, _: Array) -> bool:
        """Whether a dtype is one of the library's own, which NumPy does not know."""
        return False

    def has_own_class(self, _: Array) -> bool:
        """Whether an array is of a class that NumPy or SciPy defines: it has no unit, no mask, and no rules of its own."""
        return False

    def is_lazy(self, _: Array) -> bool:
        """Whether an array stands for numbers that come later: it is traced, or computed when it is asked for."""
        return False

    def is_numeric(self, _: Array) -> bool:
        """Whether an array holds numbers; of most libraries all do."""
        return True

    def takes_forms(self, _: Array) -> bool:
        """Whether a structured matrix is multiplied in another form, by its diagonal or its nonzeros, with what ``@`` gives."""
        return True

    def structure_refusal(self, _: Array) -> str | None:
        """Say why a matrix cannot stand for a structured one, as what follows its name; None where it can."""
        return None

    # Making arrays.

    def sample(self, _: Array) -> Array:
        """Return an empty array that shows of which dtype and where seeds have to be; None where NumPy's serve."""
        return None

    def convert(self, matrix: NumpyArray, _: Array) -> Array:
        """Hand a NumPy array over, with its dtype, to where another array is.

        Raises
        ------
        TypeError, ValueError
            If the library has no such dtype.
        """
        return matrix

    def adopt(self, _future: Future, _shape: tuple[int, ...], _dtype: DType) -> Array:
        """Hand a NumPy array over that is on a cluster; None where the library cannot."""
        return None

    def seed(self, matrix: NumpyArray, dtype: DType, _: Array) -> Array:
        """Hand a seed over, of a dtype or, where that is None, of the dtype and on the device of a sample."""
        return matrix if dtype is None else matrix.astype(dtype, copy=False)

    def eye(self, shape: tuple[int, int], offset: int, dtype: DType, sample: Array) -> Array:
        """Return a seed of zeros with ones on the diagonal that lies ``offset`` columns to the right."""
        return self.seed(np.eye(*shape, k=offset), dtype, sample)

    def from_diagonal(self, vector: Array) -> Array:
        """Return the square matrix with this diagonal and zeros around it."""
        return np.diag(vector)

    # Working with arrays.

    def dense(self, matrix: Array) -> Array:
        """Return a matrix with all its entries."""
        return matrix

    def diagonal(self, matrix: Array) -> Array:
        """Return the diagonal of a square matrix."""
        return matrix.diagonal()

    def adjoint(self, matrix: Array) -> Array:
        """Return the conjugate transpose; of a real matrix a view."""
        return matrix.T if matrix.dtype.kind in "biuf" else matrix.conj().T

    def reshape(self, array: Array, shape: tuple[int, ...]) -> Array:
        """Return an array in another shape."""
        return array.reshape(shape)

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return np.concatenate(parts, axis=axis)

    def take(self, matrix: Array, positions: NumpyArray, axis: int) -> Array:
        """Return the rows (axis 0) or columns (axis 1) at some positions, which may repeat."""
        return matrix[positions] if axis == 0 else matrix[:, positions]

    def masked(self, matrix: Array, mask: BoolArray) -> Array:
        """Return a matrix with zeros where a mask says no."""
        return np.where(mask, matrix, 0)

    def scale_rows(self, vector: Array, matrix: Array) -> Array:
        """Multiply with a diagonal matrix on the left."""
        return vector[:, None] * matrix

    def scale_columns(self, matrix: Array, vector: Array) -> Array:
        """Multiply with a diagonal matrix on the right."""
        return matrix * vector

    def pass_through(self, step: Callable[[Array, Array], Array], stage: Array, matrix: Array, _: int) -> Array:
        """Take a matrix through a stage, whose columns (axis 1) or rows (axis 0) are independent."""
        return step(stage, matrix)

    def wait_for(self, array: Array) -> None:
        """Wait until an array is computed, if it is handed out before that, as by JAX."""
        wait = getattr(array, "block_until_ready", None)
        if wait is not None:
            wait()

    # Looking at numbers, for the checks.

    def numbers(self, _: Array) -> Array:
        """Return an array, here or of NumPy, whose numbers can be looked at; None where they are not known."""
        return None

    def nonzeros(self, matrix: Array, mask: BoolArray | None = None) -> int:
        """Count the nonzeros of an array whose numbers are known, all or those where a mask says."""
        return int(np.count_nonzero(matrix if mask is None else matrix[mask]))

    def is_all_ones(self, vector: Array) -> bool:
        """Whether the entries of an array whose numbers are known are all 1."""
        return bool((vector == 1).all())

    # Products into an array that is there already.

    def out_refusal(self, out: Array, dtypes: Sequence[DType], *, has_operators: bool) -> str | None:  # noqa: ARG002 -- see NumPy
        """Say why the product of matrices, and operators, cannot be written there, as what follows "out"; None where it can."""
        return None

    def matmul_into(self, out: Array) -> Callable[[Array, Array], Array]:
        """Return the product of two matrices that is written there."""
        return partial(np.matmul, out=out)

    def copy_into(self, out: Array, matrix: Array) -> Array:
        """Copy a matrix there."""
        np.copyto(out, matrix, casting="same_kind")
        return out

    # Threads.

    def settings(self) -> Callable[[ExitStack], None] | None:
        """Note the library's settings of this thread; what is returned applies them in another one."""
        return None

    def limit_threads(self) -> None:
        """Limit the library to one thread for what this thread calls."""

    def restore_threads(self) -> Callable[[], None] | None:
        """Return what gives the library back its present threads; None where nothing has to be restored."""
        return None


BACKEND = Backend()
"""What stands for objects that only multiply, for operators, and for what NumPy makes an array of."""
