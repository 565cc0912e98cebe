"""Narrow variables of a derivative program, through which everything passes that makes its Jacobian dense."""

from chainopt.functions.sparse.narrow.held import Held as Held
from chainopt.functions.sparse.narrow.search import Split as Split
from chainopt.functions.sparse.narrow.search import splits as splits
from chainopt.functions.sparse.narrow.walkable import Watcher as Watcher

__all__ = ["Held", "Split", "Watcher", "splits"]
