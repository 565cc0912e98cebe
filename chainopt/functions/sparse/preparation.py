"""What is found once for a signature of the arguments: the function's trace, its pattern and the colors."""

from __future__ import annotations

import time
from math import prod
from typing import TYPE_CHECKING

from chainopt.errors import ChainError
from chainopt.functions.prepared import Returned, flat_functions
from chainopt.functions.records import tell_sparse
from chainopt.functions.sparse.colors import sparse_part
from chainopt.functions.sparse.low_rank import has_low_rank, low_rank_program
from chainopt.functions.sparse.program import SparseProgram
from chainopt.functions.sparse.staging import with_stages
from chainopt.functions.unpack import Results

if TYPE_CHECKING:
    from chainopt.functions.options import Options
    from chainopt.functions.signature import Call
    from chainopt.functions.sparse.backend import SparseBackend
    from chainopt.functions.sparse.given_pattern import GivenPattern
    from chainopt.structure.compression import Coloring
    from chainopt.typing import Function


def prepare_sparse(
    backend: SparseBackend, function: Function, call: Call, options: Options, coloring: Coloring | None = None
) -> SparseProgram:
    """Trace a function for the signature of a call, find its pattern and the colors.

    Parameters
    ----------
    backend : SparseBackend
        Of whose arrays it is.
    function : callable
        Which is differentiated.
    call : Call
        The arguments at which it is traced.
    options : Options
        What is asked for.
    coloring : Coloring, optional
        Of the pattern that is given, if it is known.

    Raises
    ------
    ChainError
        If the Jacobian is not sparse, or the pattern that was given is wrong. What tracing raises is let through.
    """
    begin = time.perf_counter()
    dense = backend.dense
    if not call.inputs:
        msg = "the arguments to differentiate by hold no arrays"
        raise ChainError(msg)
    is_symmetric = options.is_hessian and backend.has_symmetric_hessian(
        options.result_of(function), *call.arguments(dense, call.arrays)
    )
    traced = backend.gradient(function, options) if options.is_hessian else function
    returned = Returned(dense, has_aux=options.has_aux)
    flat = flat_functions(dense, (traced,), lambda arrays: call.arguments(dense, arrays), returned)[0]
    primal = None
    if options.is_hessian:
        whole = Returned(dense, has_aux=options.has_aux)
        primal = flat_functions(dense, (function,), lambda arrays: call.arguments(dense, arrays), whole)[0]
    recorded = backend.recorded(
        flat,
        call.inputs,
        call.others,
        lambda: returned.outputs,
        primal=primal,
        besides=call.besides,
        is_symmetric=is_symmetric,
    )
    results = Results(
        call.input_tree,
        len(call.inputs),
        returned.tree,
        returned.outputs,
        returned.aux_tree,
        returned.aux,
        options.has_aux,
        with_value=False,
        low_rank=False,
    )
    if options.sparse == "low-rank":
        low_rank = low_rank_program(backend, recorded, results, call, options)
        tell_sparse(function, options, begin, low_rank.entries.nnz, low_rank.coloring)
        return low_rank
    given: GivenPattern | None = options.pattern
    if given is not None:
        given.check_shape((sum(map(prod, recorded.shapes)), sum(prod(getattr(leaf, "shape", ())) for leaf in call.inputs)))
    try:
        entries, coloring = sparse_part(recorded, options, coloring, is_symmetric=is_symmetric)
    except ChainError as error:
        if given is None and has_low_rank(recorded, options):
            msg = f'{error}. Or take sparse="low-rank": it is a sparse matrix plus the product of two thin ones'
            raise ChainError(msg) from error
        raise
    staged = with_stages(recorded, entries, coloring, options)
    program = SparseProgram(backend, staged, results, entries, coloring, call, options.chunk_size)
    if given is not None and options.check:
        program.check(call.arrays)
    tell_sparse(function, options, begin, program.entries.nnz, program.coloring)
    return program
