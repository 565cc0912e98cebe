"""The brackets of a plan as text, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.costs.operation_costs import operations_of
from chainopt.report.bracketing_text import bracketing_text, operations_text, stage_labels

if TYPE_CHECKING:
    from chainopt.bracketing.bracketing import Bracketing
    from chainopt.chain.chain import JacobianChain
    from chainopt.costs.model import CostModel


def whole(chain: JacobianChain, association: Bracketing, model: CostModel) -> str:
    """Return the whole product with its brackets; matrix-free operations are visible in it."""
    if chain.details is None:
        return bracketing_text(association)
    names = None if chain.names is None else [chain.label(position) for position in range(len(chain))]
    if association.kinds is not None:
        return operations_text(operations_of(chain, association, model), names or stage_labels(len(chain), 0))
    return bracketing_text(association, names)
