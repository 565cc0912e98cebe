"""The command line: ``chainopt order 10x2000 2000x30 30x1000``."""

from chainopt.cli.entry import main

__all__ = ["main"]
