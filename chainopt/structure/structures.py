"""All structures: importing a class registers it."""

from chainopt.structure.banded import Banded
from chainopt.structure.block_diagonal import BlockDiagonal
from chainopt.structure.dense import Dense
from chainopt.structure.diagonal import Diagonal
from chainopt.structure.identity import Identity
from chainopt.structure.sparse import Sparse

__all__ = ["Banded", "BlockDiagonal", "Dense", "Diagonal", "Identity", "Sparse"]
