"""A traced function of which some narrow variables are held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.functions.sparse.derived import Derived, F
from chainopt.functions.sparse.given_pattern import tidy

if TYPE_CHECKING:
    from chainopt.functions.sparse.narrow.search import Split
    from chainopt.structure.patterns import Entries


class Fixed(Derived[F]):
    """A function of whose derivative program some narrow variables are held.

    Its Jacobian is ``S + L @ R``: what the results change by the inputs while these variables are held, what they change by them,
    and what they change by the inputs, through each other too.

    Parameters
    ----------
    recorded : Traced
        The function.
    split : Split
        What is held.
    """

    def __init__(self, recorded: F, split: Split) -> None:
        super().__init__(recorded)
        self.split, self.rank = split, split.rank

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern of the sparse part for all inputs, and what made it dense."""
        found = self.split.found
        self.recorded.check_before_listing(found)
        return tidy(found.pattern), found.dense_by
