"""The brackets of a plan on one printed line: whole, or for a long chain elided, yet balanced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainopt.plan.plan_data import whole
from chainopt.report.bracketing_text import elided_text

if TYPE_CHECKING:
    from chainopt.plan.plan_data import PlanData

MOST_FACTORS, MOST_LETTERS = 30, 2_000  # whose brackets are written whole; names can be long
LONGEST = 300  # letters of the brackets of more factors, beyond which the inner ones are elided


def bracketing_line(plan: PlanData, most_factors: int = MOST_FACTORS) -> str:
    """Return the brackets for one printed line: whole if they fit, else the outer products."""
    return _line(plan, most_factors)[0]


def is_elided(plan: PlanData) -> bool:
    """Whether the line does not show all brackets."""
    return _line(plan, MOST_FACTORS)[1]


def _line(plan: PlanData, most_factors: int) -> tuple[str, bool]:
    factors = len(plan.chain)
    if factors <= LONGEST // 3:
        text = whole(plan.chain, plan.association, plan.model)
        most = MOST_LETTERS if factors <= most_factors else LONGEST if most_factors == MOST_FACTORS else 0
        if len(text) <= most:
            return text, False
    return elided_text(plan.association, plan.chain.label), True
