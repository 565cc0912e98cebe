"""A chain and its bracketing as text, of any length."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chainopt.bracketing.operations import BY_JVPS, BY_VJPS, GIVEN, PULLED, PUSHED, Accumulation, Mode, Pullback, Pushforward

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.bracketing.operations import Operation
    from chainopt.chain.chain import JacobianChain

LONGEST_JOINED = 30  # up to here a loop over the labels is faster than the first few array operations
BLOCK = 1_000
LONGEST_LINE = 12  # factors with their shapes, beyond which a line shows both ends of the chain
MOST_PRODUCTS = 8  # that are written out of a long chain


class Template(NamedTuple):
    """The text ``(J3) (J2) (J1)`` as code points, and where its brackets stand."""

    codes: NDArray[np.uint32]
    opening: NDArray[np.intp]
    closing: NDArray[np.intp]


def stage_labels(begin: int, end: int) -> tuple[str, ...]:
    """Name factors by the numbers of their stages, from one down to before another: ``("J3", "J2", "J1")``."""
    return tuple([f"J{number}" for number in range(begin, end, -1)])


def bracketing_text(bracketing: Bracketing, names: Sequence[str] | None = None) -> str:
    """Write the product with its brackets, ``((J3 J2) J1)``, by the names given or by stage.

    A bracket opens before a factor as often as a product begins with it, and closes as often as one ends with it.
    """
    factors = bracketing.factors
    if factors > LONGEST_JOINED:
        return _in_blocks(bracketing, names)
    parts = list(names or _all_stage_labels(factors))
    first, last = bracketing.spans.tolist()
    for begin in first:
        parts[begin] = "(" + parts[begin]
    for end in last:
        parts[end] += ")"
    return " ".join(parts)


def operations_text(operations: Iterable[Operation], labels: Sequence[str]) -> str:
    """Write matrix-free operations too: ``J3 J2 > A`` pushes A through two stages, ``A < J2 J1`` pulls it back through two.

    ``(J1 > I)`` is the matrix of a stage, accumulated by JVPs of the identity's columns, ``(I < J1)`` by VJPs, ``[J1]``
    otherwise.
    """
    parts = list(labels)
    for operation in operations:
        if isinstance(operation, Accumulation):
            form = {Mode.FORWARD: "({} > I)", Mode.REVERSE: "(I < {})", None: "[{}]"}[operation.mode]
            parts[operation.first] = form.format(labels[operation.first])
            continue
        parts[operation.first] = "(" + parts[operation.first]
        parts[operation.last] += ")"
        if isinstance(operation, Pushforward):
            parts[operation.split] += " >"
        elif isinstance(operation, Pullback):
            parts[operation.split] += " <"
    return " ".join(parts)


def elided_text(bracketing: Bracketing, label: Callable[[int], str]) -> str:
    """Write the outer products of a long chain with their brackets; of the others, only the factors at both ends.

    Those of the most factors are written out first: ``((J40 ... J8) (J7 (J6 ... J1)))``.

    Parameters
    ----------
    bracketing : Bracketing
    label : callable
        Returns the name of the factor at a position.
    """
    splits: dict[tuple[int, int], int] = {}
    spans = [(0, bracketing.factors - 1)]
    for _ in range(MOST_PRODUCTS):
        first, last = max(spans, key=lambda span: span[1] - span[0])
        gaps = np.flatnonzero((bracketing.first == first) & (bracketing.last == last))
        spans.remove((first, last))
        if last > first and gaps.size:
            split = splits[first, last] = int(gaps[0])
            spans += [(first, split), (split + 1, last)]
        if not spans:
            break

    def text(first: int, last: int) -> str:
        if first == last:
            return _leaf(bracketing, first, label(first))
        if (first, last) not in splits:
            return f"({label(first)}{' ' if last == first + 1 else ' ... '}{label(last)})"
        split = splits[first, last]
        sign = {PUSHED: " > ", PULLED: " < "}.get(0 if bracketing.kinds is None else int(bracketing.kinds[split]), " ")
        return f"({text(first, split)}{sign}{text(split + 1, last)})"

    return text(0, bracketing.factors - 1)


def _leaf(bracketing: Bracketing, position: int, label: str) -> str:
    way = GIVEN if bracketing.ways is None else int(bracketing.ways[position])
    return {GIVEN: "{}", BY_JVPS: "({} > I)", BY_VJPS: "(I < {})"}.get(way, "[{}]").format(label)


def chain_line(chain: JacobianChain) -> str:
    """Write the product with its shapes on one line; of a long chain only both ends."""
    if len(chain) <= LONGEST_LINE:
        parts = [f"{chain.label(position)}[{chain.shape_text(position)}]" for position in range(len(chain))]
    else:
        parts = [f"{chain.label(position)}[{chain.shape_text(position)}]" for position in (0, 1, -2, -1)]
        parts.insert(2, f"... {len(chain) - 4:,} more ...")
    return " ".join(parts)


def _in_blocks(bracketing: Bracketing, names: Sequence[str] | None) -> str:
    factors = bracketing.factors
    opened = np.bincount(bracketing.first, minlength=factors)
    closed = np.bincount(bracketing.last, minlength=factors)
    blocks = []
    for begin in range(0, factors, BLOCK):
        end = min(begin + BLOCK, factors)
        if names is not None:
            template = template_of(names[begin:end])
        elif factors <= BLOCK:
            template = _stage_template(factors)
        else:
            template = template_of(stage_labels(factors - begin, factors - end))
        repeats = np.ones(template.codes.size, dtype=np.intp)
        repeats[template.opening] = opened[begin:end]
        repeats[template.closing] = closed[begin:end]
        blocks.append(np.repeat(template.codes, repeats).tobytes().decode("utf-32-le", "surrogatepass"))
    return " ".join(blocks)


def template_of(labels: Sequence[str]) -> Template:
    """Put a bracket before and after every label."""
    text = f"({') ('.join(labels)})"
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    lengths = np.fromiter(map(len, labels), dtype=np.intp, count=len(labels))
    closing = (lengths + 3).cumsum() - 2
    return Template(codes, closing - lengths - 1, closing)


@lru_cache(maxsize=64)
def _all_stage_labels(factors: int) -> tuple[str, ...]:
    return stage_labels(factors, 0)


@lru_cache(maxsize=64)
def _stage_template(factors: int) -> Template:
    return template_of(_all_stage_labels(factors))
