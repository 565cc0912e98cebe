"""What a method is asked, and what it answers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from chainopt.bracketing.bracketing import Bracketing
from chainopt.bracketing.operations import Mode
from chainopt.costs.last_operations import last_operations
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.costs.stage_choices import stage_choices

if TYPE_CHECKING:
    from chainopt.bracketing.schedule import Schedule
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.last_operations import LastOperations
    from chainopt.costs.model import CostModel
    from chainopt.costs.stage_choices import StageChoices


class _Asked(NamedTuple):
    chain: JacobianChain
    model: CostModel = MULTIPLICATIONS
    tape_limit: float | None = None
    memory_limit: float | None = None
    workers: float = 1
    time_limit: float | None = None
    shows_progress: bool = False


class Problem(_Asked):
    """A chain, what is minimized, and the limits; all options have been checked.

    Parameters
    ----------
    chain : JacobianChain
        What is multiplied.
    model : CostModel
        What operations cost.
    tape_limit : float, optional
        The largest tape of a stage that is pulled back, or accumulated by VJPs.
    memory_limit : float, optional
        The most matrix entries alive at once.
    workers : int, or math.inf
        How many share the operations; what is minimized with several is the makespan.
    time_limit : float, optional
        The seconds after which a search ends with the best so far.
    shows_progress : bool
        Whether such a search shows how far it is.

    Notes
    -----
    A tuple is made in a third of the time of a frozen dataclass, and short chains take microseconds.
    """

    @cached_property
    def choices(self) -> StageChoices:
        """What can be done with each stage under the limit on the tape."""
        return stage_choices(self.chain, self.tape_limit, self.model)

    @cached_property
    def operations(self) -> LastOperations:
        """What can be done last for each interval, and what it costs."""
        return last_operations(self.chain, self.choices, self.model)

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem, tuple(self)  # what is kept beside is found again


class Solution(NamedTuple):
    """A bracketing, and what is known of it.

    Attributes
    ----------
    bracketing : Bracketing
        What is done, and in which order.
    cost : int or float
        What all operations cost together.
    mode : Mode
        What they add up to; among equals forward goes first, then reverse, then a hybrid.
    is_optimal : bool
        Whether nothing that meets the limits is better, as the method that found it has proved.
    lower_bound : int or float
        What is minimized, cost or makespan, is no less than this for anything that meets the limits; 0 where nothing is known.
    method : str
        The method that found it, which may be another one than was asked for.
    schedule : Schedule, optional
        Who does what when, for several workers.
    """

    bracketing: Bracketing
    cost: Any
    mode: Mode
    is_optimal: bool
    lower_bound: Any
    method: str
    schedule: Schedule | None = None


Candidate: TypeAlias = tuple[Bracketing, Any, Mode]
"""A bracketing, its exact cost and its mode."""


class Method(Protocol):
    """A way to find a bracketing; `chainopt.solvers.registry` knows them all."""

    @property
    def name(self) -> str:
        """What it is asked for by, and called in a plan."""

    @property
    def is_exact(self) -> bool:
        """Whether what it finds is the best for every problem that it handles."""

    def refusal(self, problem: Problem) -> str | None:
        """Return what the method needs and the problem lacks, as "it needs dense matrices"; None where it handles the problem."""

    def solve(self, problem: Problem) -> Solution:
        """Solve a problem that it handles."""
