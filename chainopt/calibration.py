"""Measuring how long products and stages take on this machine, and keeping it for the objective ``"time"``."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from itertools import product
from operator import matmul, mul
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from chainopt.chain import JacobianChain
from chainopt.costs.time import DEFAULT, TimeModel
from chainopt.exceptions import ChainError
from chainopt.execution.libraries import as_library_of, is_operator
from chainopt.jacobian import Jacobian, checked_shape
from chainopt.reading import read_factors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

FORMAT = "chainopt.time"
VERSION = 1
# Vectors are a case of their own in NumPy, thin matrices in BLAS; few large sizes are powers of two, which caches dislike.
SIZES = (1, 2, 3, 4, 6, 12, 25, 50, 100, 200, 400, 700, 1000)
SWEEPS = 6
VISIT = 5e-4  # seconds that a short product is repeated for, in each sweep
GROUP = 5e-5  # seconds between two looks at the clock
LONG = 1e-2  # what takes longer than that is measured in two sweeps only
BUDGET = 15.0  # seconds after which nothing is measured a second time
BLOCK = 16  # columns, or rows, that a stage is measured with
REPEATS = 5
SPIKE = 8  # a vector can take four times as long as a thin matrix, a disturbance a thousand times
PATIENCE = 1.0  # seconds after which a stage is not measured again

_kept: dict[str, TimeModel] = {}  # under "model", once this process has looked


class Machine(NamedTuple):
    """What the times hold for: the processor, the BLAS of NumPy and its threads."""

    processor: str
    blas: str
    threads: int

    @property
    def text(self) -> str:
        """All of it on a line."""
        return f"{self.processor}, {self.blas}, {self.threads} thread{'' if self.threads == 1 else 's'}"

    @property
    def file_name(self) -> str:
        """A name that other machines do not share."""
        digest = hashlib.sha256(self.processor.encode()).hexdigest()[:12]
        name = f"time-{platform.machine()}-{digest}-{self.blas}-{self.threads}.json"
        return re.sub(r"[^\w.-]+", "-", name)


@overload
def calibrate(stages: None = None, *, progress: bool = False) -> TimeModel: ...
@overload
def calibrate(stages: Sequence[Any], *, progress: bool = False) -> JacobianChain: ...
def calibrate(stages: Sequence[Any] | None = None, *, progress: bool = False) -> TimeModel | JacobianChain:
    """Measure this machine once for all, or the stages of a chain.

    Without stages, products of matrices of many shapes are timed for some seconds, and what they took is kept in the user's
    cache directory, for this processor, BLAS and number of threads; from then on the objective ``"time"`` predicts with it.

    Parameters
    ----------
    stages : sequence, optional
        In product order: matrix-free stages (``shape``, and ``matmat`` or ``rmatmat`` or both), whose products are timed
        with a block of 16 columns or rows; matrices, and `Jacobian` objects, which are taken as they are.
    progress : bool, optional
        Show a bar; needs rich.

    Returns
    -------
    TimeModel or JacobianChain
        The times of this machine; of stages a chain whose costs are seconds per JVP and VJP.

    Raises
    ------
    ChainError
        If a package is missing, the times cannot be kept (this process has them all the same), or a stage fails.

    Examples
    --------
    >>> class Doubling:
    ...     shape = (3, 3)
    ...
    ...     def matmat(self, V):
    ...         return 2 * V
    >>> chain = calibrate([np.ones((2, 3)), Doubling()])
    >>> chain[0], chain[1].jvp_cost > 0, chain[1].vjp_cost
    (Jacobian((2, 3)), True, None)
    """
    if stages is not None:
        return _measured_chain(stages, progress=progress)
    for package in ("platformdirs", "threadpoolctl"):
        if find_spec(package) is None:
            msg = f'calibrate needs {package}: install it with python -m pip install "jacobian-chainopt[calibrate]"'
            raise ChainError(msg)
    machine = this_machine()
    with _bar("measuring products", progress=progress) as report:
        model = measure(SIZES, source=f"measured on {machine.text}", report=report)
    _kept["model"] = model
    _save(model, _folder() / machine.file_name)
    return model


def saved_model() -> TimeModel:
    """Return the times that `calibrate` kept for this machine, or the default, after the first call without looking again.

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


