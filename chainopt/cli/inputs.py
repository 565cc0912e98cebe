"""Texts of the command line, and the files that it names, read."""

from __future__ import annotations

import math
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from chainopt.chain.chain import JacobianChain
from chainopt.errors import ChainError
from chainopt.numbers import printable
from chainopt.plan.chain_files import MOST_LETTERS, read_chain

if TYPE_CHECKING:
    from argparse import Namespace

COMPRESSED = (".gz", ".bz2")
GRAPHS = (".graphml", ".graphml.gz", ".graphml.bz2")
FILES = (*GRAPHS, ".json", ".txt", ".xml", ".csv", *COMPRESSED)
SHAPE = re.compile(r"(\d+)[xX×](\d+)", re.ASCII)


def read_limit(option: str, text: str | None) -> float | None:
    """Read the number behind an option; None where it was not given."""
    try:
        return None if text is None else int(text) if text.isdecimal() else float(text)
    except ValueError:
        unit = ""
        if option == "--memory-limit":
            unit = " of matrix entries, of which a gigabyte holds 125,000,000 in double precision"
        msg = f"{option} is {printable(str(text))[:60]!r}: give a number{unit}"
        raise ChainError(msg) from None


def read_workers(text: str) -> float:
    """Read a number of workers: an int, or infinity."""
    if text == "inf":
        return math.inf
    try:
        return int(text)
    except ValueError:
        msg = f"--workers is {printable(text)[:60]!r}: give a whole number, at least 1, or inf"
        raise ChainError(msg) from None


def chain_of(options: Namespace) -> JacobianChain:
    """Read the chain that a command is about, from its shapes or its file."""
    if options.shapes and options.file is not None:
        msg = f"{options.command} has two chains: give either shapes or --file"
        raise ChainError(msg)
    if not options.shapes and options.file is None:
        msg = f"{options.command} needs a chain: give shapes, as in 10x2000 2000x30, or --file"
        raise ChainError(msg)
    if options.file is None:
        if len(options.shapes) > 1 and all(text.isdecimal() for text in options.shapes):
            sizes = [text[:20] for text in options.shapes[:4]]
            shapes = " ".join(map("x".join, pairwise(sizes)))
            msg = f"shape 1 is {sizes[0]!r}: give ROWSxCOLUMNS for each factor, as in {shapes}"
            raise ChainError(msg)
        return JacobianChain.from_shapes([_read_shape(text, number) for number, text in enumerate(options.shapes, 1)])
    return _read_file(options.file)


def _read_shape(text: str, number: int) -> tuple[int, int]:
    match = SHAPE.fullmatch(text)
    if match is None:
        said = f"shape {number} is {printable(text)[:60]!r}"
        if text.lower().endswith(FILES) or "/" in text:
            msg = f"{said}, which looks like a file: give --file {printable(text)[:60]}"
        else:
            msg = f"{said}: give ROWSxCOLUMNS, as in 10x2000"
        raise ChainError(msg)
    try:
        return int(match[1]), int(match[2])
    except ValueError:
        msg = f"shape {number} has a number of more than {sys.get_int_max_str_digits()} digits"
        raise ChainError(msg) from None


def _read_file(name: str) -> JacobianChain:
    try:
        if name.lower().endswith(GRAPHS):
            from chainopt.graphs.graphml import read_graphml
            from chainopt.graphs.linearize import linearize

            return linearize(read_graphml(name))
        if name.lower().endswith(COMPRESSED):
            from chainopt.files import bytes_of

            text = bytes_of(name, MOST_LETTERS).decode("utf-8-sig")
        elif name != "-":
            with Path(name).open(encoding="utf-8-sig") as file:
                text = file.read(MOST_LETTERS + 1)
        else:
            text = "" if sys.stdin is None else sys.stdin.read(MOST_LETTERS + 1).removeprefix("\ufeff")
    except OSError as error:
        msg = f"--file {printable(name)} cannot be read: {error.strerror or error}"
        raise ChainError(msg) from None
    except UnicodeDecodeError as error:
        msg = f"--file {printable(name)} is not text: {error}"
        raise ChainError(msg) from None
    except ValueError as error:  # a name with a zero in it
        if isinstance(error, ChainError):
            raise
        msg = f"--file {printable(name)} cannot be read: {error}"
        raise ChainError(msg) from None
    return read_chain(text, f"--file {printable(name)}")
