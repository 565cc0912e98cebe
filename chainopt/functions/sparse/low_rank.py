"""A Jacobian as a sparse matrix plus the product of two thin ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.sparse.colors import sparse_part
from chainopt.functions.sparse.program import SparseProgram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.functions.options import Options
    from chainopt.functions.signature import Call
    from chainopt.functions.sparse.backend import Narrowable, SparseBackend
    from chainopt.functions.unpack import Results
    from chainopt.typing import Array

NO_FACTORS = "the Jacobian is not sparse plus low rank as far as is known, for no narrow variables hold what makes it dense"
REMEDY = ". Take"  # where it begins in the refusal of what is not sparse


class LowRankProgram(SparseProgram):
    """What computes the sparse part of a Jacobian and the two factors of the rest; see `SparseProgram`."""

    def assembled(self, matrices: Sequence[Array], further: Sequence[Array]) -> Array:
        """Return what the caller gets: the triple, with the auxiliary data."""
        results, dense = self.results, self.backend.dense
        end = results.outputs + results.inputs
        whole = results._replace(has_aux=False)
        triple = whole.assembled(dense, matrices), *whole._replace(low_rank=True).assembled(dense, further[:end])
        return (triple, results.auxiliary(dense, further[end:])) if results.has_aux else triple


class Choice:
    """The cheapest of the splits that a function has.

    Raises
    ------
    ChainError
        If none leaves a sparse matrix.
    """

    def __init__(self, recorded: Narrowable, options: Options) -> None:
        least: int | None = None
        for narrow in recorded.narrowed():
            try:
                entries, coloring = sparse_part(narrow, options)
            except ChainError:
                continue
            products = coloring.products + 2 * narrow.rank
            is_cheaper = (least is None or products < least) and (not narrow.rank or products < min(entries.shape))
            if is_cheaper and narrow.has_factors:
                least = products
                self.narrow, self.entries, self.coloring = narrow, entries, coloring
        if least is None:
            raise ChainError(NO_FACTORS)


def low_rank_program(
    backend: SparseBackend, recorded: Narrowable, results: Results, call: Call, options: Options
) -> LowRankProgram:
    """Choose what is held, and prepare what computes the triple."""
    try:
        choice = Choice(recorded, options)
    except ChainError as error:
        raise _explained(error, recorded, options) from None
    except UnplannableError as error:
        msg = f"whether the Jacobian is sparse plus low rank is not known: {error}. Take sparse=True, or leave sparse= out"
        raise ChainError(msg) from None
    return LowRankProgram(backend, choice.narrow, results, choice.entries, choice.coloring, call, options.chunk_size)


def has_low_rank(recorded: Narrowable, options: Options) -> bool:
    """Whether a Jacobian that is not sparse is one plus a product of thin factors."""
    try:
        Choice(recorded, options)
    except (ChainError, UnplannableError):
        return False
    return True


def _explained(error: ChainError, recorded: Narrowable, options: Options) -> ChainError:
    """Add what makes a Jacobian dense to the error that says that nothing narrow does."""
    try:
        sparse_part(recorded, options)
    except ChainError as refusal:
        return ChainError(f"{error}: {str(refusal).split(REMEDY)[0]}. Take jacobian(f) without sparse=")
    return ChainError(f"{error}, or there are no JVPs, or no VJPs, of the function. Take sparse=True")
