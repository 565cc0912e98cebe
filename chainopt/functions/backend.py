"""What a library of arrays has to give, so that Jacobians of its functions can be planned."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chainopt.functions.options import Options
    from chainopt.functions.program import Program
    from chainopt.functions.trace import Trace
    from chainopt.graphs.elimination.result import Elimination
    from chainopt.plan.comparison import Comparison
    from chainopt.plan.plan import Plan
    from chainopt.typing import Array, DType, Function, PyTree


class Reads(Protocol):
    """What a function reads besides its arguments."""

    arrays: list[Array]

    @property
    def key(self) -> tuple[object, ...]:
        """What functions that compute the same have in common."""


class UnplannableError(ValueError):
    """A function whose Jacobian cannot be planned, with the pure mode that suits it, as far as that is known."""

    def __init__(self, reason: str, mode: str = "") -> None:
        super().__init__(reason)
        self.mode = mode


CONTAINERS = frozenset({tuple, list, dict, type(None)})
NOT_REAL = "{} is of {}, which are not real numbers"


class Blocks(Protocol):
    """What computes a Jacobian block by block."""

    def blocks(self, given: Sequence[Array]) -> list[Array]:
        """Return a block for each array of the results and each of the inputs, in the type of the input."""

    def plan(self) -> Plan | Elimination:
        """Return the order in which it multiplies its stages, or eliminates the vertices of its graph."""


class PureBlocks(NamedTuple):
    """What computes a Jacobian in a pure mode, in the place of the library's own function."""

    blocks: Blocks
    mode: str
    compilation: float
    """About how many seconds it takes: calls that nobody compiles are the library's own until they have taken as many."""


class Arrays(NamedTuple):
    """How a library makes the arrays of a result, on the device of the arguments."""

    zeros: Callable[[tuple[int, ...], Array], Array]  # of a shape and a dtype
    identity: Callable[[int, Array], Array]  # of a size and a dtype
    shaped: Callable[[Array, tuple[int, ...], Array], Array]  # a part of a matrix, of a shape and a dtype
    apart: Callable[[Array], Array]  # the same numbers, which change with nothing else that the caller writes to


