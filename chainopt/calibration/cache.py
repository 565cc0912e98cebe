"""The times of this machine, in the user's cache directory."""

from __future__ import annotations

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path

from chainopt.calibration.machine import this_machine
from chainopt.costs.time import DEFAULT, TimeModel
from chainopt.errors import ChainError
from chainopt.files import read_json
from chainopt.kernels.interrupts import interrupts_held

FORMAT = "chainopt.time"
VERSION = 1

_kept: dict[str, TimeModel] = {}  # under "model", once this process has looked


def saved_model() -> TimeModel:
    """Return the times that `calibrate` kept for this machine, or the default; the file is read at the first call only.

    Raises
    ------
    ChainError
        If the file is damaged.

    Examples
    --------
    >>> saved_model().unit
    'seconds'
    """
    if "model" not in _kept:
        _kept["model"] = _load()
    return _kept["model"]


def keep(model: TimeModel) -> None:
    """Keep the times of this machine, for this process and in a file for later ones.

    Raises
    ------
    ChainError
        If the file cannot be written; this process has the times all the same.
    """
    _kept["model"] = model
    _save(model, _folder() / this_machine().file_name)


def _folder() -> Path:
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("chainopt"))


def _load() -> TimeModel:
    if find_spec("platformdirs") is None or find_spec("threadpoolctl") is None:
        return DEFAULT
    file = _folder() / this_machine().file_name
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return DEFAULT
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file} cannot be read ({error}): run chainopt calibrate again, or remove the file"
        raise ChainError(msg) from error
    try:
        data = read_json(text, "it")
        if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
            msg = f"it is not {FORMAT} of version {VERSION}"
            raise ChainError(msg)
        return TimeModel.from_dict(data)
    except (ValueError, RecursionError) as error:  # ChainError and JSONDecodeError are ValueErrors
        msg = f"{file} is damaged ({error}): run chainopt calibrate again, or remove the file"
        raise ChainError(msg) from error


def _save(model: TimeModel, file: Path) -> None:
    """Write a file whole or not at all, and leave no partial file behind."""
    with interrupts_held():
        _replace(model, file)


def _replace(model: TimeModel, file: Path) -> None:
    temporary: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False) as stream:
            temporary = Path(stream.name)
            json.dump({"format": FORMAT, "version": VERSION, **model.to_dict()}, stream)
        temporary.replace(file)
    except OSError as error:
        msg = (
            f"the measured times cannot be kept in {file.parent} ({error.strerror}), and hold for this process only: "
            "make that directory writable, or set XDG_CACHE_HOME to one that is"
        )
        raise ChainError(msg) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
