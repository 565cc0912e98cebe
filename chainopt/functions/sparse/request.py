"""What goes together with ``sparse=``, checked once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.sparse.given_pattern import GivenPattern
from chainopt.numbers import shown

if TYPE_CHECKING:
    from chainopt.functions.options import Options, Sparsity
    from chainopt.typing import Array

REFUSED = {"holomorphic": "real numbers only", "allow_int": "real numbers only", "low_rank": "no factors"}
KINDS: tuple[Sparsity, ...] = (True, False, "low-rank")


def with_sparsity(options: Options, sparse: Array, pattern: Array, check: Array, *, plans: bool = False) -> Options:
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
    plans : bool
        Whether the library's functions can be cut into stages.

    Raises
    ------
    ChainError
        If that does not go together.
    """
    kind = next((one for one in KINDS if sparse is one or (isinstance(sparse, str) and sparse == one)), None)
    if kind is None:
        msg = f'sparse is {shown(sparse)}: give True, False or "low-rank"'
        raise ChainError(msg)
    if not isinstance(check, bool):
        msg = f"check is {shown(check)}: give True or False"
        raise ChainError(msg)
    if not kind:
        if pattern is not None:
            msg = "pattern is given, but sparse is False: take sparse=True"
            raise ChainError(msg)
        return options
    if options.mode == "planned" and not plans:
        msg = 'mode is "planned", but sparse Jacobians are planned as chains in JAX only: take "auto", "forward" or "reverse"'
        raise ChainError(msg)
    if options.mode == "elimination":
        msg = 'mode is "elimination", but sparse Jacobians are not straight-line code: take "auto", "forward" or "reverse"'
        raise ChainError(msg)
    if kind == "low-rank" and (pattern is not None or options.mode != "auto"):
        what = f"mode is {options.mode!r}" if pattern is None else "pattern is given"
        msg = f'{what}, but sparse is "low-rank", which takes both modes and finds the pattern itself: leave it out'
        raise ChainError(msg)
    for name, what in REFUSED.items():
        if getattr(options, name):
            msg = f"{name} is {getattr(options, name)!r}, but sparse is {sparse!r}, and sparse Jacobians have {what}"
            raise ChainError(msg)
    return replace(options, sparse=kind, pattern=None if pattern is None else GivenPattern(pattern), check=check)
