"""The pattern of a Jacobian and its colors, of columns and rows as far as there are JVPs and VJPs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.sparse.density import check_is_sparse
from chainopt.structure.star_coloring import symmetric_products
from chainopt.structure.two_sided_coloring import fewest_products

if TYPE_CHECKING:
    from chainopt.functions.options import Options
    from chainopt.functions.sparse.backend import Recorded
    from chainopt.functions.sparse.given_pattern import GivenPattern
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries


def sparse_part(
    recorded: Recorded, options: Options, coloring: Coloring | None = None, *, is_symmetric: bool = False
) -> tuple[Entries, Coloring]:
    """Return the pattern of a function's Jacobian, or the one that was given, and its colors.

    Parameters
    ----------
    recorded : Recorded
        The function.
    options : Options
        What is asked for.
    coloring : Coloring, optional
        Of the pattern that is given, if it is known.
    is_symmetric : bool
        Whether the Jacobian is.

    Raises
    ------
    ChainError
        If it is not sparse.
    """
    given: GivenPattern | None = options.pattern
    if given is None:
        entries, dense_by = recorded.detected()
    else:
        entries, dense_by = given.entries, "the pattern that was given"
    if is_symmetric:
        entries = symmetric(entries)
    shape = int(entries.shape[0]), int(entries.shape[1])
    check_is_sparse(shape, entries.nnz, None, dense_by)
    if coloring is None:
        coloring = colored(recorded, entries, options, is_symmetric=is_symmetric)
        check_is_sparse(shape, entries.nnz, coloring.products, dense_by)
    return entries, coloring


def symmetric(entries: Entries) -> Entries:
    """Return a pattern with the mirror image of each place."""
    both: Entries = (entries + entries.T).tocsr()
    both.sort_indices()
    return both


def colored(recorded: Recorded, entries: Entries, options: Options, *, is_symmetric: bool) -> Coloring:
    """Color what can be: columns where there are JVPs, rows where there are VJPs.

    Whether there are VJPs takes longer to find out than to color the rows: that is asked where they would be used.
    """
    if is_symmetric:
        return symmetric_products(entries)
    if options.mode == "forward" or (options.mode != "reverse" and recorded.has_jvps):
        coloring = fewest_products(entries, has_vjps=options.mode != "forward")
        return coloring if not coloring.vjps or recorded.has_vjps else fewest_products(entries, has_vjps=False)
    return fewest_products(entries, has_jvps=False)
