"""What goes wrong, each with the argument, the place and the remedy in its message."""


class ChainError(ValueError):
    """An input that is no chain, no plan, or does not fit the plan.

    Examples
    --------
    >>> import chainopt
    >>> chainopt.optimal_order([(2, 3), (4, 5)])
    Traceback (most recent call last):
    ...
    chainopt.exceptions.ChainError: J2 (chain[0]) has 3 columns, but J1 (chain[1]) has 4 rows: neighbours must share a size
    """
