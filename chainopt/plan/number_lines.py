"""Chains as lines of numbers."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from chainopt.chain.chain import JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.errors import ChainError
from chainopt.numbers import counted, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 1_000_000
LONGEST_NUMBER = 4_000  # digits, which Python reads
_SPACED = re.compile(r"(?<=\d)[ \t]+[xX×][ \t]+(?=\d)")  # "10 x 20" is meant as 10x20
_SHAPE = re.compile(r"(\d{1,4000})[xX×](\d{1,4000})", re.ASCII)


def is_of_lines(text: str) -> bool:
    """Whether a text begins with a number or a shape."""
    first = text[: 2 * LONGEST_NUMBER].replace(",", " ").split(maxsplit=1)[:1]
    return bool(first) and (first[0].isdecimal() or _SHAPE.fullmatch(first[0]) is not None)


def read_lines(text: str, place: str) -> JacobianChain:
    r"""Read a chain from lines.

    Parameters
    ----------
    text : str
        Shapes, ``10x2000``, or a line for each with its rows and columns, ``10 2000``, in product order. Or, in the order of
        evaluation, ``m n cost`` for each stage: its outputs, its inputs, and one number for its JVP cost, VJP cost and tape;
        their count may stand above them. One line of four or more numbers has the sizes between factors.
    place : str
        What the text is called in errors.

    Raises
    ------
    ChainError
        If it is none of these.

    Examples
    --------
    >>> read_lines("2\n3 2 10\n4 3 20", "the text").shapes
    ((4, 3), (3, 2))
    """
    lines = list(islice(_lines(_SPACED.sub("x", text)), MOST_LINES + 1))
    if len(lines) > MOST_LINES:
        msg = f"{place} has more than {MOST_LINES:,} lines"
        raise ChainError(msg)
    if _SHAPE.fullmatch(lines[0][0]):
        words = [word for line in lines for word in line]
        return JacobianChain.from_shapes([_shape(word, place, number) for number, word in enumerate(words, 1)])
    if len(lines) == 1 and len(lines[0]) > 3:
        return JacobianChain.from_dims([_number(word, place, 1) for word in lines[0]])
    if len(lines) == 1 and len(lines[0]) == 3:
        first, *_ = lines[0]
        dims = ", ".join(lines[0])
        msg = (
            f"{place} is {printable(' '.join(lines[0]))!r}, which may be sizes, or one stage: "
            f'give {{"dims": [{printable(dims)}]}}, or shapes as {printable(first)}x{printable(lines[0][1])}'
        )
        raise ChainError(msg)
    if len(lines[0]) == 2:
        pairs = [_numbers(line, 2, f"{place}, line {number}") for number, line in enumerate(lines, 1)]
        return JacobianChain.from_shapes([(rows, columns) for rows, columns in pairs])
    is_announced = len(lines[0]) == 1
    stages = []
    for number, line in enumerate(lines[1:] if is_announced else lines, 1):
        outputs, inputs, cost = _numbers(line, 3, f"{place}, stage {number},")
        stages.append(Jacobian((outputs, inputs), jvp_cost=cost, vjp_cost=cost, tape=cost))
    if is_announced and lines[0] != [str(len(stages))]:
        announced, found = printable(lines[0][0])[:40], counted(len(stages), "stage")
        msg = f"{place} announces {announced}, but holds {found}: give their number, then a line for each"
        raise ChainError(msg)
    return JacobianChain.from_stages(stages)


def _lines(text: str) -> Iterator[list[str]]:
    for match in re.finditer(r"[^\r\n]+", text):
        words = match[0].replace(",", " ").split()
        if words:
            yield words


def _shape(word: str, place: str, number: int) -> tuple[int, int]:
    match = _SHAPE.fullmatch(word)
    if match is None:
        msg = f"{place}, shape {number}, is {printable(word)[:60]!r}: give ROWSxCOLUMNS, as in 10x2000"
        raise ChainError(msg)
    return int(match[1]), int(match[2])


def _numbers(line: list[str], wanted: int, place: str) -> list[int]:
    if len(line) != wanted or not all(word.isdecimal() and len(word) < LONGEST_NUMBER for word in line):
        what = "its rows and its columns" if wanted == 2 else "its outputs, its inputs and the cost of one JVP or VJP"
        msg = f"{place} is {printable(' '.join(line))[:60]!r}: give {what}"
        raise ChainError(msg)
    return [int(word) for word in line]


def _number(word: str, place: str, number: int) -> int:
    return _numbers([word], 1, f"{place}, line {number}")[0]
