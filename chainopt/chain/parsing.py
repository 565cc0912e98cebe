"""What users hand over as a chain, read into sizes: the first door, where shapes are checked."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from chainopt.chain.factor_data import Details, StageCosts, broadcast
from chainopt.chain.jacobian import Jacobian, checked_shape, checked_size
from chainopt.errors import ChainError
from chainopt.numbers import counted, shown
from chainopt.structure.structures import Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.typing import HasShape, SizeArray

    Factor: TypeAlias = Jacobian | Sequence[int] | HasShape
    """What stands for one factor: a `Jacobian`, a (rows, columns) pair, or a matrix, or stack of them, of any library."""

    Reading: TypeAlias = tuple[SizeArray, int, Details | None]
    """A chain of n factors: n + 1 sizes (int64, or Python ints where one is larger), the largest, and what else is known."""

LARGEST_INT64 = 2**63 - 1
_INT64 = np.dtype(np.int64)
NO_COSTS = (None, None, None, 0)
_PAIR_TYPES = {tuple, list}
_INT = {int}
_ACCEPTED = "a JacobianChain, or a sequence of (rows, columns) pairs, Jacobians or matrices"


def hold(sizes: Sequence[int], details: Details | None = None) -> Reading:
    """Hold checked sizes in an array that cannot be written to."""
    largest = max(sizes)
    array = np.fromiter(sizes, _INT64 if largest <= LARGEST_INT64 else object, len(sizes))
    array.setflags(write=False)
    return array, largest, details


def read_dims(dims: object) -> Reading:
    """Read the sizes between the factors, outputs first."""
    if isinstance(dims, np.ndarray):
        _refuse_masks(dims, "dims")
    if isinstance(dims, np.ndarray) and dims.ndim == 1 and dims.dtype.kind in "iu" and dims.size > 1:
        if dims.min() < 0:
            checked_size(int(dims.min()), f"dims[{int(dims.argmin())}]")
        if dims.max() <= LARGEST_INT64:
            array = dims.astype(np.int64)
            array.setflags(write=False)
            return array, int(dims.max()), None
    sizes = [checked_size(size, f"dims[{index}]") for index, size in enumerate(_listed(dims, "dims", "a sequence of sizes"))]
    if len(sizes) < 2:
        held = "one size" if len(sizes) == 1 else f"{len(sizes)} sizes"
        msg = f"dims has {held}: a chain of n factors has n + 1 sizes, at least two"
        raise ChainError(msg)
    return hold(sizes)


def read_many_dims(dims: object) -> SizeArray:
    """Read an (N, n + 1) array of sizes: int64, or Python ints where one is larger."""
    if isinstance(dims, np.ndarray):
        _refuse_masks(dims, "dims")
        array = np.asarray(dims)
    else:
        rows = _listed(dims, "dims", "an (N, n + 1) array of sizes, a chain a row")
        lists = [_listed(row, f"dims[{index}]", "the sizes of a chain") for index, row in enumerate(rows)]
        length = len(lists[0]) if lists else 0
        for index, row in enumerate(lists):
            if len(row) != length:
                msg = f"dims[{index}] has {counted(len(row), 'size')}, and dims[0] {length}: give chains of equal length"
                raise ChainError(msg)
        array = np.empty((len(lists), length), dtype=object)
        array[...] = lists if array.size else None
    if array.ndim != 2 or array.shape[1] < 2:
        msg = f"dims has the shape {array.shape}: give an (N, n + 1) array of sizes, a chain a row"
        raise ChainError(msg)
    if (array.dtype.kind not in "iu" and {*map(type, array.flat)} != _INT) or (array.size and array.min() < 0):
        for (row, column), size in np.ndenumerate(array):
            if isinstance(size, Jacobian):
                msg = f"dims[{row}] is a sequence of Jacobians: make it a JacobianChain"
                raise ChainError(msg)
            checked_size(size, f"dims[{row}, {column}]")
        array = np.frompyfunc(operator.index, 1, 1)(array)
    checked = np.array(array, dtype=np.int64 if not array.size or array.max() <= LARGEST_INT64 else object)
    checked.setflags(write=False)
    return checked


def _refuse_masks(array: SizeArray, argument: str) -> None:
    if np.ma.isMaskedArray(array) and np.ma.is_masked(array):
        msg = f"{argument} has masked sizes: fill them in"
        raise ChainError(msg)


def read_factors(items: object, argument: str, *, backwards: bool = False) -> Reading:
    """Read pairs, Jacobians or matrices, in any mixture.

    Parameters
    ----------
    items : sequence of factors, or array of shape (n, 2)
        As the user gave them.
    argument : str
        What they are called in errors.
    backwards : bool
        Whether they come in evaluation order, the first stage first, instead of product order.

    Raises
    ------
    ChainError
        If there are none, one is not a factor, or neighbors do not fit.
    """
    if type(items) is list:
        factors = items
    elif isinstance(items, np.ndarray) and items.ndim == 2 and items.shape[1] == 2:
        _refuse_masks(items, argument)
        reading = _read_pair_array(items[::-1] if backwards else items) if items.dtype.kind in "iu" else None
        if reading is not None:
            return reading
        factors = items.tolist()
    else:
        factors = _listed(items, argument, _ACCEPTED)
    if not factors:
        msg = f"{argument} is empty: give at least one factor"
        raise ChainError(msg)
    if {*map(type, factors)} <= _PAIR_TYPES:
        try:
            rows, columns = zip(*(factors[::-1] if backwards else factors), strict=True)
        except ValueError:  # not all of them are pairs
            return _read_one_by_one(factors, argument, backwards=backwards)
        if {*map(type, rows + columns)} == _INT and rows[1:] == columns[:-1]:
            sizes = (*rows, columns[-1])
            if min(sizes) >= 0:
                return hold(sizes)
    return _read_one_by_one(factors, argument, backwards=backwards)


def _listed(items: object, argument: str, accepted: str) -> list[object]:
    if hasattr(items, "in_degree"):  # of networkx: its nodes would be taken for factors
        msg = f"{argument} is a graph: make a chain of it with linearize(graph), or take optimal_elimination(graph)"
        raise ChainError(msg)
    if not isinstance(items, str | bytes | dict | set | frozenset):
        try:
            return list(cast(Iterable[object], items))
        except TypeError:
            pass
    if type(items) is int and argument.startswith("dims["):
        accepted += ", as [[10, 20, 30]]: a single chain is ordered by optimal_order(JacobianChain.from_dims(dims))"
    msg = f"{argument} is of type {type(items).__name__}: give {accepted}"
    raise ChainError(msg)


def _read_pair_array(pairs: SizeArray) -> Reading | None:
    """Read a long array of pairs at once; None where an error has to name an entry."""
    inner = pairs[1:, 0]
    fits = pairs.size > 0 and pairs.min() >= 0 and pairs.max() <= LARGEST_INT64
    if not fits or (inner != pairs[:-1, 1]).any():
        return None
    array = np.empty(len(pairs) + 1, dtype=np.int64)
    array[:-1] = pairs[:, 0]
    array[-1] = pairs[-1, 1]
    array.setflags(write=False)
    return array, int(array.max()), None


def _read_one_by_one(factors: Sequence[object], argument: str, *, backwards: bool = False) -> Reading:
    places = [f"{argument}[{index}]" for index in range(len(factors))]
    read: dict[int, Jacobian] = {}  # a power lists one matrix many times
    for factor, place in zip(factors, places, strict=True):
        if id(factor) not in read:
            read[id(factor)] = _as_jacobian(factor, place)
    jacobians = [read[id(factor)] for factor in factors]
    if backwards:
        jacobians.reverse()
        places.reverse()
    _check_neighbors([jacobian.shape for jacobian in jacobians], places, backwards=backwards)
    sizes = [jacobian.shape[0] for jacobian in jacobians] + [jacobians[-1].shape[1]]
    return hold(sizes, _details(jacobians, argument, places))


def _details(jacobians: Sequence[Jacobian], argument: str, places: Sequence[str]) -> Details | None:
    batches = tuple(jacobian.batch for jacobian in jacobians)
    names = tuple(jacobian.name for jacobian in jacobians)
    costs = [(jacobian.jvp_cost, jacobian.vjp_cost, jacobian.accumulation_cost, jacobian.tape) for jacobian in jacobians]
    stage_costs = None
    if any(cost != NO_COSTS for cost in costs):
        stage_costs = StageCosts(*zip(*costs, strict=True))
    structures = tuple(jacobian.structure for jacobian in jacobians)
    is_structured = any(structure is not None for structure in structures)
    if any(batches) and (stage_costs is not None or is_structured):
        what = "structures" if stage_costs is None else "costs"
        msg = f"{argument} has stacks beside stages with {what}: plan one matrix of the stack, or give the matrices"
        raise ChainError(msg)
    _check_batches(batches, places)
    details = Details(
        batches if any(batches) else None,
        names if any(names) else None,
        stage_costs,
        structures if is_structured else None,
    )
    return None if details == Details() else details


def _as_jacobian(item: object, place: str) -> Jacobian:
    if isinstance(item, Jacobian):
        return item
    if isinstance(item, tuple | list):
        return Jacobian(checked_shape(item, place))
    if hasattr(item, "matmat") or hasattr(item, "matvec"):
        msg = (
            f"{place} is matrix-free (a {type(item).__name__}): give Jacobian(shape, jvp_cost=..., vjp_cost=...) "
            "with what one JVP and one VJP cost, which `calibrate` measures in seconds; or its matrix, or Jacobian(shape)"
        )
        raise ChainError(msg)
    shape = getattr(item, "shape", None)
    dims = ". Sizes between the factors go to JacobianChain.from_dims" if _is_number(item) else ""
    if not isinstance(shape, tuple):
        msg = f"{place} is {shown(item)}: give a pair (rows, columns), a Jacobian or a matrix{dims}"
        raise ChainError(msg)
    if len(shape) < 2:
        msg = f"{place} has the shape {shape}: a factor has two dimensions, rows and columns, and may be stacked{dims}"
        raise ChainError(msg)
    sizes = [checked_size(size, f"{place}.shape[{index}]") for index, size in enumerate(shape)]
    if len(sizes) == 2 and hasattr(item, "tocsr"):
        return Jacobian(sizes, structure=Sparse(item))
    return Jacobian(sizes[-2:], batch=sizes[:-2])


def _is_number(item: object) -> bool:
    """Whether it is a size and not a factor: a number, or an array that holds one."""
    return hasattr(item, "__index__") and not isinstance(item, bool) and getattr(item, "shape", ()) == ()


def _check_neighbors(shapes: Sequence[tuple[int, int]], places: Sequence[str], *, backwards: bool) -> None:
    for position, (left, right) in enumerate(pairwise(shapes)):
        if left[1] != right[0]:
            stage = len(shapes) - position
            msg = (
                f"J{stage} ({places[position]}) has {counted(left[1], 'column')}, but J{stage - 1} ({places[position + 1]}) "
                f"has {counted(right[0], 'row')}: neighbors must share a size"
            )
            if all(after[1] == before[0] for before, after in pairwise(shapes)):
                msg += (
                    ". This looks like product order, the last stage first: give it to JacobianChain"
                    if backwards
                    else ". This looks like evaluation order, the first stage first: reverse it, or use JacobianChain.from_stages"
                )
            raise ChainError(msg)


def _check_batches(batches: Sequence[tuple[int, ...]], places: Sequence[str]) -> None:
    """Stacks must broadcast together, whatever the bracketing."""
    known: tuple[int, ...] = ()
    for place, batch in zip(places, batches, strict=True):
        try:
            known = broadcast(known, batch)
        except ValueError:
            msg = f"{place} is a stack of shape {shown(batch)}, which does not broadcast with {shown(known)} to its left"
            raise ChainError(msg) from None
