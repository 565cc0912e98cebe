"""The problem: a chain of elemental Jacobians in product order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from chainopt.chain.gain_bound import gain_bound
from chainopt.chain.jacobian import Jacobian
from chainopt.chain.parsing import NO_COSTS, read_dims, read_factors
from chainopt.errors import ChainError, check_keys
from chainopt.numbers import counted, shape_text, shown
from chainopt.structure.bands import Band
from chainopt.structure.dense import Dense
from chainopt.structure.ranges import grids_of
from chainopt.structure.structure import structure_from_dict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chainopt.chain.factor_data import Details, StageCosts
    from chainopt.chain.parsing import Factor, Reading
    from chainopt.structure.grid import Grid
    from chainopt.structure.patterns import Pattern
    from chainopt.structure.structure import Structure
    from chainopt.typing import Cost, PlainDict, SizeArray

FORMAT = "chainopt.chain"
VERSION = 1
_COLUMNS = {
    "batches": "batch",
    "names": "name",
    "jvp_costs": "jvp_cost",
    "vjp_costs": "vjp_cost",
    "accumulation_costs": "accumulation_cost",
    "tapes": "tape",
    "structures": "structure",
}
GRAPH_KEYS = ("stages", "notes", "skips", "graph_costs")  # which a chain cut from a graph has besides
KEYS = ("format", "version", "dims", *_COLUMNS, *GRAPH_KEYS)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class JacobianChain:
    """A chain of elemental Jacobians in product order: the last stage first, as ``J3 J2 J1`` is written on paper.

    Parameters
    ----------
    jacobians : sequence of Jacobian
        Neighbors share a size: the columns of one are the rows of the next. (rows, columns) pairs and matrices
        are accepted too.

    Attributes
    ----------
    sizes : numpy.ndarray, shape (n + 1,)
        The sizes between the factors, outputs first; read-only; int64, or Python ints where one is larger.
    largest : int
        The largest of them.
    details : Details or None
        The stacks, names, costs and structures of the factors; None for dense matrices at hand without names.

    Raises
    ------
    ChainError
        If there is no factor, or neighbors do not fit.

    Examples
    --------
    >>> chain = JacobianChain.from_dims([10, 2000, 30, 1000])
    >>> chain
    JacobianChain(J3: 10x2000, J2: 2000x30, J1: 30x1000)
    >>> chain.shapes
    ((10, 2000), (2000, 30), (30, 1000))
    >>> chain[-1]
    Jacobian((30, 1000))
    """

    sizes: SizeArray
    largest: int
    details: Details | None

    def __init__(self, jacobians: Sequence[Factor]) -> None:
        self._hold(read_factors(jacobians, "jacobians"))

    def _hold(self, reading: Reading) -> None:
        set_attribute = object.__setattr__
        sizes, largest, details = reading
        set_attribute(self, "sizes", sizes)
        set_attribute(self, "largest", largest)
        set_attribute(self, "details", details)

    @classmethod
    def from_reading(cls, reading: Reading) -> Self:
        """Hold what has been read and checked already."""
        chain = object.__new__(cls)
        chain._hold(reading)
        return chain

    @classmethod
    def from_shapes(cls, shapes: Sequence[Factor] | SizeArray) -> Self:
        """Make a chain from (rows, columns) pairs in product order."""
        return cls.from_reading(read_factors(shapes, "shapes"))

    @classmethod
    def from_dims(cls, dims: Sequence[int] | SizeArray) -> Self:
        """Make a chain of n factors from the n + 1 sizes between them, outputs first."""
        return cls.from_reading(read_dims(dims))

    @classmethod
    def from_stages(cls, stages: Sequence[Factor]) -> Self:
        """Make a chain from its stages in evaluation order, the first stage first."""
        return cls.from_reading(read_factors(stages, "stages", backwards=True))

    @property
    def batches(self) -> tuple[tuple[int, ...], ...] | None:
        """The stacks of the factors; None where no factor is a stack."""
        return None if self.details is None else self.details.batches

    @property
    def names(self) -> tuple[str | None, ...] | None:
        """The names of the factors; None where no factor has one."""
        return None if self.details is None else self.details.names

    @property
    def stage_costs(self) -> StageCosts | None:
        """The costs and tapes of the stages; None where all matrices are at hand."""
        return None if self.details is None else self.details.stage_costs

    @property
    def structures(self) -> tuple[Structure, ...] | None:
        """The structures of the factors; None where all are dense."""
        given = None if self.details is None else self.details.structures
        if given is None or all(structure is None or structure.is_dense for structure in given):
            return None
        return tuple(structure or Dense() for structure in given)

    @property
    def grids(self) -> list[Grid] | None:
        """Where the factors of a large chain of dense and block-diagonal ones have nonzeros; None for other chains."""
        structures = self.structures
        return None if structures is None else grids_of(self.dims, structures)

    @property
    def patterns(self) -> list[Pattern]:
        """Where each factor has nonzeros."""
        grids = self.grids
        if grids is not None:
            return [*grids]
        known: dict[tuple[int, tuple[int, int]], Pattern] = {}  # a power has one for all its factors
        patterns = []
        for shape, structure in zip(self.shapes, self.structures or [None] * len(self), strict=True):
            key = id(structure), shape
            if key not in known:
                known[key] = Band.full(*shape) if structure is None else structure.pattern(shape)
            patterns.append(known[key])
        return patterns

    def proves(self, _cost: Cost, _objective: str) -> bool:
        """Whether the best bracketing is the best plan there is; a graph may allow better ones than a chain cut from it."""
        return True

    @property
    def remarks(self) -> tuple[str, ...]:
        """Notes on the chain, beyond what its factors tell."""
        return ()

    @property
    def gain_bound(self) -> float | None:
        """The most that any bracketing gains over the better pure mode; None where a matrix is at hand.

        It is ``min(n_in * sum(J), n_out * sum(V)) / (cut * sum(min(J, V)))``, where J and V are the costs of one JVP and
        one VJP of each stage, and ``cut`` is the smallest size in the chain; infinite where neither pure mode is possible.

        Examples
        --------
        >>> stages = [Jacobian((100, 10), jvp_cost=5, vjp_cost=6), Jacobian((10, 100), jvp_cost=5, vjp_cost=6)]
        >>> JacobianChain(stages).gain_bound
        10.0
        """
        return gain_bound(self.dims, self.stage_costs, self.structures)

    @property
    def dims(self) -> tuple[int, ...]:
        """The sizes between the factors, outputs first, as Python ints."""
        return tuple(self.sizes.tolist())

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """The (rows, columns) of every factor, in product order."""
        return tuple(pairwise(self.dims))

    def label(self, position: int) -> str:
        """Return the name of the factor at a position."""
        position = range(len(self))[position]
        name = None if self.names is None else self.names[position]
        return name or f"J{len(self) - position}"

    def shape_text(self, position: int) -> str:
        """Write the shape of a factor: ``10x2000``, or ``5x10x2000`` for a stack of five."""
        position = range(len(self))[position]
        batch = () if self.batches is None else self.batches[position]
        label = "" if self.structures is None else self.structures[position].label
        return f"{shape_text(*batch, int(self.sizes[position]), int(self.sizes[position + 1]))} {label}".rstrip()

    def __len__(self) -> int:
        return self.sizes.size - 1

    @overload
    def __getitem__(self, position: int) -> Jacobian: ...
    @overload
    def __getitem__(self, position: slice) -> JacobianChain: ...
    def __getitem__(self, position: int | slice) -> Jacobian | JacobianChain:
        """Return a factor, or the chain of a range of them."""
        if isinstance(position, slice):
            return JacobianChain([self[one] for one in range(len(self))[position]])
        try:
            position = range(len(self))[position]
        except IndexError:
            msg = f"chain[{position}] is not there: the chain has {counted(len(self), 'factor')}"
            raise IndexError(msg) from None
        shape = (int(self.sizes[position]), int(self.sizes[position + 1]))
        if self.details is None:
            return Jacobian(shape)
        batches, names, costs, structures = self.details
        jvp, vjp, accumulation, tape = NO_COSTS if costs is None else costs.of(position)
        return Jacobian(
            shape,
            jvp_cost=jvp,
            vjp_cost=vjp,
            accumulation_cost=accumulation,
            tape=tape,
            structure=None if structures is None else structures[position],
            batch=() if batches is None else batches[position],
            name=None if names is None else names[position],
        )

    def __iter__(self) -> Iterator[Jacobian]:
        return map(self.__getitem__, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JacobianChain):
            return NotImplemented
        return self.details == other.details and np.array_equal(self.sizes, other.sizes)

    def __hash__(self) -> int:
        sizes = self.sizes.tobytes() if self.sizes.dtype == np.int64 else self.dims
        return hash((sizes, self.details))

    def __reduce__(self) -> tuple[object, ...]:
        return _restore, (self.sizes, self.largest, self.details)

    def __repr__(self) -> str:
        shown = range(len(self)) if len(self) <= 6 else (0, 1, -2, -1)
        parts = [f"{self.label(position)}: {self.shape_text(position)}" for position in shown]
        if len(self) > 6:
            parts.insert(2, "...")
        return f"JacobianChain({', '.join(parts)})"

    def to_dict(self) -> PlainDict:
        """Return the chain as plain lists and ints, with a format version; see `from_dict`."""
        structures = None if self.details is None else self.details.structures
        columns = [
            None if self.batches is None else [list(batch) for batch in self.batches],
            None if self.names is None else list(self.names),
            *([None] * 4 if self.stage_costs is None else map(list, self.stage_costs)),
            None if structures is None else [None if entry is None else entry.to_dict() for entry in structures],
        ]
        given = {key: column for key, column in zip(_COLUMNS, columns, strict=True) if column is not None}
        return {"format": FORMAT, "version": VERSION, "dims": self.sizes.tolist(), **given}

    @classmethod
    def from_dict(cls, data: PlainDict) -> Self:
        """Make the chain that `to_dict` wrote.

        Raises
        ------
        ChainError
            If it is not such a dict, or of an unknown version.
        """
        check_header(data, FORMAT, VERSION)
        check_keys(data, KEYS, f"data ({FORMAT})")
        reading = read_dims(data.get("dims"))
        columns = {key: data[key] for key in _COLUMNS if data.get(key) is not None}
        if not columns:
            return cls.from_reading(reading)
        sizes = reading[0].tolist()
        for key, column in columns.items():
            if not isinstance(column, list) or len(column) != len(sizes) - 1:
                msg = f'data["{key}"] must be null or a list with an entry for each factor, {len(sizes) - 1} in all'
                raise ChainError(msg)
        options = [_COLUMNS[key] for key in columns]
        jacobians = []
        for position, row in enumerate(zip(*columns.values(), strict=True)):
            arguments = dict(zip(options, row, strict=True))
            try:
                if arguments.get("structure") is not None:
                    arguments["structure"] = structure_from_dict(arguments["structure"])
                jacobians.append(Jacobian(sizes[position : position + 2], **arguments))
            except ChainError as error:
                msg = f"data, factor {position}: {error}"
                raise ChainError(msg) from None
        return cls(jacobians)


def check_header(data: object, name: str, version: int) -> None:
    """Refuse anything but a dict of a format and version.

    Parameters
    ----------
    data : object
        What is read.
    name : str
        The format.
    version : int
        The only version that is read.
    """
    if not isinstance(data, dict) or data.get("format") != name:
        found = data.get("format") if isinstance(data, dict) else None
        what = (
            f", but {shown(found)}" if found is not None else ", but a str, which json.loads reads" if type(data) is str else ""
        )
        msg = f'data is not a {name}{what}: it must be a dict whose "format" is "{name}", as to_dict() makes it'
        raise ChainError(msg)
    if type(data.get("version")) is not int or data["version"] != version:
        msg = f"data is of version {shown(data.get('version'))}, but this chainopt reads version {version} of {name}"
        raise ChainError(msg)


def _restore(*reading: *Reading) -> JacobianChain:
    reading[0].setflags(write=False)
    return JacobianChain.from_reading(reading)
