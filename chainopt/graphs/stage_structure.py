"""Where the matrix of a stage has nonzeros: its blocks, those of variables that are passed on among them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from chainopt.graphs.edges import IDENTITY
from chainopt.structure import patterns
from chainopt.structure.bands import Band
from chainopt.structure.structures import Identity, Sparse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.graphs.elimination.vertex_elimination import Partials
    from chainopt.graphs.liveness import Stage
    from chainopt.structure.patterns import Pattern
    from chainopt.structure.structure import Structure

ENTRIES = 1_000_000  # of a stage whose pattern is written out
BLOCKS = 2_000  # of a stage, from variables that come in to those that it computes
PAIRS = 100_000  # of nonzeros in the same row or column; to color more takes longer than it is worth


def structure_of(stage: Stage, partials: Partials, sizes: Sequence[int]) -> Structure | None:
    """Return the structure of a stage of several blocks; None for one that is dense, or too large to examine."""
    if not stage.computed and stage.inputs == stage.outputs:
        return Identity()
    rows, columns = (sum(sizes[node] for node in nodes) for nodes in (stage.outputs, stage.inputs))
    if not 0 < rows * columns <= ENTRIES or len(stage.inputs) * (len(stage.computed) + 1) > BLOCKS:
        return None
    if find_spec("scipy") is None:  # which holds patterns of several blocks, and is an extra
        return None
    rows_of: dict[int, dict[int, Pattern]] = {  # how each variable depends on those that come in
        node: {node: Band.of((sizes[node], sizes[node]), 0, 0, is_unit=True)} for node in stage.inputs
    }
    tails: dict[int, list[int]] = {node: [] for node in stage.computed}
    for tail, head in partials:
        tails[head].append(tail)
    for node in stage.computed:
        rows_of[node] = _row(node, tails[node], rows_of, partials, sizes)
    rows_of_blocks = [[rows_of.get(head, {}).get(tail) for tail in stage.inputs] for head in stage.outputs]
    if all(_is_full(block) for row in rows_of_blocks for block in row):
        return None
    sparse = patterns.scipy_sparse()
    blocks = [
        [
            sparse.csr_array((sizes[head], sizes[tail]), dtype=bool) if block is None else patterns.places(block)
            for tail, block in zip(stage.inputs, row, strict=True)
        ]
        for head, row in zip(stage.outputs, rows_of_blocks, strict=True)
    ]
    return Sparse(sparse.block_array(blocks, format="csr"))


def _row(
    node: int, tails: list[int], rows_of: dict[int, dict[int, Pattern]], partials: Partials, sizes: Sequence[int]
) -> dict[int, Pattern]:
    """Return how a variable depends on each input of the stage, given how the variables that it is computed from do."""
    row: dict[int, Pattern] = {}
    for tail in tails:
        partial = partials[tail, node]
        for source, pattern in rows_of[tail].items():
            if partial is IDENTITY:
                block = pattern
            else:
                left = Band.full(sizes[node], sizes[tail]) if partial.pattern is None else partial.pattern
                block = patterns.product(left, pattern)
            row[source] = patterns.union(row[source], block) if source in row else block
    return row


def _is_full(block: Pattern | None) -> bool:
    return isinstance(block, Band) and block.is_full


def has_few_colors(structure: Structure) -> bool:
    """Whether colors of its rows and columns are found at once."""
    if not isinstance(structure, Sparse):
        return True
    widths, heights = np.diff(structure.indptr), np.bincount(structure.indices, minlength=1)
    return max(int((counts.astype(np.int64) ** 2).sum()) for counts in (widths, heights)) <= 2 * PAIRS
