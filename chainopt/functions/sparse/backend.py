"""What a library of arrays has to give, so that sparse Jacobians of its functions can be computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chainopt.errors import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from chainopt.functions.backend import Backend
    from chainopt.functions.options import Options
    from chainopt.functions.sparse.blocks import Block, Shape
    from chainopt.structure.compression import Coloring
    from chainopt.structure.patterns import Entries
    from chainopt.typing import Array, DType, Function


class OtherShapesError(ChainError):
    """Results of other shapes than those for which a sparse Jacobian was prepared: numbers decide on them."""


class Recorded(Protocol):
    """A function of flat lists of arrays, traced for arguments of certain shapes."""

    shapes: Sequence[Shape]
    """Of the results that are differentiated."""
    dtypes: Sequence[DType]
    """Theirs."""

    @property
    def has_jvps(self) -> bool:
        """Whether there are JVPs of it."""

    @property
    def has_vjps(self) -> bool:
        """Whether there are VJPs of it."""

    @property
    def belongs_to_a_transformation(self) -> bool:
        """Whether it holds arrays that are gone as soon as a transformation ends."""

    def detected(self) -> tuple[Entries, str | None]:
        """Return the pattern for all inputs, and what made it dense."""

    def read(self) -> list[Array]:
        """List the arrays besides the arguments whose numbers decided on the pattern, and may change."""

    def is_current(self) -> bool:
        """Whether those numbers are as they were, where that matters."""

    def compressed(
        self, coloring: Coloring, blocks: Sequence[Block], chunk_size: int | None
    ) -> Callable[[Sequence[Array], Sequence[Array] | None], list[Array]]:
        """Return what computes the nonzeros of each block, and then the further results, in one compiled computation.

        It takes the arrays, and what the function reads besides them at this call, or None where nobody has looked.

        Parameters
        ----------
        coloring : Coloring
            Which products there are.
        blocks : sequence of Block
            Where the nonzeros are in them.
        chunk_size : int, optional
            How many products are computed at once.
        """

    def mismatch(
        self, arrays: Sequence[Array], entries: Entries, nonzeros: Sequence[Array], blocks: Sequence[Block]
    ) -> str | None:
        """Compare nonzeros with a product of the function's own; return where they differ, or None."""


class Narrow(Recorded, Protocol):
    """A traced function of which some variables are held, so that the rest of its Jacobian is sparse."""

    rank: int
    """How many entries those have. It computes the nonzeros, the left factor by outputs, the right one by inputs, the rest."""

    @property
    def has_factors(self) -> bool:
        """Whether the right factor can be had: there are VJPs of what is held."""


class Narrowable(Recorded, Protocol):
    """A traced function that can hold its variables."""

    def narrowed(self) -> Iterator[Narrow]:
        """Yield the function with sets of narrow variables held, no variable first."""


class SparseBackend(Protocol):
    """A library's sparse side; its dense one is a `Backend`."""

    dense: Backend
    """How its functions are traced."""

    def recorded(
        self,
        function: Callable[..., list[Array]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        outputs: Callable[[], int],
        *,
        primal: Callable[..., list[Array]] | None = None,
        besides: Sequence[Array] = (),
        is_symmetric: bool,
    ) -> Narrowable:
        """Trace a function.

        Parameters
        ----------
        function : callable
            Of arrays, given one by one, that returns a list of arrays.
        inputs, others : sequence of arrays
            By which it is differentiated, and by which it is not.
        outputs : callable
            Says, after the function has been called, how many of its results are differentiated.
        primal : callable, optional
            Whose gradient it computes, where it does.
        besides : sequence of arrays
            What the function reads besides, as far as that is known.
        is_symmetric : bool
            Whether its Jacobian is.
        """

    def gradient(self, function: Function, options: Options) -> Function:
        """Return the function whose Jacobian is the Hessian."""

    def has_symmetric_hessian(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> bool:
        """Whether the result is a single real number, and nobody wrote a derivative that may be that of no function."""

    def maker(self, block: Block) -> Callable[[Array], Array]:
        """Return what makes the sparse array of a block of its nonzeros; what it holds belongs to no transformation."""

    def is_known(self, arrays: Sequence[Array]) -> bool:
        """Whether the arrays have values now, and are no arguments of a transformation."""
