"""What each command does."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from chainopt.cli.completion import completion
from chainopt.cli.inputs import chain_of, read_limit, read_workers
from chainopt.cli.parser import COMMANDS, options_of, parser
from chainopt.errors import ChainError, raise_missing_extra
from chainopt.ordering.frontier import tape_frontier
from chainopt.ordering.order import compare, optimal_order
from chainopt.plan.serialization import to_json
from chainopt.plan.summary import WHOLE, facts
from chainopt.report.tables import show_facts

if TYPE_CHECKING:
    from argparse import Namespace

    from chainopt.plan.plan import Plan
    from chainopt.typing import MethodName, ObjectiveName, PatternsName


def run(options: Namespace) -> None:
    """Do what the command line asks for."""
    command = options.command
    if options.completion is not None:
        top = parser()
        print(completion(options.completion, {name: options_of(top, name) for name in COMMANDS}))
    elif command == "order":
        _order(options)
    elif command == "compare":
        _compare(options)
    elif command == "frontier":
        _frontier(options)
    elif command == "plot":
        _plot(options)
    elif command == "calibrate":
        _calibrate()
    else:
        msg = f"no command: give one of {', '.join(COMMANDS)}, as in chainopt order 10x2000 2000x30, or --help"
        raise ChainError(msg)


def _order(options: Namespace) -> None:
    plan = _plan(options)
    if options.json:
        print(plan.to_json())
    else:
        lines = [(name, text.replace(f"; {WHOLE}", "; whole with --json")) for name, text in facts(plan)]
        show_facts(lines, on_terminal=_is_terminal())


def _compare(options: Namespace) -> None:
    comparison = compare(chain_of(options), **_limits(options))
    if options.json:
        print(comparison.to_json())
    else:
        comparison.table.show(on_terminal=_is_terminal())


def _frontier(options: Namespace) -> None:
    frontier = tape_frontier(chain_of(options), objective=options.objective)
    print(to_json(frontier.to_dict()) if options.json else frontier)


def _plot(options: Namespace) -> None:
    path = Path(options.output)
    if not path.suffix:
        msg = f"--output is {str(path)!r}: give a file name with the extension svg, png, pdf or dot"
        raise ChainError(msg)
    plan = _plan(options)
    try:
        if path.suffix.lower() == ".dot":
            path.write_text(plan.to_dot() + "\n", encoding="utf-8")
            return
        import matplotlib as mpl

        mpl.use("agg")
        figure = plan.plot().get_figure()
        assert isinstance(figure, mpl.figure.Figure)
        figure.savefig(path)
    except ModuleNotFoundError:
        raise_missing_extra("plot", "matplotlib", "plot")
    except ChainError:
        raise
    except (OSError, ValueError) as error:
        msg = f"--output {path} cannot be written: {getattr(error, 'strerror', None) or error}"
        raise ChainError(msg) from None


def _calibrate() -> None:
    from chainopt.calibration import calibrate

    is_watched = sys.stderr is not None and sys.stderr.isatty()
    has_bar = find_spec("rich") is not None
    if is_watched and not has_bar:
        print("measuring this machine, which takes about a minute ...", file=sys.stderr)
    model = calibrate(progress=is_watched and has_bar)
    print(f"rates {model.source}")


def _plan(options: Namespace) -> Plan:
    limits = _limits(options)
    is_watched = limits["workers"] != 1 and sys.stderr is not None and sys.stderr.isatty()
    return optimal_order(chain_of(options), **limits, progress=is_watched)


class _Limits(TypedDict):
    """The options of `optimal_order` and `compare`."""

    objective: ObjectiveName
    method: MethodName
    patterns: PatternsName
    tape_limit: float | None
    memory_limit: float | None
    workers: float
    time_limit: float | None


def _limits(options: Namespace) -> _Limits:
    return {
        "objective": options.objective,
        "method": options.method,
        "patterns": options.patterns,
        "tape_limit": read_limit("--tape-limit", options.tape_limit),
        "memory_limit": read_limit("--memory-limit", options.memory_limit),
        "workers": read_workers(options.workers),
        "time_limit": read_limit("--time-limit", options.time_limit),
    }


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()
