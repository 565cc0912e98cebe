"""What execution asks of a plan; plans are in a room above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain


class Planned(Protocol):
    """What is asked of a plan that is executed."""

    @property
    def chain(self) -> JacobianChain:
        """What is multiplied."""

    @property
    def association(self) -> Bracketing:
        """The order of the products."""

    @property
    def schedule(self) -> object:
        """Who does what when; None for one worker."""

    @property
    def operations(self) -> Sequence[Operation]:
        """What is done, in an order in which it can be executed; made anew whenever it is asked for."""

    @property
    def workers(self) -> float:
        """How many workers the plan is for."""
