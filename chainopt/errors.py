"""What goes wrong, each with the argument, the place and the remedy in its message."""

from typing import NoReturn


class ChainError(ValueError):
    """An input that is no chain, no plan, or does not fit the plan.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.optimal_order([(2, 3), (4, 5)])
    Traceback (most recent call last):
    ...
    chainopt.errors.ChainError: J2 (chain[0]) has 3 columns, but J1 (chain[1]) has 4 rows: neighbours must share a size
    """


class InfeasibleError(ChainError):
    """No plan meets what was asked: a limit is too low, or a stage lacks the mode.

    Examples
    --------
    >>> import chainopt
    >>> stages = [chainopt.Jacobian((2, 3), vjp_cost=5, tape=7), chainopt.Jacobian((3, 4))]
    >>> chainopt.optimal_order(stages, tape_limit=6)
    Traceback (most recent call last):
    ...
    chainopt.errors.InfeasibleError: tape_limit is 6, but J2 has only a VJP, whose tape is 7: the least limit is 7
    """


def install(extra: str) -> str:
    """Return the command that installs an extra of this package."""
    return f'python -m pip install "jacobian-chainopt[{extra}]"'


def raise_missing_extra(purpose: str, library: str, extra: str) -> NoReturn:
    """Say of what needs a library that is not installed how to install it.

    Parameters
    ----------
    purpose : str
        What needs it, as the user asked for it: an argument, a method, a function.
    library : str
        What it needs.
    extra : str
        The extra of this package that installs the library.

    Raises
    ------
    ChainError
        Always.

    Examples
    --------
    >>> from chainopt.errors import raise_missing_extra
    >>> raise_missing_extra("plot", "matplotlib", "plot")
    Traceback (most recent call last):
    ...
    chainopt.errors.ChainError: plot needs matplotlib: install it with python -m pip install "jacobian-chainopt[plot]"
    """
    msg = f"{purpose} needs {library}: install it with {install(extra)}"
    raise ChainError(msg) from None
