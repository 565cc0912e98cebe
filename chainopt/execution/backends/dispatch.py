"""Whose arrays the factors are. No library is imported here: who holds one of its arrays has imported it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from chainopt.execution.backends import dask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Remote:
    """What is known here of a factor on a cluster; it has its methods' names, and nothing more."""

    def __init__(
        self, future: Any, library: str, kind: str, shape: tuple[int, ...], dtype: Any, device: str | None, methods: Sequence[str]
    ) -> None:
        self.future, self.library, self.kind, self.shape, self.dtype, self.device = future, library, kind, shape, dtype, device
        self._methods = frozenset(methods)

    def __getattr__(self, name: str) -> None:
        if name.startswith("_") or name not in self._methods:
            raise AttributeError(name)


def kind_of(factor: Any) -> str:
    """Return the name of a factor's type, on a cluster too."""
    return f"future of a {factor.kind}" if isinstance(factor, Remote) else type(factor).__name__


def library_of(factor: Any) -> str:
    """Return "numpy", "scipy" (a sparse array), "torch", "jax", "dask" or "other"."""
    if isinstance(factor, np.ndarray):
        return "numpy"
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(factor, torch.Tensor):
        return "torch"
    jax = sys.modules.get("jax")
    if jax is not None and isinstance(factor, jax.Array):
        return "jax"
    sparse = sys.modules.get("scipy.sparse")
    if sparse is not None and sparse.issparse(factor):
        return "scipy"
    if isinstance(factor, Remote):
        return factor.library
    dask = sys.modules.get("dask.array")
    if dask is not None and isinstance(factor, dask.Array):
        return "dask"
    return "other"


def is_operator(factor: Any) -> bool:
    """Whether a factor is known by what it does to a matrix, not by its entries."""
    names = ("matmat", "rmatmat", "matvec")
    return library_of(factor) == "other" and not hasattr(factor, "__array__") and any(hasattr(factor, name) for name in names)


def is_array_like(factor: Any) -> bool:
    """Whether NumPy would make an array of it, as of a DataFrame, where a library of arrays would answer itself."""
    return hasattr(factor, "__array__") and not hasattr(factor, "__array_function__")


def samples(factors: Sequence[Any]) -> list[Any]:
    """Return an empty array for every library that needs seeds of its own, of the dtype and on the device of the first one."""
    libraries = [library_of(factor) for factor in factors]
    found = []
    if "torch" in libraries:
        import torch

        like = factors[libraries.index("torch")]
        found.append(torch.empty(0, dtype=like.dtype, device=like.device))
    if "jax" in libraries:
        import jax

        found.append(jax.numpy.empty(0))
    if "dask" in libraries:
        import dask.array

        found.append(dask.array.empty(0))
    return found


def is_lazy(factor: Any) -> bool:
    """Whether a factor stands for numbers that come later: a Dask array, or what JAX or PyTorch traces in this thread."""
    library = library_of(factor)
    if library == "jax":
        import jax

        return isinstance(factor, jax.core.Tracer)
    if library == "torch":
        import torch

        try:
            return factor.layout == torch.strided and factor.untyped_storage() is None
        except NotImplementedError:  # what torch.func wraps has no memory of its own
            return True
    return library == "dask"


def as_torch(factor: Any, like: Any) -> Any:
    """Hand a NumPy array to PyTorch, on the device of the other factors; on the CPU nothing is copied."""
    import torch

    native = np.ascontiguousarray(factor, dtype=factor.dtype.newbyteorder("="))
    return torch.as_tensor(native if native.flags.writeable else native.copy(), device=like.device)


def adjoint(matrix: Any) -> Any:
    """Return the conjugate transpose; of a real matrix a view."""
    if library_of(matrix) == "torch":
        return matrix.mH
    return matrix.T if matrix.dtype.kind in "biuf" else matrix.conj().T


def identity(size: int, stage: Any, others: Sequence[Any], part: slice, axis: int) -> Any:
    """Return some columns (axis 1) or rows (axis 0) of the identity, as the stage and the other factors take it."""
    if any(library_of(other) == "dask" for other in others):
        return dask.identity(size, getattr(stage, "dtype", None), part, axis)
    width = len(range(size)[part])
    shape = (size, width) if axis == 1 else (width, size)
    offset = -part.start if axis == 1 else part.start
    if hasattr(stage, "identity_seed"):
        return stage.identity_seed(*shape, offset)
    return as_library_of(np.eye(*shape, k=offset), stage, others)


def as_library_of(seed: NDArray[np.float64], stage: Any, others: Sequence[Any]) -> Any:
    """Hand a seed over as the stage and the other factors take it: of their library, of the stage's dtype."""
    dtype = getattr(stage, "dtype", None)
    libraries = {library_of(other) for other in others}
    if "torch" in libraries or type(dtype).__module__ == "torch":
        import torch

        like = next((other for other in others if library_of(other) == "torch"), None)
        kind: dict[str, Any] = (
            {"dtype": torch.get_default_dtype()} if like is None else {"dtype": like.dtype, "device": like.device}
        )
        return torch.as_tensor(seed, **(kind if dtype is None else kind | {"dtype": dtype}))
    if dtype is not None:
        seed = seed.astype(dtype, copy=False)
    if "jax" in libraries:
        import jax

        return jax.numpy.asarray(seed)
    return dask.from_array(seed) if "dask" in libraries else seed


def dense_form(matrix: Any) -> Any:
    """Return a matrix with all its entries, of NumPy, or of the library that its own vector is of."""
    if library_of(matrix) == "scipy":
        return matrix.toarray()
    vector = getattr(matrix, "vector", None)
    if vector is not None:
        library = library_of(vector)
        if library == "torch":
            return vector.diag()
        if library == "jax":
            import jax

            return jax.numpy.diag(vector)
        if library == "dask":
            import dask.array

            return dask.array.diag(vector)
        return np.diag(vector)
    given = getattr(matrix, "given", None)
    if given is None:
        return matrix
    return np.eye(*given.shape) if len(given.shape) == 1 else dense_form(given)


def concatenate(parts: Sequence[Any], axis: int) -> Any:
    """Put matrices side by side (axis 1) or below each other (axis 0)."""
    library = library_of(parts[0])
    if library == "torch":
        import torch

        return torch.cat(list(parts), dim=axis)
    if library == "jax":
        import jax

        return jax.numpy.concatenate(parts, axis=axis)
    if library == "dask":
        import dask.array

        return dask.array.concatenate(parts, axis=axis)
    if library == "scipy":
        from scipy import sparse

        return sparse.hstack(parts) if axis == 1 else sparse.vstack(parts)
    return np.concatenate(parts, axis=axis)
