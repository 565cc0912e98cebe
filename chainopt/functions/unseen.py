"""What a function reads that nobody can see in its code: files, the system, and variables whose names are computed.

A method of a class that does so, as one that saves a model does, is no obstacle as long as nothing calls it by its name.
"""

from __future__ import annotations

import sys
from functools import cache
from inspect import unwrap
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainopt.functions.backend import UnplannableError
from chainopt.functions.changing import DIFFERENT
from chainopt.functions.code_names import (
    function_of,
    is_installed,
    is_library,
    names_in,
    root_of,
    texts_in,
    variables_in,
)
from chainopt.functions.imports import modules_imported_in
from chainopt.functions.reads import paths_in, reads_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

    from chainopt.typing import Array

CALLS = frozenset({"globals", "eval", "exec", "open", "input", "__import__"})  # of Python's own
NAMES = frozenset(  # of functions and methods that nothing else is called like
    {"import_module", "attrgetter", "_getframe", "currentframe", "read_text", "read_bytes", "fromfile", "loadtxt", "genfromtxt"}
    | {"memmap", "initial_seed", "get_rng_state", "urlopen", "check_output", "environ", "environb", "getenv", "getenvb"}
    | {"geterr", "get_printoptions", "getcontext", "getrecursionlimit"}
)
OF_LIBRARIES = frozenset({"load"})  # as `numpy.load`
OUTSIDE = frozenset(  # modules of Python's own whose functions ask the system
    {"os", "posix", "nt", "posixpath", "ntpath", "genericpath", "glob", "shutil", "subprocess", "socket", "locale", "platform"}
    | {"io", "_io", "codecs", "gzip", "bz2", "lzma", "zipfile", "tarfile"}
    | {"tempfile", "sqlite3", "shelve", "fileinput", "linecache", "resource", "gc", "threading", "mmap", "urllib", "http"}
)
INSIDE = frozenset(  # but for these, which compute with texts, or stay what they are
    {"path", "join", "split", "splitext", "basename", "dirname", "normpath", "sep", "fspath", "PathLike", "linesep", "name"}
    | {"BytesIO", "StringIO"}
    | {"Lock", "RLock", "Thread", "Event", "Condition", "Semaphore", "local"}
)
OF_PATHS = frozenset(
    {"exists", "is_file", "is_dir", "stat", "lstat", "iterdir", "glob", "rglob", "open", "cwd", "home", "resolve"}
)
OF_SYS = frozenset({"modules", "argv", "stdin"})
WATCHED = frozenset({"jax_enable_x64", "x64_enabled"})  # settings of JAX that are part of what a program is known by
UNSEEN = "it reads {}, and what that gives cannot be seen before it is read"
REFLECTION = frozenset({"getattr", "vars", "dir"})  # which read by names that may be computed


