"""What files hold: bytes that may be compressed, up to a size, and JSON that says everything once."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainopt.errors import ChainError
from chainopt.numbers import printable, shown

if TYPE_CHECKING:
    import os

OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}


def bytes_of(path: str | os.PathLike[str], most: int) -> bytes:
    """Return what a file holds, decompressed where its name ends in .gz or .bz2.

    Parameters
    ----------
    path : path
    most : int
        How many bytes may come out; some kilobytes of a compressed file may hold gigabytes.

    Raises
    ------
    ChainError
        If more come out, or it is damaged.
    OSError
        If it cannot be read.
    """
    opener = OPENERS.get(Path(path).suffix.lower())
    try:
        with Path(path).open("rb") if opener is None else opener(path, "rb") as file:
            data: bytes = file.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise _unreadable(path, error) from None
    except OSError as error:
        if error.errno is None:  # of bz2, of what it holds
            raise _unreadable(path, error) from None
        raise
    if len(data) > most:
        msg = f"{printable(str(path))} holds more than {most:,} bytes, which is too long"
        raise ChainError(msg)
    return data


def _unreadable(path: str | os.PathLike[str], error: Exception) -> ChainError:
    return ChainError(f"{printable(str(path))} cannot be read: {printable(str(error))}")


def read_json(text: str | bytes | bytearray, place: str) -> Any:
    """Read JSON in which no key comes twice: one of them would count, and nobody would be told which.

    Parameters
    ----------
    text : str or bytes
    place : str
        What errors call it.

    Raises
    ------
    ChainError
        If a key comes twice.
    TypeError, ValueError, RecursionError
        Of `json`, if it is none.

    Examples
    --------
    >>> from chainopt.files import read_json
    >>> read_json('{"dims": [2, 3], "dims": [4, 5]}', "the text")
    Traceback (most recent call last):
    ...
    chainopt.errors.ChainError: the text has the key 'dims' twice in one object: keep one of them
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            seen: set[str] = set()
            twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            msg = f"{place} has the key {shown(twice)} twice in one object: keep one of them"
            raise ChainError(msg)
        return found

    return json.loads(text, object_pairs_hook=once)
