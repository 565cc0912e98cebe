"""A bracketing as text, of chains of any length."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from chainopt.bracketing import Bracketing

LONGEST_JOINED = 30  # up to here a loop over the labels is faster than the first few array operations
LONGEST_KEPT = 1_000


class Template(NamedTuple):
    """The text ``(J3) (J2) (J1)`` as code points, and where its brackets stand."""

    codes: NDArray[np.uint32]
    opening: NDArray[np.intp]
    closing: NDArray[np.intp]


def stage_labels(factors: int) -> tuple[str, ...]:
    """Name factors by the number of their stage: ``("J3", "J2", "J1")``."""
    return _kept_labels(factors) if factors <= LONGEST_KEPT else _make_labels(factors)


def bracketing_text(bracketing: Bracketing, names: Sequence[str] | None = None) -> str:
    """Write the product with its brackets, ``((J3 J2) J1)``, by the names given or by stage.

    A bracket opens before a factor as often as a product begins with it, and closes as often as one ends with it.
    """
    factors = bracketing.factors
    if factors > LONGEST_JOINED:
        template = _template(factors, names)
        repeats = np.ones(template.codes.size, dtype=np.intp)
        repeats[template.opening] = np.bincount(bracketing.first, minlength=factors)
        repeats[template.closing] = np.bincount(bracketing.last, minlength=factors)
        return _decode(np.repeat(template.codes, repeats))
    parts = list(names or stage_labels(factors))
    first, last = bracketing.spans.tolist()
    for begin in first:
        parts[begin] = "(" + parts[begin]
    for end in last:
        parts[end] += ")"
    return " ".join(parts)


def _template(factors: int, names: Sequence[str] | None) -> Template:
    if names is None and factors <= LONGEST_KEPT:
        return _kept_template(factors)
    return _make_template(names or stage_labels(factors))


def _make_template(labels: Sequence[str]) -> Template:
    codes = _encode(f"({') ('.join(labels)})")
    lengths = np.fromiter(map(len, labels), dtype=np.intp, count=len(labels))
    closing = (lengths + 3).cumsum() - 2
    return Template(codes, closing - lengths - 1, closing)


def _make_labels(factors: int) -> tuple[str, ...]:
    return tuple([f"J{number}" for number in range(factors, 0, -1)])


@lru_cache(maxsize=64)
def _kept_labels(factors: int) -> tuple[str, ...]:
    return _make_labels(factors)


@lru_cache(maxsize=64)
def _kept_template(factors: int) -> Template:
    return _make_template(stage_labels(factors))


def _encode(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _decode(codes: NDArray[Any]) -> str:
    return codes.tobytes().decode("utf-32-le", "surrogatepass")
