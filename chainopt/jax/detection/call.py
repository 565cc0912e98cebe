"""The pattern of a function as a user calls it: pytrees, several arguments, and arguments that it is not differentiated by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax

from chainopt.errors import ChainError
from chainopt.functions.backend import UnplannableError
from chainopt.functions.signature import Call
from chainopt.jax.backend import BACKEND
from chainopt.jax.detection.detect import pattern_of

if TYPE_CHECKING:
    from chainopt.functions.sparsity.detection import Detection
    from chainopt.typing import Array, Function


def detection_of(function: Function, arguments: tuple[Array, ...], argnums: int | tuple[int, ...]) -> Detection:
    """Find the pattern of a call.

    Parameters
    ----------
    function : callable
        Of arrays, or pytrees of them.
    arguments : tuple
        What it is called with; the values of those that it is not differentiated by do not matter either, if they are arrays.
    argnums : int or tuple of int
        By which arguments it is differentiated.

    Raises
    ------
    ChainError
        If the function writes to references.
    """
    call = Call.read(BACKEND, argnums, arguments, {})

    def flat(*arrays: Array) -> list[Array]:
        positional, keywords = call.arguments(BACKEND, arrays)
        return list(jax.tree.leaves(function(*positional, **keywords)))

    try:
        return pattern_of(flat, call.inputs, call.others)
    except UnplannableError as error:
        msg = f"the pattern of the function's Jacobian cannot be found, for {error}"
        raise ChainError(msg) from None