def measure(
    sizes: Sequence[int] = SIZES,
    *,
    sweeps: int = SWEEPS,
    visit: float = VISIT,
    source: str = "measured",
    report: Callable[[float], None] | None = None,
) -> TimeModel:
    """Time products of all shapes of a grid, without keeping the times.

    Every shape is visited in several sweeps for at least ``visit`` seconds and one product, so that what disturbs the machine
    for a while does not disturb all measurements of a shape; the least time counts. ``report`` is told the share done.

    Examples
    --------
    >>> model = measure((1, 8, 64), sweeps=1, visit=1e-5)
    >>> len(model.seconds), model.sizes, model.source
    (27, (1, 8, 64), 'measured')
    """
    rng = np.random.default_rng(0)
    # Operands begin at places that differ, as those of any two matrices do: with the same low bits they share cache lines.
    entries = sizes[-1] ** 2
    left, right = rng.random(entries), rng.random(entries + 1234)[1234:]
    shapes = list(product(sizes, repeat=3))
    best = dict.fromkeys(shapes, np.inf)
    begin = perf_counter()
    for sweep in range(sweeps):
        for at, shape in enumerate(shapes):
            if sweep > 0 and perf_counter() - begin > BUDGET:
                break
            m, k, n = shape
            if sweep < 2 or best[shape] < LONG:
                a, b = left[: m * k].reshape(m, k), right[: k * n].reshape(k, n)
                best[shape] = _least_time(partial(matmul, a, b), best[shape], visit)
            if report is not None and at % 20 == 0:
                report((sweep + at / len(shapes)) / sweeps)
    if report is not None:
        report(1.0)
    size = sizes[-1]
    return TimeModel(
        sizes=tuple(sizes),
        seconds=tuple(_without_spikes(np.reshape(list(best.values()), (len(sizes),) * 3)).ravel().tolist()),
        sparse_seconds=_sparse_seconds(size),
        overhead=min(best.values()),
        count_seconds=best[size, size, 1] / size**2,
        source=source,
    )


