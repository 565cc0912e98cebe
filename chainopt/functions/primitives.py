"""What is known of the derivatives of primitives before they run, and the rules that say it, by the primitives' names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chainopt.structure.structure import Structure
    from chainopt.typing import Array

Application = TypeVar("Application")
Rule = TypeVar("Rule", bound=Callable[..., "Derivative"])


class Price(NamedTuple):
    """The cost of one JVP and of one VJP, in multiply-adds of a large matrix product; None where there is none."""

    jvp: int | None
    vjp: int | None

    def times(self, count: int) -> Price:
        """Return the price of doing it so many times."""
        return Price(None if self.jvp is None else self.jvp * count, None if self.vjp is None else self.vjp * count)

    @classmethod
    def total(cls, prices: Iterable[Price]) -> Price:
        """Return the price of doing one after the other; it has only the modes that all of them have."""
        jvp: int | None = 0
        vjp: int | None = 0
        for price in prices:
            jvp = None if jvp is None or price.jvp is None else jvp + price.jvp
            vjp = None if vjp is None or price.vjp is None else vjp + price.vjp
        return cls(jvp, vjp)


class Matrix(NamedTuple):
    """The Jacobian of a primitive by one of its operands, where it depends on the other operands alone.

    ``read`` takes all operands and returns the matrix, whose rows are the flattened result and whose columns
    are the flattened operand. ``structure`` is None where the matrix is dense.
    """

    read: Callable[[Sequence[Array]], Array]
    structure: Structure | None = None


NO_MATRICES: Mapping[int, Matrix] = MappingProxyType({})


class Derivative(NamedTuple):
    """What is known of the derivative of a primitive, applied to operands of known shapes."""

    price: Price
    is_sum: bool = False  # whether the result is the plain sum of the two operands
    is_elementwise: bool = False  # whether an entry of a result depends on the same entry of the operands, or on scalars
    matrices: Mapping[int, Matrix] = NO_MATRICES  # by the position of the operand
    is_constant: bool = False  # whether the result depends on the shapes of the operands alone, not on their numbers
    turned: int = 0  # entries of a tangent whose axes have to be put in another order, where the first operand has none
    slowed: int = 0  # what a VJP takes beyond its price in the library's own reverse mode,
    called: int = 0  # and how many operations of a loop are called one after the other there, however small they are


class Rules(Generic[Application]):
    """The rules of one library's primitives. A rule takes what the library calls an application of a primitive.

    Parameters
    ----------
    default : callable
        The rule of the primitives that have none of their own.

    Examples
    --------
    >>> rule = Rules(default=lambda entries: Derivative(Price(8 * entries, 8 * entries)))
    >>> @rule("sin", "cos")
    ... def wave(entries):
    ...     return Derivative(Price(8 * entries, 8 * entries), is_elementwise=True)
    >>> rule.derivative("cos", 10).is_elementwise, rule.derivative("sort", 10).is_elementwise
    (True, False)
    """

    def __init__(self, default: Callable[[Application], Derivative]) -> None:
        self.default = default
        self.by_name: dict[str, Callable[[Application], Derivative]] = {}

    def __call__(self, *names: str) -> Callable[[Rule], Rule]:
        """Return the decorator that makes a function the rule of the primitives with these names."""

        def register(function: Rule) -> Rule:
            self.by_name |= dict.fromkeys(names, function)
            return function

        return register

    def derivative(self, name: str, application: Application) -> Derivative:
        """Apply the rule of the primitive with this name."""
        return self.by_name.get(name, self.default)(application)
