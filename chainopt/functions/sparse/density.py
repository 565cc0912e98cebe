"""When a Jacobian is not sparse: what is nearly full is refused, so that nobody waits for what a dense one would do faster."""

from __future__ import annotations

from chainopt.errors import ChainError
from chainopt.numbers import counted

TINY = 16  # places: so few are never refused
HALF = 1 / 2  # of all places: with more no coloring takes half as many products as columns, or as rows
QUARTER = 1 / 4  # of all places: with more the colors have to be worth it,
USELESS = 9 / 10  # which so many products a column, or a row, are not


def check_is_sparse(shape: tuple[int, int], nonzeros: int, products: int | None, dense_by: str | None) -> None:
    """Refuse a pattern of more than half of all places, or of more than a quarter whose colors save nothing.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    nonzeros : int
        How many places the pattern has.
    products : int, optional
        How many JVPs and VJPs the coloring takes, if it is known.
    dense_by : str, optional
        What made it dense.

    Raises
    ------
    ChainError
        Which names that.
    """
    places, least = shape[0] * shape[1], min(shape)
    if places <= TINY:
        return
    is_useless = products is not None and nonzeros > QUARTER * places and products >= USELESS * least
    if nonzeros <= HALF * places and not is_useless:
        return
    passes = "" if products is None else f", and takes {counted(products, 'product')} where a dense one takes {least}"
    made = f": what makes it dense is {dense_by}" if dense_by else ""
    msg = (
        f"the Jacobian of {shape[0]}x{shape[1]} is not sparse, for {nonzeros / places:.0%} of its entries may be nonzero{passes}"
        f"{made}. Take jacobian(f) without sparse=True, or give pattern= if more is known"
    )
    raise ChainError(msg)
