"""What a recorded PyTorch function gives, so that others are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.functions.sparse.derived import Traced

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.torch.detection import Recording
    from chainopt.typing import Array


class TracedFunction(Traced, Protocol):
    """A function of flat lists of tensors, as far as others are made of it."""

    inputs: list[Array]
    """By which it is differentiated."""
    others: list[Array]
    """Its further arguments."""
    besides: Sequence[Array]
    """What it reads besides, as far as that is known."""
    outputs: int
    """How many results are differentiated."""
    count: int
    """How many there are in all."""
    recording: Recording | None
    """Its operators."""

    def main(self, others: Sequence[Array]) -> Callable[..., tuple[tuple[Array, ...], tuple[Array, ...]]]:
        """Return what computes the results that are differentiated, and the others, of the inputs."""
