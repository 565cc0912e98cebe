"""Scalar code: operations on single numbers, each of which is written once, and simplified as it is written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from chainopt.functions.backend import UnplannableError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from chainopt.typing import Array, DType, IntArray, PlainDict

NAMES = {"add_any": "add"}
COMMUTATIVE = frozenset({"add", "mul"})
BASIC = {name: getattr(jax.lax, name) for name in ("add", "sub", "mul", "div", "neg", "max", "min", "select_n")}
CONSTANT, ENTRY, CALL, PART = "constant", "entry", "call", "part"
CONVERT = "convert_element_type"


class Node(NamedTuple):
    """A number: a constant, an entry of an array, or what a primitive makes of other numbers."""

    kind: str  # CONSTANT, ENTRY, CALL, PART or the name of a primitive
    function: Array  # what computes it from the operands
    params: PlainDict
    operands: tuple[int, ...]
    dtype: DType
    value: Array = None  # of a constant the number; of an entry the array's, and the place in it


class Code:
    """Numbers by their position in a list, operands first.

    Sums and products are those of derivatives: with zeros and ones that are known they are nothing, and a factor that is chosen
    by a condition is chosen behind the product, so that what is not finite where it is not chosen does no harm.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Hashable, int] = {}

    def _new(self, key: Hashable, node: Node) -> int:
        try:
            known = self._known.get(key)
        except TypeError:  # parameters without a hash
            known, key = None, len(self.nodes)
        if known is None:
            known = self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return known

    def constant(self, value: Array, dtype: DType) -> int:
        """Write a constant."""
        number = np.asarray(value, dtype)[()]
        return self._new((CONSTANT, number.dtype, number.tobytes()), Node(CONSTANT, None, {}, (), number.dtype, number))

    def entry(self, array: int, place: tuple[int, ...], dtype: DType) -> int:
        """Write an entry of an array that is there when the code runs."""
        return self._new((ENTRY, array, place), Node(ENTRY, None, {}, (), dtype, (array, place)))

    def operation(self, primitive: Array, params: PlainDict, operands: Sequence[int], dtype: DType) -> int:
        """Write what a primitive makes of numbers."""
        name = NAMES.get(str(primitive), str(primitive))
        if name in BASIC and not any(value is not None for value in params.values()):
            return self.basic(name, operands, dtype)
        operands = tuple(operands)
        key = primitive, tuple(sorted(params.items(), key=lambda item: item[0])), operands, dtype
        return self._new(key, Node(name, partial(primitive.bind, **params), params, operands, dtype))

    def basic(self, name: str, operands: Sequence[int], dtype: DType) -> int:
        """Write what one of the basic functions makes of numbers."""
        operands = tuple(sorted(operands) if name in COMMUTATIVE else operands)
        return self._new((name, operands), Node(name, BASIC[name], {}, operands, dtype))

    def call(
        self, function: Array, operands: Sequence[IntArray], results: Sequence[tuple[tuple[int, ...], DType]]
    ) -> list[IntArray]:
        """Write a call of a function of arrays of these numbers; return those of its results, of these shapes and types."""
        if not all(ids.size for ids in operands):
            msg = "it has a loop, or a function with a rule of its own, that takes an empty array"
            raise UnplannableError(msg)
        flat = tuple(int(node) for ids in operands for node in ids.reshape(-1))
        shapes = tuple(ids.shape for ids in operands)
        call = self._new(object(), Node(CALL, function, {"shapes": shapes}, flat, None))
        found = []
        for at, (axes, kind) in enumerate(results):
            parts = [
                self._new((PART, call, at, place), Node(PART, None, {}, (call,), kind, (at, place))) for place in np.ndindex(axes)
            ]
            found.append(np.array(parts, np.int64).reshape(axes))
        return found

    def number(self, node: int) -> Array:
        """Return the value of a constant; None of all else."""
        return self.nodes[node].value if self.nodes[node].kind == CONSTANT else None

    def is_unit(self, node: int) -> bool:
        """Whether a number is 1 or -1 for all inputs."""
        number = self.number(node)
        return number is not None and abs(number) == 1

    def is_nothing(self, node: int) -> bool:
        """Whether a tangent is zero for all inputs: a constant, or a product with one, as of the tangent of a constant."""
        found = self.nodes[node]
        return any(self.number(factor) == 0 for factor in (found.operands if found.kind == "mul" else (node,)))

    def converted(self, node: int, dtype: DType) -> int:
        """Write a number as one of another type."""
        if self.nodes[node].dtype == dtype:
            return node
        number = self.number(node)
        if number is not None:
            return self.constant(number, dtype)
        convert = partial(jax.lax.convert_element_type, new_dtype=dtype)
        return self._new((CONVERT, node, dtype), Node(CONVERT, convert, {}, (node,), dtype))

    def _alike(self, one: int, other: int) -> tuple[int, int, DType]:
        types = self.nodes[one].dtype, self.nodes[other].dtype
        if types[0] == types[1]:
            return one, other, types[0]
        dtype = jnp.promote_types(*types)
        return self.converted(one, dtype), self.converted(other, dtype), dtype

    def negative(self, node: int) -> int:
        """Write minus a number."""
        found = self.nodes[node]
        if found.kind == CONSTANT:
            return self.constant(-found.value, found.dtype)
        if found.kind == "neg":
            return found.operands[0]
        if found.kind == "sub":
            return self.basic("sub", found.operands[::-1], found.dtype)
        return self.basic("neg", (node,), found.dtype)

    def product(self, one: int, other: int) -> int:
        """Write a product."""
        one, other, dtype = self._alike(one, other)
        for factor, rest in ((one, other), (other, one)):
            number = self.number(factor)
            if number is not None and number == 0:
                return factor
            if number is not None and abs(number) == 1:
                return rest if number == 1 else self.negative(rest)
        if self.number(one) is not None and self.number(other) is not None:
            return self.constant(self.number(one) * self.number(other), dtype)
        for factor, rest in ((one, other), (other, one)):
            found = self.nodes[factor]
            if found.kind == "neg":
                return self.negative(self.product(found.operands[0], rest))
            if self._is_choice(found):
                which, *cases = found.operands
                return self.choice(which, *(self.product(case, rest) for case in cases))
        return self.basic("mul", (one, other), dtype)

    def total(self, one: int, other: int) -> int:
        """Write a sum."""
        one, other, dtype = self._alike(one, other)
        for term, rest in ((one, other), (other, one)):
            number = self.number(term)
            if number is not None and number == 0:
                return rest
        if self.number(one) is not None and self.number(other) is not None:
            return self.constant(self.number(one) + self.number(other), dtype)
        first, second = self.nodes[one], self.nodes[other]
        if first.kind == second.kind == "neg":
            return self.negative(self.total(first.operands[0], second.operands[0]))
        if second.kind == "neg":
            return self.basic("sub", (one, second.operands[0]), dtype)
        if first.kind == "neg":
            return self.basic("sub", (other, first.operands[0]), dtype)
        if self._is_choice(first) and self._is_choice(second) and first.operands[0] == second.operands[0]:
            cases = zip(first.operands[1:], second.operands[1:], strict=True)
            return self.choice(first.operands[0], *(self.total(*pair) for pair in cases))
        return self.basic("add", (one, other), dtype)

    def quotient(self, one: int, other: int) -> int:
        """Write a quotient."""
        one, other, dtype = self._alike(one, other)
        number = self.number(other)
        if number is not None and abs(number) == 1:
            return one if number == 1 else self.negative(one)
        return self.basic("div", (one, other), dtype)

    def choice(self, which: int, *cases: int) -> int:
        """Write what a condition chooses."""
        if len(set(cases)) == 1:
            return cases[0]
        return self.basic("select_n", (which, *cases), self.nodes[cases[0]].dtype)

    def _is_choice(self, node: Node) -> bool:
        """Whether a number is zero under a condition."""
        return node.kind == "select_n" and any(self.number(case) == 0 for case in node.operands[1:])

    def needed(self, results: Iterable[int]) -> list[int]:
        """List what has to be computed for some numbers, in an order in which that can be done."""
        wanted, pending = set(), list(results)
        while pending:
            node = pending.pop()
            if node not in wanted:
                wanted.add(node)
                pending += self.nodes[node].operands
        return sorted(wanted)
