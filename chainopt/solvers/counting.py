"""Whether the products of a sparse chain are counted exactly, or estimated: the option ``patterns``."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from chainopt.costs.estimated import EstimatedMultiplications
from chainopt.costs.estimates import MOST_SAMPLED, skew
from chainopt.costs.first_look import FirstLook, first_look
from chainopt.costs.multiplications import MULTIPLICATIONS
from chainopt.errors import ChainError
from chainopt.numbers import shown
from chainopt.structure.bands import MOST_NUMBERED
from chainopt.structure.leaves import leaves_of
from chainopt.typing import PatternsName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel
    from chainopt.solvers.base import Problem
    from chainopt.structure.leaves import Leaf

PATTERNS: tuple[PatternsName, ...] = get_args(PatternsName)
SHARE = 0.1  # of the time of the product, which exact planning may take
SHORT = 1e-3  # seconds of exact planning that are always spent: an estimate would not take much less
SMALL, SHORT_OF_SMALL = 10_000, 5e-3  # rows and nonzeros of all factors: seconds that nobody will miss
MOST_FORMED = 3e7  # multiplications of patterns that only a pure mode needs
FEW_ROWS = 512  # of products, of which an estimate draws 256: `chainopt.structure.sampled_counts`

# Seconds, measured; decisions by them are the same on every machine.
PER_PLAN, PER_SPLIT, PER_NONZERO, PER_PLACE = 3e-4, 4e-6, 2e-8, 6e-8
PER_SAMPLE = 6e-4  # of the rows of a product
PER_PATTERN, PER_FORMED = 1.3e-4, 1.2e-8  # pattern of a product, and multiplication that forms one
PER_PRODUCT, PER_SPARSE, PER_MIXED, PER_DENSE = 1e-5, 6e-9, 1e-9, 1e-10


def check_patterns(patterns: object) -> None:
    """Refuse an unknown option.

    Raises
    ------
    ChainError
        If there is no such option; the message names those there are.
    """
    if not isinstance(patterns, str) or patterns not in PATTERNS:
        msg = f"patterns is {shown(patterns)}: give one of {', '.join(map(repr, PATTERNS))}"
        raise ChainError(msg)


def counted(
    patterns: PatternsName, chain: JacobianChain, model: CostModel, workers: float, memory_limit: float | None
) -> CostModel:
    """Return the model that prices the products of a chain: the one that is given, or one that estimates.

    Raises
    ------
    ChainError
        If an estimate is asked for, and cannot be had.
    """
    if patterns == "exact" or chain.structures is None:
        return model
    needs = _needs(chain, model, workers, memory_limit)
    if needs is None and chain.grids is not None:
        return model
    if needs is not None:
        if patterns == "estimated":
            msg = f'patterns is "estimated", which {needs}: take patterns="exact"'
            raise ChainError(msg)
        return model
    leaves = leaves_of(chain.shapes, chain.structures)
    if all(leaf.is_closed for leaf in leaves):
        return model
    if patterns == "estimated":
        return EstimatedMultiplications(chain, leaves)
    look = first_look(leaves)
    if _is_counted_within(_limit(leaves, look), leaves, look):
        return model
    estimated = EstimatedMultiplications(chain, leaves, is_rough=True)
    if isinstance(estimated.estimates, FirstLook):
        return estimated
    few = max(leaf.shape[0] for leaf in leaves) <= FEW_ROWS  # most of which would be drawn, which takes longer than to count
    drawing = PER_SAMPLE * look.products_of_sparse(leaves, MOST_SAMPLED)
    return model if few or _is_counted_within(drawing, leaves, look) else estimated


def for_sweep(problem: Problem, mode: str) -> Problem:
    """Return the problem of a pure mode beside a plan that is counted: estimated, if patterns that it forms would fill memory.

    No cheap plan forms them, so that they are not known from planning.
    """
    chain, model = problem.chain, problem.model
    if chain.structures is None or _needs(chain, model, problem.workers, problem.memory_limit) is not None:
        return problem
    if chain.grids is not None:  # whose products are counted in closed form
        return problem
    leaves = leaves_of(chain.shapes, chain.structures)
    if all(leaf.is_closed for leaf in leaves):
        return problem
    factors, look = len(leaves), first_look(leaves)
    inner = range(1, factors - 1)  # the last product is of the size of the result
    formed = [(k, k + 1, factors) for k in inner] if mode == "forward" else [(0, k, k + 1) for k in inner]
    work = look.work_of_sparse(formed)
    if work == 0.0 or work * skew(leaves, look) <= MOST_FORMED:
        return problem
    return problem._replace(model=EstimatedMultiplications(chain, leaves))


def _needs(chain: JacobianChain, model: CostModel, workers: float, memory_limit: float | None) -> str | None:
    if model is not MULTIPLICATIONS:
        return 'is for the objective "multiplications"'
    if chain.stage_costs is not None:
        return "needs matrices at hand"
    if workers != 1:
        return "is for one worker"
    if memory_limit is not None:
        return "cannot keep a memory_limit"
    return f"needs sizes up to {MOST_NUMBERED:,}" if chain.largest > MOST_NUMBERED else None


def _limit(leaves: Sequence[Leaf], look: FirstLook) -> float:
    """Return how many seconds exact planning may take: a tenth of the time of the product, or hardly any."""
    entries = sum(leaf.nonzeros for leaf in _listed(leaves)) + sum(leaf.shape[0] for leaf in leaves)
    return max(SHORT if entries > SMALL else SHORT_OF_SMALL, SHARE * _seconds_of_product(look))


def _is_counted_within(limit: float, leaves: Sequence[Leaf], look: FirstLook) -> bool:
    """Whether exact planning takes no longer than that, by sizes and numbers of nonzeros alone."""
    nonzeros, rows = sum(leaf.nonzeros for leaf in _listed(leaves)), sum(leaf.shape[0] for leaf in leaves)
    planning = PER_PLAN + PER_SPLIT * len(leaves) ** 3 / 6 + PER_NONZERO * nonzeros + PER_PLACE * rows
    if planning > limit:
        return False
    formed = _formed(look, leaves)
    planning += PER_PATTERN * len(formed) + PER_FORMED * sum(formed.values())
    return planning <= limit and planning + PER_FORMED * (skew(leaves, look) - 1) * sum(formed.values()) <= limit


def _listed(leaves: Sequence[Leaf]) -> list[Leaf]:
    """Return the factors whose places are listed, each once."""
    return [leaf for leaf in {id(leaf): leaf for leaf in leaves}.values() if not leaf.is_closed]


def _seconds_of_product(look: FirstLook) -> float:
    seconds = 0.0
    for i, k, j in look.products:
        full = look.has_full(i, k) + look.has_full(k, j)
        seconds += PER_PRODUCT + (PER_SPARSE, PER_MIXED, PER_DENSE)[full] * look.work(i, k, j)
    return seconds


def _formed(look: FirstLook, leaves: Sequence[Leaf]) -> dict[tuple[int, ...], float]:
    """Return the multiplications that form the patterns of products that cost no more than the whole chain."""
    factors, most, tables, work = len(leaves), look.cost(), look.tables, {}
    classes = [id(leaf) for leaf in leaves]
    for i in range(factors):
        for j in range(i + 2, factors + 1):
            if j - i < factors and tables.costs[i][j] < most:
                is_full = look.has_full(i, j)
                work[tuple(classes[i:j])] = 0.0 if is_full else look.work(i, int(tables.splits[i][j]), j)
    return work
