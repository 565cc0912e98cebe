"""A function whose Jacobian is made block by block, by straight-line code, sparse stages or a linear map, for one signature."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from chainopt.functions.trace import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.backend import Backend, Blocks
    from chainopt.functions.trace import Trace
    from chainopt.functions.unpack import Results
    from chainopt.graphs.elimination.result import Elimination
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array


@dataclass(frozen=True, eq=False)
class Blockwise:
    """What computes the blocks, and how the results are put together; it stands where a planned program would."""

    backend: Backend
    trace: Trace
    line: Blocks
    results: Results
    mode: str  # "planned", "elimination", or a pure one
    compilation: float = 0.0  # seconds that the library's own calls take before it is compiled for such
    recorded: list[Callable[..., list[Array]]] = field(default_factory=list)

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether it holds arrays that are gone as soon as a transformation ends."""
        return any(map(self.backend.is_traced, self.trace.constants.values()))

    @cached_property
    def names(self) -> frozenset[str]:
        """Those of the equations of the function."""
        return frozenset(equation.name for equation in self.trace.equations)

    def plan_of(self, mode: str) -> Plan | Elimination:  # noqa: ARG002 -- as that of a program
        """Return the order of the stages, or of elimination."""
        return self.line.plan()

    def computation(self, mode: str, chunk_size: int | None, arrays: Sequence[Array]) -> Callable[..., list[Array]]:  # noqa: ARG002
        """Return what computes the flat results, recorded once where that is possible.

        Parameters
        ----------
        mode, chunk_size
            As for a planned program; there is one way only here.
        arrays : sequence of arrays
            Arguments like those that it will get.
        """
        if not self.backend.can_record():
            return self._computed
        if not self.recorded:
            self.recorded.append(self.backend.record(self._computed, arrays, self.names))
        return self.recorded[0]

    def assembled(self, flat: Sequence[Array]) -> Array:
        """Return what the caller gets."""
        return self.results.assembled(self.backend, flat)

    def _computed(self, *given: Array) -> list[Array]:
        trace, results = self.trace, self.results
        blocks = self.line.blocks(given)
        read_later = trace.outputs if results.with_value else trace.outputs[results.outputs :]
        if not read_later:
            return blocks
        values = trace.constants | dict(zip((*trace.inputs, *trace.others), given, strict=True))
        for equation in needed(trace.equations, read_later):
            equation.run(values)
        return [*blocks, *(values[variable] for variable in read_later)]
