"""The errors; each message names the argument, the place and the remedy."""

from collections.abc import Iterable
from typing import NoReturn


class ChainError(ValueError):
    """An input that is not a chain or a plan, or does not fit the plan.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.optimal_order([(2, 3), (4, 5)])
    Traceback (most recent call last):
    ...
    chainopt.errors.ChainError: J2 (chain[0]) has 3 columns, but J1 (chain[1]) has 4 rows: neighbors must share a size
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


def meant(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """Ask whether a known word was meant by an unknown one; empty where none is as similar as ``likeness``."""
    from difflib import get_close_matches  # takes 2 ms, which few processes need

    alike = get_close_matches(word, list(known), 1, likeness)
    return f": did you mean {alike[0]}?" if alike else ""


def check_keys(data: Iterable[object], known: Iterable[str], what: str) -> None:
    """Refuse a dict with an unknown key, which would otherwise be ignored without a word.

    Parameters
    ----------
    data : dict
    known : iterable of str
    what : str
        What the error calls the dict.

    Raises
    ------
    ChainError
        If there is such a key.

    Examples
    --------
    >>> from chainopt.errors import check_keys
    >>> check_keys({"taep_limit": 3}, ["tape_limit", "dims"], "data")
    Traceback (most recent call last):
    ...
    chainopt.errors.ChainError: data has 'taep_limit', which is not known there: did you mean tape_limit?
    """
    names = list(known)
    for key in data:
        if key not in names:
            text = ascii(key)
            short = text if len(text) < 60 else f"{text[:57]}..."
            hint = meant(key, names) if isinstance(key, str) and len(key) < 60 else ""
            msg = f"{what} has {short}, which is not known there{hint or ': leave it out'}"
            raise ChainError(msg)


def install(extra: str) -> str:
    """Return the command that installs an extra of this package."""
    return f'python -m pip install "jacobian-chainopt[{extra}]"'


def raise_missing_extra(purpose: str, library: str, extra: str) -> NoReturn:
    """Say how to install a library that is missing.

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