def _without_spikes(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take what takes much longer than a product that is larger in every size for a disturbance of the machine."""
    least = seconds
    for axis in range(seconds.ndim):
        least = np.flip(np.minimum.accumulate(np.flip(least, axis), axis), axis)
    return np.minimum(seconds, SPIKE * least)


def _least_time(call: Callable[[], Any], known: float, seconds: float) -> float:
    """Return the least time of one call, as far as it is known or found within some seconds."""
    end = perf_counter() + seconds
    now = 0.0
    loops = 1 if known == np.inf else max(1, int(GROUP / known))
    while now < end:
        begin = perf_counter()
        for _ in range(loops):
            call()
        now = perf_counter()
        if (now - begin) / loops < known:
            known = (now - begin) / loops
            loops = max(1, int(GROUP / max(known, 1e-9)))
    return max(known, 1e-9)


def _sparse_seconds(size: int) -> float:
    """Time a band times a dense matrix in SciPy's sparse form; without SciPy, a diagonal times it."""
    dense = np.random.default_rng(0).random((size, min(size, 50)))
    if find_spec("scipy") is None:
        diagonal = np.linspace(1, 2, size)[:, None]
        return _least_time(partial(mul, diagonal, dense), np.inf, 20 * VISIT) / dense.size
    from scipy import sparse

    band = sparse.csr_array(np.tri(size, k=4) - np.tri(size, k=-5))
    return _least_time(partial(matmul, band, dense), np.inf, 20 * VISIT) / int(band.nnz * dense.shape[1])


def _measured_chain(stages: Sequence[Any], *, progress: bool) -> JacobianChain:
    try:
        given = list(stages)
    except TypeError:
        msg = f"stages is of type {type(stages).__name__}: give a sequence of stages in product order"
        raise ChainError(msg) from None
    measured: list[Any] = []
    with _bar("measuring stages", progress=progress) as report:
        for at, stage in enumerate(given):
            measured.append(_measured_stage(stage, f"stages[{at}]") if is_operator(stage) else stage)
            report((at + 1) / len(given))
    return JacobianChain.from_reading(read_factors(measured, "stages"))


def _measured_stage(stage: Any, place: str) -> Jacobian:
    rows, columns = checked_shape(getattr(stage, "shape", None), f"{place}.shape")
    jvp_cost = _seconds_per_vector(stage, "matmat", (columns, rows), place)
    vjp_cost = _seconds_per_vector(stage, "rmatmat", (rows, columns), place)
    if jvp_cost is None and vjp_cost is None:
        msg = f"{place} is a {type(stage).__name__} with neither matmat nor rmatmat: give it one of them"
        raise ChainError(msg)
    return Jacobian((rows, columns), jvp_cost=jvp_cost, vjp_cost=vjp_cost)


def _seconds_per_vector(stage: Any, name: str, ends: tuple[int, int], place: str) -> float | None:
    """Time a block of columns, from the one size to the other; None where the stage lacks the mode."""
    call = getattr(stage, name, None)
    if call is None:
        return None
    width = max(min(ends[0], BLOCK), 1)
    block = as_library_of(np.random.default_rng(0).random((ends[0], width)), stage, [])
    times: list[float] = []
    while len(times) < REPEATS and sum(times) < PATIENCE:
        begin = perf_counter()
        try:
            result = call(block)
            if hasattr(result, "block_until_ready"):  # JAX answers before it has calculated
                result.block_until_ready()
            shape = tuple(result.shape)
        except Exception as error:  # whatever a stage raises
            if _is_made_without(stage, name, ends[0], error):
                return None
            msg = f"{place}.{name} fails for a block of {width} columns: {type(error).__name__}: {error}"
            raise ChainError(msg) from error
        times.append(perf_counter() - begin)
        if shape != (ends[1], width):
            msg = f"{place}.{name} gives the shape {shape} for a block of {ends[0]}x{width}: it must be {(ends[1], width)}"
            raise ChainError(msg)
    return min(times) / width


def _is_made_without(stage: Any, name: str, size: int, error: Exception) -> bool:
    """Whether a stage has the method but not the mode: SciPy's operators always have both methods, and raise this or that."""
    if isinstance(error, NotImplementedError):
        return True
    try:
        getattr(stage, name.replace("matmat", "matvec"))(np.zeros(size))
    except NotImplementedError:
        return True
    except Exception:  # noqa: BLE001 -- what failed with a block is reported, not what fails with a vector
        return False
    return False


def this_machine() -> Machine:
    """Say what times hold for; needs threadpoolctl."""
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy brings a BLAS of its own, which is loaded or not: what multiplies is NumPy's.
    pools.sort(key=lambda pool: not any(part.startswith("numpy") for part in Path(pool["filepath"]).parts[-3:]))
    processor = _processor()
    if not pools:
        return Machine(processor, f"BLAS of NumPy {np.__version__}", os.cpu_count() or 1)
    return Machine(processor, f"{pools[0]['internal_api']} {pools[0]['version']}", pools[0]["num_threads"])


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        found = None
    name = found[1].strip() if found else platform.processor()
    return f"{name or platform.node()} ({os.cpu_count()} cores)"


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
        data = json.loads(text)
        if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
            msg = f"it is no {FORMAT} of version {VERSION}"
            raise ChainError(msg)
        return TimeModel.from_dict(data)
    except (ValueError, RecursionError) as error:  # ChainError and JSONDecodeError are ValueErrors
        msg = f"{file} is damaged ({error}): run chainopt calibrate again, or remove the file"
        raise ChainError(msg) from error


def _save(model: TimeModel, file: Path) -> None:
    """Write a file whole or not at all."""
    temporary: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, suffix=".part", delete=False) as stream:
            temporary = Path(stream.name)
            json.dump({"format": FORMAT, "version": VERSION, **model.to_dict()}, stream)
        temporary.replace(file)
    except OSError as error:
        msg = (
            f"what was measured cannot be kept in {file.parent} ({error.strerror}), and holds for this process only: "
            "make that directory writable, or set XDG_CACHE_HOME to one that is"
        )
        raise ChainError(msg) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _bar(title: str, *, progress: bool) -> Any:
    return _rich_bar(title) if progress else nullcontext(lambda _share: None)


@contextmanager
def _rich_bar(title: str) -> Iterator[Callable[[float], None]]:
    try:
        from rich.progress import Progress
    except ModuleNotFoundError:
        msg = 'progress needs rich: install it with python -m pip install "jacobian-chainopt[terminal]"'
        raise ChainError(msg) from None
    with Progress() as bars:
        task = bars.add_task(title, total=1.0)
        yield lambda share: bars.update(task, completed=share)
