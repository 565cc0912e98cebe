"""Where the command line begins and ends: what goes wrong is one line on standard error and an exit status."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING

from chainopt.cli.commands import run
from chainopt.cli.parser import parsed
from chainopt.cli.words import in_words_of_a_shell
from chainopt.errors import ChainError
from chainopt.numbers import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


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
