"""Narrow variables of a derivative program, through which everything passes that makes its Jacobian dense."""

from chainopt.functions.sparse.narrow.search import Fixed as Fixed
from chainopt.functions.sparse.narrow.search import Split as Split
from chainopt.functions.sparse.narrow.search import splits as splits
from chainopt.functions.sparse.narrow.walkable import Watcher as Watcher

__all__ = ["Fixed", "Split", "Watcher", "splits"]
