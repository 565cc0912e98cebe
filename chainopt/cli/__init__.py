"""The command line: ``chainopt order 10x2000 2000x30 30x1000``.

What goes wrong is one line on standard error and an exit status.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING

from chainopt.cli.commands import run
from chainopt.cli.parser import parsed
from chainopt.errors import ChainError
from chainopt.numbers import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_JSON = {"None": "null", "True": "true", "False": "false"}
_SIDES = ("rows", "columns")
_WORDS: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    # What to do.
    (r": reverse it, or use JacobianChain\.from_stages", ": give the shapes the other way round"),
    (r"\. Sizes between the factors go to JacobianChain\.from_dims", '. Sizes between the factors go to a file: {"dims": [...]}'),
    (r"give a pair \(rows, columns\), a Jacobian or a matrix", 'give [rows, columns], or {"shape": [rows, columns], ...}'),
    (r"give a pair \(rows, columns\)", "give [rows, columns]"),
    (r"give a sequence of sizes", "give a list of sizes"),
    (r"the arguments of Jacobian, \"shape\" and what else is known", '"shape", and what is known, as "jvp_cost"'),
    (r"it must be a dict whose \"format\" is (\S+), as to_dict\(\) makes it", r'its "format" must be \1, as --json writes it'),
    (r"\bis a dict without", "is an object without"),
    (r"look at operations, or plot a part", "look at what chainopt order writes"),
    (r"look at operations( instead)?", r"look at what chainopt order --json writes\1"),
    (r"plan the chain again with optimal_order", "plan the chain again with chainopt order"),
    (r"raise the limit with sys\.set_int_max_str_digits to write it", "set PYTHONINTMAXSTRDIGITS=0 to write it"),
    (r": plan one matrix of the stack, or give the matrices", ": plan one matrix of the stack"),
    (r"give an int, at least 1, or math\.inf for an unlimited number", "give a whole number, at least 1, or inf"),
    (r", or give a function cost\(m, k, n\)", ""),
    (r", or None\b", ""),
    (r"give ints, or take objective \"time\"", "give whole numbers, or take --objective time"),
    (r"\bcalibrate\(\)", "chainopt calibrate"),
    (r"\bnot GraphML that networkx can read", "not GraphML that can be read"),
    # Options.
    (r"\b(memory|tape|time)_limit\b", r"--\1-limit"),
    (r"(?<!-)\b(objective|method|patterns|workers) is\b", r"--\1 is"),
    (r"(?<!-)\bworkers too\b", "--workers too"),
    (r"(?<!-)\b(objective|method) \"([\w-]+)\"", r"--\1 \2"),
    # What JSON has.
    (r"an int that counts fused multiply-adds, or a float in seconds", "a whole number of multiply-adds, or seconds as 0.5"),
    (r" \(2\*\*30 bytes hold 2\*\*27 entries of float64\)", ", of which a gigabyte holds 125,000,000 in double precision,"),
    (r"\ban int that is not negative", "a whole number that is not negative"),
    (r"\b(an int|ints)\b(?= above| \d|,| of| with)", "whole numbers"),
    (r"\bis of version None\b", "says no version"),
    (r"\bis of type (\w+): give a list", "is not a list: give a list"),
    (r"\b(Identity|Diagonal|Dense)\(\), but", lambda found: f"{found[1].lower()}, but"),
    (r"\bthe shape is \((\d+), (\d+)\)", r"the shape is \1x\2"),
    (r"\bis (None|True|False)\b", lambda found: f"is {_JSON[found[1]]}"),
    # Places: of shapes at the command line, too.
    (r"\bshapes\[(\d+)\]\[([01])\]", lambda found: f"shape {int(found[1]) + 1} ({_SIDES[int(found[2])]})"),
    (r"\((shape|stage)s\[(\d+)\]\)", lambda found: f"({found[1]} {int(found[2]) + 1})"),
    (r"\b(shape|stage)s\[(\d+)\]", lambda found: f"{found[1]} {int(found[2]) + 1}"),
]


def in_words_of_a_shell(message: str) -> str:
    """Turn a message meant for Python into one for the command line."""
    for words, others in _WORDS:
        message = re.sub(words, others, message)
    return message


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0 done, 2 bad input."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have letters that the terminal has not
            stream.reconfigure(errors="backslashreplace")
    try:
        run(parsed(_checked(sys.argv[1:] if arguments is None else arguments)))
        if sys.stdout is not None:
            sys.stdout.flush()
    except ChainError as error:
        return _fail(in_words_of_a_shell(printable(str(error))), 2)
    except (MemoryError, OverflowError, RecursionError) as error:
        return _fail(f"this chain is too large ({type(error).__name__})", 2)
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
    """Refuse a negative size, which would be taken for an option."""
    for argument in arguments:
        if re.fullmatch(r"-\d+[xX×]-?\d+", argument):
            msg = f"shape {argument!r} has a negative size: give ROWSxCOLUMNS, as in 10x2000"
            raise ChainError(msg)
    return arguments
