"""The command line: ``chainopt order 10x2000 2000x30 30x1000``."""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from chainopt import __version__
from chainopt.chain.chain import JacobianChain
from chainopt.errors import ChainError, raise_missing_extra
from chainopt.ordering.frontier import tape_frontier
from chainopt.ordering.order import compare, optimal_order
from chainopt.plan.chain_files import read_chain
from chainopt.plan.serialization import to_json
from chainopt.report.tables import show_facts
from chainopt.solvers.objectives import OBJECTIVES
from chainopt.solvers.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = {
    "order": "find the cheapest bracketing of a chain",
    "compare": "hold forward and reverse mode against the cheapest bracketing",
    "frontier": "list how much time how much tape buys",
    "plot": "draw the cheapest bracketing as a tree, into a file",
    "calibrate": "measure this machine for the objective time, and keep the result",
}
_SHAPE = re.compile(r"(\d+)[xX×](\d+)", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """A parser that leaves it to `main` to say what is wrong."""

    def error(self, message: str) -> NoReturn:
        raise ChainError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 2 bad input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have letters that the terminal has not
            stream.reconfigure(errors="backslashreplace")
    try:
        _run(_parser().parse_args(_checked(sys.argv[1:] if arguments is None else arguments)))
        if sys.stdout is not None:
            sys.stdout.flush()
    except ChainError as error:
        return _fail(" ".join(str(error).split()), 2)
    except BrokenPipeError:  # the reader has seen enough; nothing may be flushed into the pipe at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _fail(f"the output cannot be written: {error.strerror or error}", 2)
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    return 0


def _fail(message: str, status: int) -> int:
    print(f"chainopt: {message}", file=sys.stderr)
    return status


def _checked(arguments: Sequence[str]) -> Sequence[str]:
    for argument in arguments:
        if re.fullmatch(r"-\d+[xX×]-?\d+", argument):
            msg = f"shape {argument!r} has a negative size: give ROWSxCOLUMNS, as in 10x2000"
            raise ChainError(msg)
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="chainopt",
        description="The cheapest order in which to multiply a chain of Jacobians.",
        epilog="Shapes are rows x columns in product order, the last stage first: 10x2000 2000x30 30x1000.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"chainopt {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        if name == "calibrate":
            continue
        command.add_argument("shapes", nargs="*", metavar="SHAPE", help="a factor as ROWSxCOLUMNS, the last stage first")
        command.add_argument(
            "--file",
            metavar="PATH",
            help="a chain in JSON or as lines m n cost, or a graph in GraphML; - reads standard input",
        )
        command.add_argument("--objective", default="multiplications", help=f"what is minimized: {', '.join(OBJECTIVES)}")
        command.add_argument("--tape-limit", metavar="N", help="the tape that the reverse sweep of a stage may need")
        if name != "frontier":
            command.add_argument("--memory-limit", metavar="N", help="the matrix entries that may be alive at once")
            command.add_argument("--workers", metavar="N", default="1", help="how many share the operations, or inf")
            command.add_argument("--time-limit", metavar="SECONDS", help="when a search for several workers ends")
        command.add_argument("--method", default="auto", help=f"the algorithm: {', '.join(METHODS)}")
        if name == "plot":
            command.add_argument(
                "-o",
                "--output",
                metavar="PATH",
                required=True,
                help="the file; its ending (svg, png, pdf, dot) is its format",
            )
        else:
            command.add_argument("--json", action="store_true", help="write JSON")
    return parser


def _run(options: argparse.Namespace) -> None:
    if options.command is None:
        msg = f"no command: give one of {', '.join(COMMANDS)}; chainopt --help explains them"
        raise ChainError(msg)
    if options.command == "calibrate":
        from chainopt.calibration import calibrate

        print(f"rates {calibrate(progress=sys.stderr is not None and sys.stderr.isatty()).source}")
        return
    chain = _read_chain(options)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if options.command == "frontier":
        frontier = tape_frontier(chain, objective=options.objective)
        print(to_json(frontier.to_dict()) if options.json else frontier)
        return
    choices = {
        "objective": options.objective,
        "method": options.method,
        "tape_limit": _read_limit("--tape-limit", options.tape_limit),
        "memory_limit": _read_limit("--memory-limit", options.memory_limit),
        "workers": _read_workers(options.workers),
        "time_limit": _read_limit("--time-limit", options.time_limit),
    }
    if options.command == "compare":
        comparison = compare(chain, **choices)
        if options.json:
            print(comparison.to_json())
        else:
            comparison.table.show(on_terminal=on_terminal)
        return
    plan = optimal_order(chain, **choices)
    if options.command == "plot":
        _write_figure(plan, Path(options.output))
    elif options.json:
        print(plan.to_json())
    else:
        show_facts(plan.facts(), on_terminal=on_terminal)


def _read_limit(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else int(text) if text.isdecimal() else float(text)
    except ValueError:
        msg = f"{option} is {text!r}: give a number"
        raise ChainError(msg) from None


def _read_workers(text: str) -> float:
    if text == "inf":
        return math.inf
    try:
        return int(text)
    except ValueError:
        msg = f"--workers is {text!r}: give a whole number, at least 1, or inf"
        raise ChainError(msg) from None


def _read_chain(options: argparse.Namespace) -> JacobianChain:
    if options.shapes and options.file is not None:
        msg = f"{options.command} has two chains: give either shapes or --file"
        raise ChainError(msg)
    if not options.shapes and options.file is None:
        msg = f"{options.command} needs a chain: give shapes, as in 10x2000 2000x30, or --file"
        raise ChainError(msg)
    if options.file is not None and options.file.lower().endswith(".graphml"):
        from chainopt.graphs.graphml import read_graphml
        from chainopt.graphs.linearize import linearize

        try:
            return linearize(read_graphml(options.file))
        except OSError as error:
            msg = f"--file {options.file} cannot be read: {error.strerror or error}"
            raise ChainError(msg) from None
    if options.file is None:
        return JacobianChain.from_shapes([_read_shape(text, at) for at, text in enumerate(options.shapes)])
    try:
        if options.file != "-":
            text = Path(options.file).read_text(encoding="utf-8-sig")
        else:
            text = "" if sys.stdin is None else sys.stdin.read().removeprefix("\ufeff")
    except OSError as error:
        msg = f"--file {options.file} cannot be read: {error.strerror or error}"
        raise ChainError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"--file {options.file} is no text: {error}"
        raise ChainError(msg) from None
    return read_chain(text, f"--file {options.file}")


def _read_shape(text: str, at: int) -> tuple[int, int]:
    match = _SHAPE.fullmatch(text)
    if match is None:
        msg = f"shape {at + 1} is {text!r}: give ROWSxCOLUMNS, as in 10x2000"
        raise ChainError(msg)
    try:
        return int(match[1]), int(match[2])
    except ValueError:
        msg = f"shape {at + 1} has a number of more than {sys.get_int_max_str_digits()} digits"
        raise ChainError(msg) from None


def _write_figure(plan: Any, path: Path) -> None:
    if not path.suffix:
        msg = f"--output is {str(path)!r}: give a file name with an ending, svg, png, pdf or dot"
        raise ChainError(msg)
    try:
        if path.suffix.lower() == ".dot":
            path.write_text(plan.to_dot() + "\n", encoding="utf-8")
            return
        import matplotlib as mpl

        mpl.use("agg")
        plan.plot().figure.savefig(path)
    except ModuleNotFoundError:
        raise_missing_extra("plot", "matplotlib", "plot")
    except (OSError, ValueError) as error:
        if isinstance(error, ChainError):
            raise
        msg = f"--output {path} cannot be written: {error}"
        raise ChainError(msg) from None
