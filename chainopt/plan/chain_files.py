"""Chains in files: what chainopt writes, lists of shapes or sizes, and the lines in which chains are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.chain import FORMAT, JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.errors import ChainError
from chainopt.numbers import printable, shown
from chainopt.plan.graph_chain import read_chain_dict
from chainopt.plan.number_lines import is_of_lines, read_lines
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    from chainopt.chain.parsing import Factor
    from chainopt.typing import PlainDict

MOST_LETTERS = 2**26  # of a file; a plan of a million factors has 40 million
MOST = {",": 6_000_000, "[": 1_500_000, "{": 400_000, '"': 3_000_000}  # each of which takes memory, once it is read
_KINDS = {str: "a string", bool: "true or false", type(None): "null"}  # of JSON that no chain is; the rest are numbers
FORMS = '{"dims": [10, 2000, 30]}, {"shapes": [[10, 2000], [2000, 30]]}, what --json writes, or lines such as 10x2000'


def read_chain(text: str, place: str) -> JacobianChain:
    """Read a chain from the text of a file.

    Parameters
    ----------
    text : str
        JSON: a dict as `JacobianChain.to_dict` makes it, or `Plan.to_dict`, or that of a comparison or a frontier; a dict with
        "dims", the sizes between the factors, or "shapes"; or a list whose entries are sizes, [rows, columns] pairs or dicts with
        the arguments of `Jacobian`, a structure as ``{"kind": "diagonal"}``, in product order. Or lines, see `read_lines`.
    place : str
        What the text is called in errors.

    Raises
    ------
    ChainError
        If it is none of these, or too long.

    Examples
    --------
    >>> read_chain("[[4, 3], [3, 2]]", "the text")
    JacobianChain(J2: 4x3, J1: 3x2)
    >>> read_chain("4x3 3x2", "the text") == read_chain('{"dims": [4, 3, 2]}', "the text")
    True
    """
    check_length(text, place)
    if is_of_lines(text):
        return read_lines(text, place)
    from chainopt.files import read_json  # its import takes 2 ms, which few processes need

    try:
        data = read_json(text, place)
    except ChainError:
        raise
    except (ValueError, RecursionError) as error:
        found = repr(printable(text[:40])) if text.strip() else "empty"
        why = "nested too deeply" if isinstance(error, RecursionError) else error
        msg = f"{place} is {found}, which is not JSON ({why}): give {FORMS}"
        raise ChainError(msg) from None
    try:
        return _chain_in(data, place)
    except ChainError as error:
        if str(error).startswith(place):
            raise
        msg = f"{place}: {error}"
        raise ChainError(msg) from None


def check_length(text: str, place: str) -> None:
    """Refuse a text that would take hundreds of megabytes once it is read.

    Raises
    ------
    ChainError
        If it is too long, or has too many parts.
    """
    if len(text) > MOST_LETTERS:
        msg = f"{place} has more than {MOST_LETTERS:,} characters, which is too long for a chain"
        raise ChainError(msg)
    for letter, most in MOST.items():
        if text.count(letter) > most:
            msg = f"{place} has {letter!r} more than {most:,} times, which is too often for a chain"
            raise ChainError(msg)


def _chain_in(data: object, place: str) -> JacobianChain:
    """Return the chain of what JSON held."""
    if isinstance(data, list):
        if data and all(type(entry) is int for entry in data):
            return JacobianChain.from_dims(data)
        return JacobianChain.from_shapes([_factor(entry, f"{place}, entry {number}") for number, entry in enumerate(data, 1)])
    if not isinstance(data, dict):
        msg = f"{place} holds {_KINDS.get(type(data), 'a number')}: give {FORMS}"
        raise ChainError(msg)
    if "format" not in data:
        inner = data.get("optimal", data.get("plans"))  # of a comparison, or of a frontier
        if isinstance(inner, list):
            inner = inner[0] if inner else None
        if isinstance(inner, dict):
            return _chain_in(inner, place)
        for key, read in (("dims", JacobianChain.from_dims), ("shapes", lambda shapes: _chain_in(shapes, place))):
            if key in data:
                if len(data) > 1:
                    msg = f'{place} has "{key}" and {shown(next(name for name in data if name != key))}: give one of them'
                    raise ChainError(msg)
                return read(data[key])
        msg = f'{place} is a dict without "format", "dims" or "shapes": give {FORMS}'
        raise ChainError(msg)
    if data["format"] != FORMAT and isinstance(data.get("chain"), dict):  # of a plan
        data = data["chain"]
    return read_chain_dict(data)


def _factor(entry: Factor | PlainDict, place: str) -> Factor:
    if not isinstance(entry, dict):
        return entry
    structure = entry.get("structure")
    try:
        return Jacobian(**(entry if structure is None else entry | {"structure": structure_from_dict(structure)}))
    except TypeError:
        names = printable(", ".join(map(repr, list(entry)[:8])))
        msg = f'{place} must hold the arguments of Jacobian, "shape" and what else is known, not {names}'
        raise ChainError(msg) from None