class Doubts:
    """Why not to plan what some functions are part of; of methods that count only once something calls them by name."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._methods: dict[int, str] = {}  # by the address of the function
        self._called: set[int] = set()  # those that are called by no name that is seen
        self._found: list[tuple[int, UnplannableError]] = []
        self._has_paths = False
        self._has_numpy = False
        self._of_paths: list[tuple[int, UnplannableError]] = []  # what counts only where there are any
        self._of_numpy: list[tuple[int, UnplannableError]] = []  # what counts only where NumPy can be reached

    def expect(self, kind: type) -> None:
        """Let the functions of a class be methods; Python calls some itself, and a library those that its own classes have."""
        of_libraries = {name for parent in kind.__mro__ if is_library(parent.__module__) for name in vars(parent)}
        for parent in kind.__mro__:
            for name, value in () if is_library(parent.__module__) else vars(parent).items():
                function = function_of(value)
                if isinstance(function, FunctionType):
                    addresses = {id(function), id(unwrap(function))}
                    self._methods.update(dict.fromkeys(addresses, name))
                    if name.startswith("__") or name in of_libraries:
                        self._called.update(addresses)

    def meet_again(self, value: Array) -> None:
        """Let what is met a second time be something that is called: it is held elsewhere, too."""
        self._called.add(id(value))

    def meet(self, value: Array) -> None:
        """Let an object, or a class, be a path, whose methods read files, or a module be NumPy, which has random numbers."""
        if isinstance(value, PurePath) or (isinstance(value, type) and issubclass(value, PurePath)):
            self._has_paths = True
        self._has_numpy |= value is np

    def look(self, function: FunctionType, refuse: Callable[[FunctionType], object]) -> None:
        """Note what a function names, and what is refused of it.

        Raises
        ------
        UnplannableError
            If it is no method that something has to call first.
        """
        names = names_in(function.__code__)
        self._names.update(names, texts_in(function.__code__))
        of_paths = OF_PATHS.intersection(names)
        if of_paths:
            self._of_paths.append((id(function), UnplannableError(UNSEEN.format(min(of_paths)))))
        if not is_installed(function.__module__) and _reads_random(function.__code__):
            self._of_numpy.append((id(function), UnplannableError(DIFFERENT.format("random"))))
        try:
            refuse(function)
            refuse_unseen(function)
        except UnplannableError as error:
            if id(function) not in self._methods:
                raise
            self._found.append((id(function), error))

    def settle(self) -> None:
        """Refuse what is called by its name, or may be by a name that is computed.

        Raises
        ------
        UnplannableError
            The first of those that were noted.
        """
        of_some = (*(self._of_paths if self._has_paths else ()), *(self._of_numpy if self._has_numpy else ()))
        for address, error in (*self._found, *of_some):
            name = self._methods.get(address)
            is_named = name is None or name in self._names or not REFLECTION.isdisjoint(self._names)
            if is_named or address in self._called:
                raise error


def refuse_unseen(function: FunctionType) -> None:
    """Refuse to plan what reads files, or variables whose names are computed; installed packages are trusted in this.

    Raises
    ------
    UnplannableError
        Which says what.
    """
    for name in () if is_installed(function.__module__) else _unseen(function):
        raise UnplannableError(UNSEEN.format(name))


def _unseen(function: FunctionType) -> Iterator[str]:
    named, called, of_libraries, reflects = _suspects(function.__code__)
    yield from named
    yield from (name for name in called if name not in function.__globals__)
    for name in of_libraries:
        value = function.__globals__.get(name)
        if callable(value) and is_library(getattr(value, "__module__", None)):
            yield name
    for name, holder, attribute, _ in reads_of(function):
        if not isinstance(holder, ModuleType):
            if isinstance(holder, FunctionType | BuiltinFunctionType) and _is_outside(holder.__module__, holder.__name__):
                yield name
        elif attribute == "__dict__":
            yield f"{name}.__dict__"
        elif is_library(holder.__name__):
            if _is_unseen_of_library(holder, attribute, function.__code__):
                yield f"{holder.__name__}.{attribute}" if attribute else holder.__name__
        elif attribute is None:  # it is handed on: who knows what is read of it
            yield holder.__name__
    if reflects:
        yield from (module.__name__ for module in modules_imported_in(function) if not is_library(module.__name__))


def _is_unseen_of_library(module: ModuleType, attribute: str | None, code: CodeType) -> bool:
    is_of_sys = module is sys and attribute in OF_SYS
    is_setting = module.__name__ == "jax" and attribute == "config" and WATCHED.isdisjoint(names_in(code))
    return attribute in OF_LIBRARIES or is_of_sys or is_setting or _is_outside(module.__name__, attribute)


@cache
def _is_outside(module: str | None, name: str | None) -> bool:
    """Whether what a module has under a name asks the system."""
    return root_of(module) in OUTSIDE and name not in INSIDE


@cache
def _suspects(code: CodeType) -> tuple[frozenset[str], frozenset[str], frozenset[str], bool]:
    """Return what of the names in a code may read what is not seen, of each kind, and whether names may be computed."""
    names = names_in(code)
    found = NAMES.intersection(names), CALLS.intersection(variables_in(code)), OF_LIBRARIES.intersection(names)
    return *found, not REFLECTION.isdisjoint(names)


@cache
def _reads_random(code: CodeType) -> bool:
    """Whether something has an attribute of this name that is no variable's, as a module that is handed to a function has.

    A method of this name is one of a generator, which is known where it can be reached.
    """
    is_computed = "random" in texts_in(code) and not REFLECTION.isdisjoint(names_in(code))
    of_others = (path.attributes[:-1] if path.is_method else path.attributes for path in paths_in(code) if path.variable is None)
    return is_computed or any("random" in attributes for attributes in of_others)
