"""Chains in files: JSON, and the lines of numbers in which matrix-free chains are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.chain.chain import FORMAT, JacobianChain
from chainopt.chain.jacobian import Jacobian
from chainopt.errors import ChainError
from chainopt.plan.graph_chain import read_chain_dict
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    from chainopt.chain.parsing import Factor
    from chainopt.typing import PlainDict


def read_chain(text: str, place: str) -> JacobianChain:
    """Read a chain from the text of a file.

    Parameters
    ----------
    text : str
        JSON: a dict as `JacobianChain.to_dict` makes it, or a list whose entries are [rows, columns] pairs or dicts with
        the arguments of `Jacobian`, a structure as ``{"kind": "diagonal"}``, in product order. Or lines: a number q of
        stages, then for each stage in evaluation order "m n cost": its outputs, its inputs, and what one JVP or VJP of it
        costs and its reverse sweep keeps.
    place : str
        What the text is called in errors.

    Raises
    ------
    ChainError
        If it is none of these.

    Examples
    --------
    >>> read_chain("[[4, 3], [3, 2]]", "the text")
    JacobianChain(J2: 4x3, J1: 3x2)
    """
    if text.split(maxsplit=1)[:1] and text.split(maxsplit=1)[0].isdecimal():
        return _from_lines(text, place)
    import json

    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{place} is no JSON: {error}"
        raise ChainError(msg) from None
    if isinstance(data, dict):
        try:
            return read_chain_dict(data)
        except ChainError as error:
            msg = f"{place}: {error}"
            raise ChainError(msg) from None
    if not isinstance(data, list):
        msg = (
            f'{place} holds a {type(data).__name__}: give a list of [rows, columns] pairs, or a dict whose "format" is "{FORMAT}"'
        )
        raise ChainError(msg)
    return JacobianChain.from_shapes([_factor(entry, f"{place}, entry {number}") for number, entry in enumerate(data, 1)])


def _factor(entry: Factor | PlainDict, place: str) -> Factor:
    if not isinstance(entry, dict):
        return entry
    structure = entry.get("structure")
    try:
        return Jacobian(**(entry if structure is None else entry | {"structure": structure_from_dict(structure)}))
    except TypeError:
        msg = f'{place} must hold the arguments of Jacobian, "shape" and what else is known, not {", ".join(map(repr, entry))}'
        raise ChainError(msg) from None


def _from_lines(text: str, place: str) -> JacobianChain:
    lines = [line.split() for line in text.splitlines() if line.strip()]
    stages = []
    for number, line in enumerate(lines[1:], 1):
        if len(line) != 3 or not all(word.isdecimal() and len(word) < 4_000 for word in line):
            msg = f"{place}, stage {number}, is {' '.join(line)!r}: give its outputs, its inputs and the cost of one JVP or VJP"
            raise ChainError(msg)
        outputs, inputs, cost = map(int, line)
        stages.append(Jacobian((outputs, inputs), jvp_cost=cost, vjp_cost=cost, tape=cost))
    if lines[0] != [str(len(stages))]:
        announced = " ".join(lines[0])[:40]
        msg = f"{place} announces {announced} stages, and {len(stages)} lines follow: give their number, then as many lines"
        raise ChainError(msg)
    return JacobianChain.from_stages(stages)
