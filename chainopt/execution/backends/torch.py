"""PyTorch's tensors, on whatever device."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from chainopt.execution.backends.base import Backend

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack

    from chainopt.typing import Array, BoolArray, DType, NumpyArray

T = TypeVar("T")


class TorchBackend(Backend):
    """What the package asks of PyTorch."""

    library, arrays = "PyTorch", "PyTorch tensors"
    stands_alone = one_dtype = takes_out = True

    def owns(self, factor: Array) -> bool:
        """Whether something is a tensor."""
        return isinstance(factor, torch.Tensor)

    def owns_dtype(self, dtype: DType) -> bool:
        """Whether a dtype is PyTorch's."""
        return isinstance(dtype, torch.dtype)

    def is_lazy(self, tensor: Array) -> bool:
        """Whether a tensor is traced, by `torch.func` or otherwise."""
        try:
            return bool(tensor.layout == torch.strided and tensor.untyped_storage() is None)
        except NotImplementedError:  # what torch.func wraps has no memory of its own
            return True

    def structure_refusal(self, tensor: Array) -> str | None:
        """Say that a sparse tensor is multiplied as it is, and not by its diagonal or its blocks."""
        if tensor.layout == torch.strided:
            return None
        return f"is a tensor of {tensor.layout}, which has no structured form: give its to_dense(), or plan it without structure"

    def sample(self, tensor: Array) -> Array:
        """Return an empty tensor of the dtype and on the device of another."""
        return torch.empty(0, dtype=tensor.dtype, device=tensor.device)

    def convert(self, matrix: NumpyArray, like: Array) -> Array:
        """Make a tensor of a NumPy array, on the device of another; on the CPU nothing is copied."""
        native = np.ascontiguousarray(matrix, dtype=matrix.dtype.newbyteorder("="))
        return torch.as_tensor(native if native.flags.writeable else native.copy(), device=like.device)

    def seed(self, matrix: NumpyArray, dtype: DType, sample: Array) -> Array:
        """Make a tensor of a seed."""
        if not self.owns_dtype(dtype):
            dtype = torch.get_default_dtype() if sample is None else sample.dtype
        return torch.as_tensor(matrix, dtype=dtype, device=None if sample is None else sample.device)

    def from_diagonal(self, vector: Array) -> Array:
        """Return the square matrix with this diagonal."""
        return vector.diag()

    def adjoint(self, matrix: Array) -> Array:
        """Return the conjugate transpose."""
        return matrix.mH

    def concatenate(self, parts: Sequence[Array], axis: int) -> Array:
        """Put matrices below each other (axis 0) or side by side (axis 1)."""
        return torch.cat(list(parts), dim=axis)

    def take(self, matrix: Array, positions: NumpyArray, axis: int) -> Array:
        """Return the rows (axis 0) or columns (axis 1) at some positions."""
        there: Array = torch.as_tensor(positions, device=matrix.device)
        return super().take(matrix, there, axis)

    def masked(self, matrix: Array, mask: BoolArray) -> Array:
        """Return a tensor with zeros where a mask says no."""
        return torch.where(self.convert(mask, matrix), matrix, 0)

    def wait_for(self, tensor: Array) -> None:
        """Wait until a tensor is computed: on a GPU calls return before that."""
        if tensor.is_cuda:
            torch.cuda.synchronize(tensor.device)

    def numbers(self, tensor: Array) -> Array:
        """Return the tensor itself; None of a traced one."""
        return None if self.is_lazy(tensor) else tensor

    def nonzeros(self, matrix: Array, mask: BoolArray | None = None) -> int:
        """Count the nonzeros of a tensor, where it is, all or those where a mask says."""
        is_nonzero = matrix != 0
        return int((is_nonzero if mask is None else is_nonzero & self.convert(mask, matrix)).sum())

    def out_refusal(self, out: Array, dtypes: Sequence[DType], *, has_operators: bool) -> str | None:  # noqa: ARG002 -- see NumPy
        """Say why the product of matrices, and operators, cannot be written there."""
        dtype = next(dtype for dtype in dtypes if self.owns_dtype(dtype))
        return None if out.dtype == dtype else f"has the dtype {out.dtype}, but the product has {dtype}"

    def matmul_into(self, out: Array) -> Callable[[Array, Array], Array]:
        """Return the product of two tensors that is written there."""

        def into_tensor(left: Array, right: Array) -> Array:
            memory = out.untyped_storage().data_ptr()
            if memory in (left.untyped_storage().data_ptr(), right.untyped_storage().data_ptr()):
                return out.copy_(torch.matmul(left, right))  # PyTorch, unlike NumPy, would overwrite what it still reads
            return torch.matmul(left, right, out=out)

        return into_tensor

    def copy_into(self, out: Array, matrix: Array) -> Array:
        """Copy a tensor there."""
        return out.copy_(matrix)

    def settings(self) -> Callable[[ExitStack], None]:
        """Note whether gradients are recorded, and to which dtypes products are cast."""
        is_inference, with_gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        automatic = [
            torch.autocast(device, dtype=torch.get_autocast_dtype(device))
            for device in ("cpu", "cuda")
            if hasattr(torch, "get_autocast_dtype") and torch.is_autocast_enabled(device)
        ]

        def enter(stack: ExitStack) -> None:
            stack.enter_context(torch.inference_mode(is_inference))
            stack.enter_context(torch.set_grad_enabled(with_gradients))
            for context in automatic:
                stack.enter_context(context)

        return enter

    def limit_threads(self) -> None:
        """Limit PyTorch to one thread for what this thread calls."""
        torch.set_num_threads(1)

    def restore_threads(self) -> Callable[[], None]:
        """Return what gives PyTorch back its present threads."""
        threads = _in_a_new_thread(torch.get_num_threads)
        return lambda: _in_a_new_thread(lambda: torch.set_num_threads(threads))


def _in_a_new_thread(call: Callable[[], T]) -> T:
    """Call something where PyTorch has as many threads as in threads to come; each thread also has a number of its own."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


BACKEND = TorchBackend()