class Backend(Protocol):
    """A library as the front end of functions sees it; `chainopt.jax` and `chainopt.torch` have one each."""

    overhead: int
    """As many multiply-adds take as long as to call one equation of a program."""
    overhead_of_jvps: int
    """As many multiply-adds take as long as a recorded JVP of an equation takes beyond a VJP, whatever the sizes."""
    overhead_of_calls: int
    """The same of an equation of the library's own function, where that is called and not compiled."""
    reductions: frozenset[str]
    broadcasts: frozenset[str]
    parts: frozenset[str]
    products: frozenset[str]
    """Names of equations: those that are slow sums in forward mode, those that are in reverse mode, those that take a part of an
    array, and those that multiply matrices."""
    most_recorded: int
    """Of how many equations a program may be that is recorded in a pure mode, too: where it is faster than the library's own
    function, which is 0 equations where that is compiled, and saves within some thousand calls the time that recording takes."""
    chunked_modes: frozenset[str]
    """The pure modes in which the library's own function takes a chunk size."""
    fragile: frozenset[str]
    """Primitives at which its compiler may fail in a plan: only who demands a plan gets one."""
    has_straight_lines: bool
    """Whether Jacobians can be written as straight-line code."""
    must_read: bool
    """Whether nothing is planned unless all that the function reads is known: it is not enough to watch it."""
    compiles_transformed: bool
    """Whether what is called inside of a transformation may be compiled, and run often."""
    reads_by_identity: bool
    """Whether arrays that a function reads stay what they are, and are part of what it computes."""
    constant_types: tuple[type, ...]
    """Types of the library whose objects never change, and are equal where they are the same to a function."""
    custom_rules: tuple[type, ...]
    """Base classes of the user's own rules for derivatives, which no trace sees."""

    def flatten(self, tree: PyTree) -> tuple[list[Array], Array]:
        """Take a pytree apart: its leaves, and the tree of their places."""

    def unflatten(self, tree: PyTree, leaves: Sequence[Array]) -> Array:
        """Put leaves in their places."""

    def tree_key(self, tree: PyTree) -> object:
        """Return what is equal for trees that no function can tell apart."""

    def is_plain(self, tree: PyTree) -> bool:
        """Whether a tree is made of Python's own containers."""

    def is_array(self, leaf: PyTree) -> bool:
        """Whether a leaf is an argument of the traced function, and no part of it."""

    def is_result(self, leaf: PyTree) -> bool:
        """Whether a leaf that a traced function returns is an array of the library."""

    def as_pair(self, returned: PyTree) -> tuple[Array, Array] | None:
        """Return the value and the auxiliary data, where the library takes what a function returned for such a pair."""

    def describe(self, leaf: PyTree) -> object:
        """Return what of an array decides how a function of it is traced."""

    def watched(self, array: Array) -> object:
        """Return what may change of an array that a function holds; that other numbers stand in it changes nothing."""

    def state(self) -> object:
        """Return what of the library's own state decides how a function is traced.

        Raises
        ------
        UnplannableError
            If nothing can be recorded in this state.
        """

    def check_input(self, leaf: PyTree) -> None:
        """Refuse to differentiate by a leaf that is no array, or has no derivative.

        Raises
        ------
        UnplannableError
            Which says what it is.
        """

    def read_by(self, roots: Sequence[Array]) -> Reads | None:
        """Find what a function, and what it is given besides arrays, read; None where that is only watched for changes.

        Raises
        ------
        UnplannableError
            If it cannot be known.
        """

    def size_of_results(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> int | None:
        """Return how many entries the arrays have that a function returns, without computing them; None if it is not known."""

    def planning_seconds(self, function: Function, args: Sequence[Array], kwargs: dict[str, Array]) -> float:
        """Return about how long it takes to plan a function, where that may be too long for its second call; else 0."""

    def first_mode(self, inputs: int, results: int | None, *, is_compiled: bool) -> str | None:
        """Return the pure mode that is quick without having been traced; None where it has to be traced.

        Parameters
        ----------
        inputs, results : int
            How many entries they have; None where that is not known.
        is_compiled : bool
            Whether it is compiled, and not called operation by operation.
        """

    def trace(
        self,
        functions: Sequence[Callable[..., Sequence[Array]]],
        inputs: Sequence[Array],
        others: Sequence[Array],
        besides: Sequence[Array] = (),
        primal: Sequence[Callable[..., Sequence[Array]]] | None = None,
    ) -> Trace:
        """Trace a composition of functions of flat lists of arrays.

        Parameters
        ----------
        functions : sequence of callable
            In evaluation order.
        inputs, others : sequence of arrays
            The arguments of the first one: those to differentiate by, and others.
        besides : sequence of arrays
            What the functions read besides, as `read_by` found it: further arguments of the program.
        primal : sequence of callable, optional
            The composition whose gradient the functions compute, where it is one.
        """

    def form(self, function: Callable[..., Sequence[Array]], arrays: Sequence[Array]) -> object:
        """Return what a function of arrays computes: equal for what computes the same, asked for where nothing must be read."""

    def straight_line(self, trace: Trace, outputs: int, *, is_demanded: bool) -> Blocks | None:
        """Write the Jacobian of the first results of a function as straight-line code.

        Parameters
        ----------
        trace : Trace
        outputs : int
            How many of its results are differentiated.
        is_demanded : bool
            Whether it is written even where it does not promise to be the fastest way; else None is returned there.

        Raises
        ------
        UnplannableError
            If it is demanded, and cannot be written; the message says why.
        """

    def sparse_stages(self, trace: Trace, outputs: int) -> Blocks | None:
        """Return the Jacobian by stages, the sparse ones colored, where that promises to be much cheaper than dense ones.

        Parameters
        ----------
        trace : Trace
        outputs : int
            How many of its results are differentiated.
        """

    def linearized(self, trace: Trace, outputs: int, comparison: Comparison, mode: str) -> PureBlocks | None:
        """Return the Jacobian in a pure mode, where it can be faster than the library's own function; None elsewhere.

        Parameters
        ----------
        trace : Trace
        outputs : int
            How many of its results are differentiated.
        comparison : Comparison
            Of the pure modes.
        mode : str
            The one of them that is taken where both have as many passes.
        """

    def gradient(self, function: Function, options: Options) -> Function:
        """Return the function whose Jacobian is the Hessian, as the library's reverse mode computes it, to be traced."""

    def is_traced(self, value: Array) -> bool:
        """Whether an array belongs to a transformation that is going on, and to nothing after it."""

    def can_record(self) -> bool:
        """Whether a computation can be recorded now, so that later calls find it."""

    def points_at_once(self, arrays: Sequence[Array]) -> int:
        """Return for how many points arrays stand that are put together and nothing else; 0 where a compiler sees them."""

    def can_transform(self, names: frozenset[str], arrays: Sequence[Array]) -> bool:
        """Whether a program is right under the transformations that are going on, and its own derivatives are."""

    def can_replay(self, recorded: Array, arrays: Sequence[Array]) -> bool:
        """Whether what was recorded can be used with these arrays, derivatives of it included."""

    def replayed(self, recorded: Callable[..., list[Array]]) -> Callable[..., list[Array]]:
        """Return what calls what was recorded, as things are now."""

    def record(
        self, computation: Callable[..., list[Array]], arrays: Sequence[Array], names: frozenset[str]
    ) -> Callable[..., list[Array]]:
        """Compile a function of arrays, or record it, for arguments like these; ``names`` are those of what it evaluates."""

    def arrays(self, like: Array) -> Arrays:
        """Return what makes arrays beside that one."""

    def common_dtype(self, dtypes: Sequence[DType]) -> DType:
        """Return the narrowest dtype that holds the numbers of all."""

    def stages(
        self, program: Program, values: dict[int, Array], used: Sequence[set[str]], dtype: DType, *, needs_all: bool
    ) -> list[Array]:
        """Make the sections of a program into stages at a point, in evaluation order.

        Parameters
        ----------
        program : Program
            What is differentiated.
        values : dict of int to array
            Those of the variables before the first section, by number; those of later ones are put beside them.
        used : sequence of set of str
            What the plan uses of each: its "matmat", its "rmatmat", its "matrix".
        dtype : dtype
            That of the matrices that go through the stages.
        needs_all : bool
            Whether all values are read later, and not only those that the stages need.
        """

    def own(self, function: Function, mode: str, options: Options) -> Function:
        """Return the library's own function of that mode, "forward" or "reverse"."""

    def random_state(self) -> object:
        """Return the state of the library's generators of random numbers; None where it has none that calls change."""

    def set_random_state(self, state: Array) -> None:
        """Return to a state, unless it is None."""

    def is_demanded(self, error: Exception) -> bool:
        """Whether an error of the library is what the caller has asked for, which another mode must not hide."""

    def compiled(self, function: Function) -> Function:
        """Return a function as one compares its speed with others: compiled, where that is how the library is used."""

    def wait(self, result: Array) -> None:
        """Wait for what is still being computed."""

    def is_compiling(self) -> bool:
        """Whether a compiler follows this call."""

    def uncompiled(self, function: Function) -> Function:
        """Return a function into which the compiler does not look."""
