"""What goes together with ``sparse=``, checked once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.sparse.given_pattern import GivenPattern

if TYPE_CHECKING:
    from chainopt.functions.options import Options
    from chainopt.typing import Array

REFUSED = {"holomorphic": "real numbers only", "allow_int": "real numbers only", "low_rank": "no factors"}


def with_sparsity(options: Options, sparse: Array, pattern: Array, check: Array) -> Options:
    """Add what is asked of sparsity to the options.

    Parameters
    ----------
    options : Options
        All else, checked.
    sparse
        True, False or "low-rank".
    pattern
        Where nonzeros may be, or None.
    check
        Whether it is compared with a product.

    Raises
    ------
    ChainError
        If that does not go together.
    """
    if isinstance(sparse, str) and sparse == "low-rank":
        msg = 'sparse is "low-rank", which is not there yet: take sparse=True, or low_rank=True for two dense factors'
        raise ChainError(msg)
    if not isinstance(sparse, bool):
        msg = f'sparse is {sparse!r}: known are True and False, and "low-rank", which is not there yet'
        raise ChainError(msg)
    if not isinstance(check, bool):
        msg = f"check is {check!r}: give True or False"
        raise ChainError(msg)
    if not sparse:
        if pattern is not None:
            msg = "pattern is given, but sparse is False: take sparse=True"
            raise ChainError(msg)
        return options
    if options.mode == "planned":
        msg = 'mode is "planned", but sparse Jacobians are not planned as chains yet: take "auto", "forward" or "reverse"'
        raise ChainError(msg)
    for name, what in REFUSED.items():
        if getattr(options, name):
            msg = f"{name} is {getattr(options, name)!r}, but sparse is True, and sparse Jacobians have {what}"
            raise ChainError(msg)
    return replace(options, sparse=True, pattern=None if pattern is None else GivenPattern(pattern), check=check)
