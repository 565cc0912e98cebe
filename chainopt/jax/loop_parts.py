"""How many operands of a scan are constants, and how many its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chainopt.typing import Array


def loop_parts(parameters: Mapping[str, Array]) -> tuple[int, int]:
    """Return how many of the first operands are constants, and how many of those behind them are the state.

    Parameters
    ----------
    parameters : dict
        Of the equation of a scan.
    """
    if "num_consts" in parameters:
        return int(parameters["num_consts"]), int(parameters["num_carry"])
    constants, state, _ = parameters["ft_in"].unpack()  # from JAX 0.11 on
    return len(constants), len(state)
