"""What can be given on the command line. A command has only those options that it reads; a test holds it to that."""

from __future__ import annotations

import argparse
from typing import NoReturn

from chainopt import __version__
from chainopt.errors import ChainError
from chainopt.solvers.objectives import OBJECTIVES
from chainopt.solvers.options import METHODS

COMMANDS = {
    "order": "find the cheapest bracketing of a chain",
    "compare": "hold forward and reverse mode against the cheapest bracketing",
    "frontier": "list the least cost for each tape, and the bracketing that has it",
    "plot": "draw the cheapest bracketing as a tree, into a file",
    "calibrate": "measure this machine for the objective time, and keep the result",
}


class _Parser(argparse.ArgumentParser):
    """A parser that leaves it to the caller to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise ChainError(message)


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = _Parser(
        prog="chainopt",
        description="The cheapest order in which to multiply a chain of Jacobians.",
        epilog="Shapes are rows x columns in product order, the last stage first: 10x2000 2000x30 30x1000.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"chainopt {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name != "calibrate":
            _add_chain(command)
        if name not in {"calibrate", "frontier"}:
            _add_limits(command)
        if name == "plot":
            output = "the file; its ending (svg, png, pdf, dot) is its format"
            command.add_argument("-o", "--output", metavar="PATH", required=True, help=output)
        elif name != "calibrate":
            command.add_argument("--json", action="store_true", help="write JSON")
    return top


def _add_chain(command: argparse.ArgumentParser) -> None:
    command.add_argument("shapes", nargs="*", metavar="SHAPE", help="a factor as ROWSxCOLUMNS, the last stage first")
    text = "a chain in JSON or as lines m n cost, or a graph in GraphML; - reads standard input"
    command.add_argument("--file", metavar="PATH", help=text)
    command.add_argument("--objective", default=OBJECTIVES[0], help=f"what is minimized: {', '.join(OBJECTIVES)}")


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument("--method", default="auto", help=f"the algorithm: {', '.join(METHODS)}")
    text = "how products of sparse matrices are known: auto, exact, estimated"
    command.add_argument("--patterns", default="auto", help=text)
    command.add_argument("--tape-limit", metavar="N", help="the tape that the reverse sweep of a stage may need")
    command.add_argument("--memory-limit", metavar="N", help="the matrix entries that may be alive at once")
    command.add_argument("--workers", metavar="N", default="1", help="how many share the operations, or inf")
    command.add_argument("--time-limit", metavar="SECONDS", help="when a search for several workers ends")
