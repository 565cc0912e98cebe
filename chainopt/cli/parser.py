"""What can be given on the command line. A command has only those options that it reads; a test holds it to that."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from chainopt import __version__
from chainopt.cli.completion import SHELLS
from chainopt.cli.inputs import SHAPE
from chainopt.errors import ChainError, meant
from chainopt.numbers import printable
from chainopt.solvers.objectives import OBJECTIVES
from chainopt.solvers.options import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "order": "find the cheapest bracketing of a chain",
    "compare": "compare forward and reverse mode with the cheapest bracketing",
    "frontier": "list the least cost for each tape, and the bracketing that has it",
    "plot": "draw the cheapest bracketing as a tree into a file",
    "calibrate": "measure this machine for the objective time, and keep the result",
}


FILES = """what --file reads:
  {"dims": [10, 2000, 30]}                   JSON: the sizes between the factors, the outputs first,
  [10, 2000, 30]                             or without a name;
  {"shapes": [[10, 2000], [2000, 30]]}       the factors, in product order,
  [[10, 2000], [2000, 30]]                   or without a name; a factor may also be a dict, as
  {"shape": [10, 2000], "jvp_cost": 70, "vjp_cost": 90, "tape": 50, "structure": {"kind": "diagonal"}}
  what order, compare and frontier write with --json
  10x2000 2000x30                            text: shapes, in one line or in several
  10 2000                                    a line for each factor: its rows and its columns
  2000 30 500                                a line for each stage, in the order of evaluation: its outputs, its inputs,
                                             and the cost of one JVP or VJP; their number may stand above them
  *.graphml                                  a computation graph in GraphML: nodes with a size, edges with c_tan and c_adj"""


class _Parser(argparse.ArgumentParser):
    """A parser that lets the caller report what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise ChainError(message)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the words of a command line.

    Raises
    ------
    ChainError
        If a command or an option is unknown; the message names what may have been meant.
    """
    first = next(iter(arguments), None)
    if first is not None and not first.startswith("-") and first not in COMMANDS:
        shape = f": did you mean chainopt order {printable(first)}?" if SHAPE.fullmatch(first) else ""
        flag = f": did you mean --{first}?" if first in {"help", "version", "completion"} else ""
        hint = flag or meant(first.lower(), COMMANDS) or shape
        msg = f"no command {printable(first)[:60]!r}{hint}; give one of {', '.join(COMMANDS)}"
        raise ChainError(msg)
    top = parser()
    option = (first or "").partition("=")[0]
    if option.startswith("-") and option not in options_of(top, None):
        command = next((name for name in COMMANDS if option in options_of(top, name)), None)
        if command is not None:
            msg = f"{option} comes after its command, as in chainopt {command} {option}"
            raise ChainError(msg)
    options, unknown = top.parse_known_args(arguments)
    if unknown:
        wrong = next((word for word in unknown if word.startswith("-")), unknown[0])
        words, option = printable(" ".join(unknown))[:60], wrong.partition("=")[0]
        having = [name for name in COMMANDS if option in options_of(top, name)]
        if having:
            hint = f": {options.command} has no {option}, but {', '.join(having)}"
        else:
            hint = meant(option, options_of(top, options.command), 0.65)
        msg = f"unrecognized arguments: {words}{hint}"
        raise ChainError(msg)
    return options


def options_of(top: argparse.ArgumentParser, command: str | None) -> list[str]:
    """Return the options of a command."""
    for action in top._actions:  # noqa: SLF001 -- argparse has no other way
        if isinstance(action, argparse._SubParsersAction) and command in action.choices:  # noqa: SLF001
            return [name for name in action.choices[command]._option_string_actions if name.startswith("--")]  # noqa: SLF001
    return ["--help", "--version", "--completion"]


def parser() -> argparse.ArgumentParser:
    """Make the parser of all commands."""
    top = _Parser(
        prog="chainopt",
        description="The cheapest order in which to multiply a chain of Jacobians.",
        epilog="Shapes are rows x columns in product order, the last stage first: chainopt order 10x2000 2000x30 30x1000. "
        "chainopt order --help lists the file formats.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"chainopt {__version__}")
    words = "print a script that completes commands and options in a shell, and exit"
    top.add_argument("--completion", choices=SHELLS, help=words)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False, **_epilog(name))
        if name != "calibrate":
            _add_chain(command)
        if name not in {"calibrate", "frontier"}:
            _add_limits(command)
        if name == "plot":
            output = "the file; its extension (svg, png, pdf, dot) is its format"
            command.add_argument("-o", "--output", metavar="PATH", required=True, help=output)
        elif name != "calibrate":
            command.add_argument("--json", action="store_true", help="write JSON")
    return top


def _epilog(name: str) -> dict[str, Any]:
    return {} if name == "calibrate" else {"epilog": FILES, "formatter_class": argparse.RawDescriptionHelpFormatter}


def _add_chain(command: argparse.ArgumentParser) -> None:
    command.add_argument("shapes", nargs="*", metavar="SHAPE", help="a factor as ROWSxCOLUMNS, the last stage first")
    text = "a chain in JSON or as lines of shapes, or a graph in GraphML, see below; - reads standard input"
    command.add_argument("--file", metavar="PATH", help=text)
    command.add_argument("--objective", default=OBJECTIVES[0], help=f"what is minimized: {', '.join(OBJECTIVES)}")


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument("--method", default="auto", help=f"the algorithm: {', '.join(METHODS)}")
    text = "how products of sparse matrices are found: auto, exact, estimated"
    command.add_argument("--patterns", default="auto", help=text)
    command.add_argument("--tape-limit", metavar="N", help="the largest tape that the reverse sweep of a stage may need")
    command.add_argument("--memory-limit", metavar="N", help="the most matrix entries that may be alive at once")
    command.add_argument("--workers", metavar="N", default="1", help="how many workers share the operations, or inf")
    command.add_argument("--time-limit", metavar="SECONDS", help="the seconds after which a search for several workers ends")
